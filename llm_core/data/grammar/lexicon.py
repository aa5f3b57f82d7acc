"""The words of a world: classes with weights, their forms in both languages, and what fits to what."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llm_core.errors import UserError

_KNOWN = {"en", "zh", "plural", "measure", "gender", "tags", "fits"}


@dataclass(frozen=True, eq=False, slots=True)
class Word:
    """One entry of a class. Forms are tuples of words as they stand in a text, without capitals of a sentence's start."""

    kind: str
    part: str
    entity: str | None
    english: tuple[str, ...]
    plural: tuple[str, ...]
    chinese: tuple[str, ...]
    measure: str
    gender: str
    tags: frozenset[str]
    fits: frozenset[str]
    columns: Mapping[str, tuple[str, ...]] = field(repr=False)

    def __str__(self) -> str:
        return " ".join(self.english)


@dataclass(frozen=True, eq=False)
class WordClass:
    """The words of one kind, the frequent first, with unnormalised weights (Zipf)."""

    name: str
    words: tuple[Word, ...]
    weights: tuple[float, ...]


def read_class(name: str, data: Mapping[str, Any]) -> WordClass:
    """A table `[class.name]`. Raises UserError where a row does not fit its columns."""
    columns = [column.strip() for column in data["columns"].split("|")]
    if not {"en", "zh"} <= set(columns):
        raise UserError("Class {name} needs the columns en and zh; it has {columns}.", name=name, columns=" | ".join(columns))  # fmt: skip
    rows = [_row(name, columns, line, data) for line in data["words"]]
    for form in ("english", "chinese"):
        seen: set[tuple[str, ...]] = set()
        for word in rows:
            if getattr(word, form) in seen:
                raise UserError("Class {name} has {word!r} twice.", name=name, word=" ".join(getattr(word, form)))
            seen.add(getattr(word, form))
    zipf, shift = float(data.get("zipf", 1.0)), float(data.get("shift", 2.0))
    weights = tuple(1 / (rank + shift) ** zipf for rank in range(len(rows)))
    return WordClass(name, tuple(rows), weights)


def join(classes: Mapping[str, WordClass], name: str, shares: Mapping[str, float]) -> WordClass:
    """A union: each class with its share of the weight."""
    words: list[Word] = []
    weights: list[float] = []
    for part, share in shares.items():
        if part not in classes:
            raise UserError("Union {name} names {part!r}, which is no class.", name=name, part=part)
        total = sum(classes[part].weights)
        words += classes[part].words
        weights += [share * weight / total for weight in classes[part].weights]
    return WordClass(name, tuple(words), tuple(weights))


def _row(name: str, columns: list[str], line: str, data: Mapping[str, Any]) -> Word:
    cells = [cell.strip() for cell in line.split("|")]
    given = dict(zip(columns, cells, strict=False))
    if len(cells) > len(columns) or not given.get("en") or not given.get("zh"):
        raise UserError("Class {name}: {line!r} does not fit the columns {columns}.", name=name, line=line, columns=" | ".join(columns))  # fmt: skip
    english = tuple(given["en"].split())
    plural = tuple(given["plural"].split()) if given.get("plural") else _plural(english)
    extra = {column: tuple(given.get(column, "").split()) for column in columns if column not in _KNOWN}
    return Word(
        kind=name, part=str(data["part"]), entity=data.get("entity"), english=english, plural=plural,
        chinese=tuple(given["zh"].split()), measure=given.get("measure") or str(data.get("measure", "")),
        gender=given.get("gender") or str(data.get("gender", "")),
        tags=_tags(data.get("tags"), given.get("tags")), fits=_tags(data.get("fits"), given.get("fits")), columns=extra,
    )  # fmt: skip


def _tags(*texts: str | None) -> frozenset[str]:
    return frozenset(tag for text in texts if text for tag in text.split())


def _plural(words: Iterable[str]) -> tuple[str, ...]:
    *before, last = words
    if re.search("(s|x|z|ch|sh)$", last):
        last += "es"
    elif re.search("[^aeiou]y$", last):
        last = last[:-1] + "ies"
    else:
        last += "s"
    return (*before, last)
