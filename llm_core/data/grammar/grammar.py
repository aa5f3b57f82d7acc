"""A grammar: frames with variables, sequences of sentences, and sentences written in both languages at once.

A text is a sequence of draws: a frame, then sentences, then words, each from a distribution that is normalised given the
draws it depends on (its ancestors). Both languages show the same draws, so that a text and its translation have the same
probability. The files in `assets/grammars/` say what there is; this module reads and checks them.
"""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from llm_core.data.grammar.distributions import Distribution
from llm_core.data.grammar.domains import Domain, read_domain
from llm_core.data.grammar.lexicon import WordClass, join, read_class
from llm_core.data.grammar.notation import Template, TemplateReader
from llm_core.errors import UserError

LANGUAGES = ("en", "zh")
GRAMMARS = Path(__file__).parents[3] / "assets" / "grammars"
_FORMAT = 1


@dataclass(frozen=True)
class Sentence:
    """One way to say something, in both languages."""

    name: str
    templates: Mapping[str, Template]
    facts: tuple[tuple[str, str, str], ...]
    """(thing or person, "at" | "with" | "gone", place or person), by variable."""


@dataclass(frozen=True)
class Asked:
    """A question about a text; its answer is a variable that the text shows."""

    templates: Mapping[str, Template]
    answer: str


@dataclass(frozen=True)
class Frame:
    """One kind of text: its variables and what happens in it, in order."""

    name: str
    variables: Mapping[str, Domain]
    body: tuple[str, ...]
    headline: Mapping[str, Template] | None = None
    questions: tuple[Asked, ...] = ()


Alternative = Frame | Sentence | tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Alternatives with weights. No alternative comes twice in a text while others are left."""

    name: str
    alternatives: tuple[Alternative, ...]
    weights: tuple[float, ...]
    known: dict[tuple[int, ...], Distribution] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def mark(self) -> str:
        """The name under which a text remembers which alternatives it has had."""
        return f"#used {self.name}"

    def distribution(self, used: tuple[int, ...]) -> Distribution:
        """Over the places of alternatives, without those used."""
        found = self.known.get(used)
        if found is None:
            left = [place for place in range(len(self.alternatives)) if place not in used] or range(
                len(self.alternatives)
            )
            found = self.known[used] = Distribution(list(left), [self.weights[place] for place in left])
        return found


@dataclass(frozen=True, eq=False)
class Grammar:
    """A grammar that has been read and checked. `digest` (SHA-256) covers all that shapes its texts."""

    name: str
    start: str
    digest: str
    groups: Mapping[str, Group]
    classes: Mapping[str, WordClass]
    hidden: frozenset[str]
    """Variables that no text shows; a text's probability sums over them."""
    unknown_parts: Mapping[str, frozenset[str]]
    """By language: words of templates without a part of speech."""

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The kinds of text it can begin with."""
        return tuple(one for one in self.groups[self.start].alternatives if isinstance(one, Frame))

    def sentences_of(self, frame: Frame) -> Iterator[Sentence]:
        """All sentences that can come in a text of this frame, each once."""
        waiting, seen = list(frame.body), set()
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            for alternative in self.groups[name].alternatives:
                if isinstance(alternative, Sentence):
                    yield alternative
                elif isinstance(alternative, tuple):
                    waiting += alternative


@lru_cache(maxsize=32)
def load_grammar(name: str, start: str | None = None) -> Grammar:
    """The grammar `assets/grammars/<name>.toml` over the words of `world.toml`.

    start: another group of frames to begin with than the file's own. Raises UserError where the files are not right.
    """
    world = _read(GRAMMARS / "world.toml")
    return build_grammar(name, world, _read(GRAMMARS / f"{name}.toml"), start)


def build_grammar(name: str, world: Mapping[str, Any], data: Mapping[str, Any], start: str | None = None) -> Grammar:
    """A grammar out of the tables of its files. Raises UserError with the place of the first fault."""
    classes = {
        key: read_class(key, table) for source in (world, data) for key, table in source.get("class", {}).items()
    }
    for source in (world, data):
        for key, shares in source.get("union", {}).items():
            classes[key] = join(classes, key, shares)
    numbers = _number_variables(data, classes)
    parts = {language: {**world.get("parts", {}).get(language, {}), **data.get("parts", {}).get(language, {})} for language in LANGUAGES}  # fmt: skip
    readers = {language: TemplateReader(language, classes, parts[language], numbers) for language in LANGUAGES}
    groups: dict[str, Group] = {}
    for key, rows in data.get("frame", {}).items():
        frames = tuple(_frame(row, classes, readers) for row in rows)
        groups[key] = Group(key, frames, tuple(float(row["weight"]) for row in rows))
    for key, rows in data.get("sequence", {}).items():
        groups[key] = Group(key, tuple(tuple(row[1:]) for row in rows), tuple(float(row[0]) for row in rows))
    for key, rows in data.get("sentence", {}).items():
        sentences = tuple(_sentence(f"{key}.{place}", row, readers) for place, row in enumerate(rows))
        groups[key] = Group(key, sentences, tuple(float(row["weight"]) for row in rows))
    first = start or str(data["start"])
    grammar = Grammar(
        name, first, _digest(world, data, classes, first), groups, classes, frozenset(data.get("hidden", ())),
        {language: frozenset(reader.unknown) for language, reader in readers.items()},
    )  # fmt: skip
    _check(grammar)
    return grammar


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError("There is no grammar {name!r}.", name=path.stem[:100]) from None
    except tomllib.TOMLDecodeError as error:
        raise UserError("Grammar {name} is not valid TOML: {reason}.", name=path.name, reason=str(error)) from None


def _number_variables(data: Mapping[str, Any], classes: dict[str, WordClass]) -> frozenset[str]:
    return frozenset(
        variable
        for rows in data.get("frame", {}).values()
        for row in rows
        for variable, notation in row.get("variables", {}).items()
        if not read_domain(notation, classes).words
    )


def _frame(row: Mapping[str, Any], classes: dict[str, WordClass], readers: Mapping[str, TemplateReader]) -> Frame:
    variables = {name: read_domain(notation, classes) for name, notation in row.get("variables", {}).items()}
    small = [name for name in variables if not name[0].isupper()]
    if small:
        raise UserError(
            "Frame {frame}: the variable {name} must begin with a capital.", frame=row["name"], name=small[0]
        )
    headline = {language: readers[language].read(row["headline"][language]) for language in LANGUAGES} if "headline" in row else None  # fmt: skip
    questions = tuple(
        Asked({language: readers[language].read(asked[language]) for language in LANGUAGES}, asked["answer"])
        for asked in row.get("questions", ())
    )
    return Frame(row["name"], variables, tuple(row["body"]), headline, questions)


def _sentence(name: str, row: Mapping[str, Any], readers: Mapping[str, TemplateReader]) -> Sentence:
    templates = {language: readers[language].read(row[language]) for language in LANGUAGES}
    english, chinese = (templates[language] for language in LANGUAGES)
    unlike = {name for name in {*english.own, *chinese.own} if english.own.get(name) != chinese.own.get(name)}
    if english.names != chinese.names or unlike:
        differing = ", ".join(sorted((english.names ^ chinese.names) | unlike))
        raise UserError("Sentence {name} shows {names} in one language only.", name=name, names=differing)
    facts = tuple(_fact(name, fact) for fact in row.get("facts", ()))
    return Sentence(name, templates, facts)


def _fact(name: str, fact: str) -> tuple[str, str, str]:
    match fact.split():
        case [who, ("at" | "with") as how, where]:
            return who, how, where
        case [who, "gone"]:
            return who, "gone", ""
    raise UserError("Sentence {name}: the fact {fact!r} must read `O at P`, `O with A` or `O gone`.", name=name, fact=fact)  # fmt: skip


def _check(grammar: Grammar) -> None:
    """That everything named is there. Raises UserError."""
    if grammar.start not in grammar.groups or not grammar.frames:
        raise UserError("Grammar {name} has no frames {start!r}.", name=grammar.name, start=grammar.start)
    for group in grammar.groups.values():
        for alternative in group.alternatives:
            named = alternative.body if isinstance(alternative, Frame) else alternative if isinstance(alternative, tuple) else ()  # fmt: skip
            for name in named:
                if name not in grammar.groups:
                    raise UserError("{group} names {name!r}, which is no sentence and no sequence.", group=group.name, name=name)  # fmt: skip
    for group in grammar.groups.values():
        for frame in group.alternatives:
            if isinstance(frame, Frame):
                _check_frame(grammar, frame)


def _check_frame(grammar: Grammar, frame: Frame) -> None:
    for name, domain in frame.variables.items():
        for needed in domain.ancestors:
            if needed not in frame.variables:
                raise UserError("Frame {frame}: {name} depends on {needed}, which is not there.", frame=frame.name, name=name, needed=needed)  # fmt: skip
    for sentence in grammar.sentences_of(frame):
        template = sentence.templates["en"]
        named = set(template.names).union(*(domain.ancestors for domain in template.own.values()))
        for name in sorted(named):
            if name not in template.own and name not in frame.variables:
                raise UserError("Frame {frame}: sentence {sentence} needs {name}, which is not there.", frame=frame.name, sentence=sentence.name, name=name)  # fmt: skip


def _digest(world: Mapping[str, Any], data: Mapping[str, Any], classes: Mapping[str, WordClass], start: str) -> str:
    """Over the grammar and the classes of the world that it names, so that a word it never uses changes nothing."""
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    unions = {key: table for key, table in world.get("union", {}).items() if key in text}
    named = text + json.dumps(unions, sort_keys=True)
    used = {key: table for key, table in world.get("class", {}).items() if key in named}
    whole = json.dumps([_FORMAT, start, data, unions, used, world.get("parts", {})], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(whole.encode()).hexdigest()
