"""What a variable can be: words of a class, the others of it, those that fit to another word, or numbers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from llm_core.data.grammar.distributions import Distribution
from llm_core.data.grammar.lexicon import Word, WordClass
from llm_core.errors import UserError

NUMBER = Distribution(range(2, 10), [1 / rank for rank in range(1, 9)])
COUNT = Distribution(range(1, 4), [5, 3, 2])
_NOTATION = re.compile(r"(?:below (?P<below>\w+)|(?P<base>\w+)(?P<limits>(?:[!@]\w+)*))$")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a text a sentence stands: its path from the start, and the variables that are its own."""

    path: str
    own: Mapping[str, "Domain"]


class Values(Protocol):
    """Where the values of variables come from: drawn on the spot, or asked for one after the other."""

    memo: dict[str, Any]

    def variable(self, name: str, place: Place) -> Any:
        """The value of a variable: a `Word` or a whole number."""

    def domain(self, name: str, place: Place) -> "Domain":
        """What a variable can be."""

    def choose(self, key: str, distribution: Distribution) -> Any:
        """The value of a draw that has no name in the grammar."""


@dataclass(frozen=True)
class Domain:
    """A distribution that may depend on other variables, its ancestors: these are always drawn before it."""

    base: Distribution | WordClass | None
    """All that it could be without its ancestors; None for numbers below another."""
    others: tuple[str, ...] = ()
    fitting: tuple[str, ...] = ()
    below: str = ""
    known: dict[Any, Distribution] = field(default_factory=dict, repr=False, compare=False)
    questions: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    """Skill items about it that have been worked out, by slot and word."""

    @property
    def ancestors(self) -> tuple[str, ...]:
        """The variables that are drawn before it."""
        return (*self.others, *self.fitting, *((self.below,) if self.below else ()))

    @property
    def words(self) -> tuple[Word, ...]:
        """All words of its class, whatever the ancestors."""
        return self.base.words if isinstance(self.base, WordClass) else ()

    def distribution(self, values: Values, place: Place) -> Distribution:
        """The distribution given its ancestors. Raises UserError when nothing is left."""
        if isinstance(self.base, Distribution):
            return self.base
        if self.base is None:
            limit: int = values.variable(self.below, place)
            key: Any = limit
        else:
            key = tuple([values.variable(name, place) for name in (*self.others, *self.fitting)])
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = self._given(key)
        return found

    def _given(self, key: Any) -> Distribution:
        if self.base is None:
            return Distribution(range(1, key), [1.0] * (key - 1))
        assert isinstance(self.base, WordClass)
        out, near = key[: len(self.others)], key[len(self.others) :]
        left = [
            (word, weight)
            for word, weight in zip(self.base.words, self.base.weights, strict=True)
            if word not in out and all(word.tags & other.fits for other in near)
        ]
        if not left:
            raise UserError("No word of class {name} is left beside {others}.", name=self.base.name, others=", ".join(map(str, key)))  # fmt: skip
        return Distribution([word for word, _ in left], [weight for _, weight in left])


def read_domain(notation: str, classes: dict[str, WordClass]) -> Domain:
    """`class`, `class!A`, `class@A`, `number`, `count`, `below N`. Raises UserError for anything else."""
    match = _NOTATION.match(notation)
    if match and match["below"]:
        return Domain(None, below=match["below"])
    if match and match["base"] in ("number", "count") and not match["limits"]:
        return Domain(NUMBER if match["base"] == "number" else COUNT)
    if not match or match["base"] not in classes:
        raise UserError("There is no word class for {notation!r}.", notation=notation)
    limits = re.findall(r"([!@])(\w+)", match["limits"])
    return Domain(
        classes[match["base"]],
        others=tuple(name for sign, name in limits if sign == "!"),
        fitting=tuple(name for sign, name in limits if sign == "@"),
    )
