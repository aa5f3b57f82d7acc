"""A person's text made clean: Unicode form, white space, case, duplicates; with a report of all that was changed.

What it does twice changes nothing more (but near copies, where a great many resemble each other, may take another time),
and it takes nothing away but white space and whole repeated parts. What is left out only when words are counted stands
in `statistics`.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest
from typing import Literal

from llm_core.config import Config, setting
from llm_core.data.encodings import visible_surrogates
from llm_core.data.near_duplicates import Pair, find_near_duplicates
from llm_core.errors import N_, UserError

LARGEST = 50_000_000
"""Most characters that are cleaned at once."""

_SPACES = " \t\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_RUN = re.compile(f"[{_SPACES}]+")
_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_EMPTY_LINES = re.compile("\n{3,}")
_SEPARATORS = {"paragraph": re.compile(r"(\n(?:[ \t]*\n)+)"), "line": re.compile(r"(\n)")}
_SHORTEST_PART = 16
_MOST_SHOWN = 20
_EXCERPT = 160

StepName = Literal["unicode", "case", "white_space", "exact_duplicates", "near_duplicates", "empty"]


class CleaningConfig(Config):
    """What is done to a text, in this order."""

    unicode: Literal["none", "nfc", "nfkc"] = setting("nfc", N_("Unicode form"), N_("One way to write what looks the same. NFC joins letters and their accents; NFKC also makes full-width letters, ligatures and circled digits plain."))  # fmt: skip
    lower_case: bool = setting(False, N_("Lower case"), N_("Write everything small. The vocabulary gets smaller, and names and beginnings of sentences can no longer be told."))  # fmt: skip
    white_space: bool = setting(True, N_("Tidy white space"), N_("One kind of line end, one space between words, none at the end of a line, at most one empty line. The space at the beginning of a line stays: in code it has a meaning."))  # fmt: skip
    exact_duplicates: bool = setting(True, N_("Remove exact copies"), N_("Keep only the first of several equal parts."))
    near_duplicates: bool = setting(False, N_("Remove near copies"), N_("Also keep only the first of parts that differ in a few words, found by the runs of five characters that they share (MinHash)."))  # fmt: skip
    similarity: float = setting(0.8, N_("Alike from"), N_("The share of common runs of five characters from which two parts count as nearly the same (Jaccard)."), ge=0.5, le=1)  # fmt: skip
    part: Literal["document", "paragraph", "line"] = setting("document", N_("Compare"), N_("What is compared when copies are looked for: whole documents, paragraphs between empty lines, or lines. Paragraphs and lines of fewer than 16 characters always stay."))  # fmt: skip


@dataclass(frozen=True)
class Example:
    """The place where a text was changed, before and after; or a part that was taken away (after: None) and, where they
    were not equal, the earlier one that it resembled (alike)."""

    before: str
    after: str | None
    alike: str | None = None
    similarity: float | None = None


@dataclass(frozen=True)
class Step:
    """What one step did. changed: documents that are different after it · removed: parts taken away · characters: how
    many fewer there are (negative: more) · examples: the first 20."""

    name: StepName
    changed: int
    removed: int
    characters: int
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class Cleaned:
    """The documents that are left, and the report. Pairs are (before, after)."""

    texts: tuple[str, ...]
    kept: tuple[int, ...]
    """The place of each text among those given, for labels that belong to them."""
    documents: tuple[int, int]
    characters: tuple[int, int]
    steps: tuple[Step, ...]


def clean(
    documents: Iterable[str],
    config: CleaningConfig | None = None,
    report: Callable[[float], None] = lambda share: None,
) -> Cleaned:
    """Clean documents. The result can be written as UTF-8; cleaned once more it stays as it is.

    report: told the share that is done; may raise to cancel. Raises UserError above 50 million characters.
    """
    config = config or CleaningConfig()
    given = _read(documents)
    texts, steps = given, []
    for number, (name, write) in enumerate(_writers(config)):
        report(0.15 * number)
        texts, step = _rewrite(name, write, texts)
        steps.append(step)
    if config.exact_duplicates:
        texts, step = _without_copies("exact_duplicates", _exact_copies, texts, config)
        steps.append(step)
    if config.near_duplicates:
        find = partial(find_near_duplicates, similarity=config.similarity, report=lambda share: report(0.5 + share / 2))
        texts, step = _without_copies("near_duplicates", find, texts, config)
        steps.append(step)
    kept = tuple(place for place, text in enumerate(texts) if text.strip())
    left = tuple(texts[place] for place in kept)
    copies = sum(step.removed for step in steps) if config.part == "document" else 0
    empty = len(given) - len(left) - copies
    if empty:
        steps.append(Step("empty", 0, empty, sum(map(len, texts)) - sum(map(len, left))))
    report(1.0)
    return Cleaned(left, kept, (len(given), len(left)), (sum(map(len, given)), sum(map(len, left))), tuple(steps))


def as_file(texts: Sequence[str]) -> tuple[str, bytes]:
    """A file name and contents that hold these documents as they are: plain text for one, JSON lines for several."""
    if len(texts) == 1:
        return "cleaned.txt", texts[0].encode()
    return "cleaned.jsonl", "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts).encode()


def _read(documents: Iterable[str]) -> list[str]:
    texts, characters = [], 0
    for text in documents:
        characters += len(text)
        if characters > LARGEST:
            raise UserError("The text has more than {limit} million characters; that is the most that can be cleaned at once.", limit=LARGEST // 1_000_000)  # fmt: skip
        texts.append(visible_surrogates(text))
    return texts


def _writers(config: CleaningConfig) -> list[tuple[StepName, Callable[[str], str]]]:
    """The steps that change each text by itself. Each, done twice, does nothing more, and undoes none before it."""
    writers: list[tuple[StepName, Callable[[str], str]]] = []
    if config.unicode != "none":
        writers.append(("unicode", partial(_normal, config.unicode)))
    if config.lower_case:
        writers.append(("case", partial(_lower, config.unicode)))
    if config.white_space:
        writers.append(("white_space", _tidy))
    return writers


def _normal(form: str, text: str) -> str:
    return text if form == "none" else unicodedata.normalize("NFC" if form == "nfc" else "NFKC", text)


def _lower(form: str, text: str) -> str:
    """Lower case in this Unicode form: a few letters change a second time when they are put into it again."""
    while (lower := _normal(form, text.lower())) != text:
        text = lower
    return text


def _tidy(text: str) -> str:
    """White space in order; a space at the beginning of a line stays."""
    lines = []
    for line in _LINE_END.sub("\n", text).split("\n"):
        written = line.lstrip(_SPACES)
        indent = line[: len(line) - len(written)] if written else ""
        lines.append(indent + _RUN.sub(" ", written.rstrip(_SPACES)))
    tidy = _EMPTY_LINES.sub("\n\n", "\n".join(lines)).strip("\n")
    return tidy + "\n" if tidy and lines[-1] == "" else tidy


def _rewrite(name: StepName, write: Callable[[str], str], texts: list[str]) -> tuple[list[str], Step]:
    written = [write(text) for text in texts]
    places = [place for place, (before, after) in enumerate(zip(texts, written, strict=True)) if before != after]
    fewer = sum(len(texts[place]) - len(written[place]) for place in places)
    examples = tuple(_around_change(texts[place], written[place]) for place in places[:_MOST_SHOWN])
    return written, Step(name, len(places), 0, fewer, examples)


def _without_copies(
    name: StepName, find: Callable[[list[str]], list[Pair]], texts: list[str], config: CleaningConfig
) -> tuple[list[str], Step]:
    """The texts with every part blanked that `find` calls a copy of an earlier one."""
    # Parts and what separates them take turns; a part goes together with the separator after it.
    separator = _SEPARATORS.get(config.part)
    cut = [separator.split(text) if separator else [text] for text in texts]
    where = [
        (document, place)
        for document, pieces in enumerate(cut)
        for place in range(0, len(pieces), 2)
        if len(pieces[place].strip()) >= (_SHORTEST_PART if separator else 1)
    ]
    parts = [cut[document][place] for document, place in where]
    pairs = find(parts)
    for pair in pairs:
        document, place = where[pair.removed]
        cut[document][place : place + 2] = [""] * len(cut[document][place : place + 2])
    changed = {where[pair.removed][0] for pair in pairs}
    left = list(texts)
    for document in changed:
        text = "".join(cut[document])
        left[document] = _tidy(text) if config.white_space else text
    fewer = sum(len(texts[document]) - len(left[document]) for document in changed)
    examples = []
    for pair in pairs[:_MOST_SHOWN]:
        alike = _excerpt(parts[pair.kept]) if parts[pair.kept] != parts[pair.removed] else None
        examples.append(Example(_excerpt(parts[pair.removed]), None, alike, pair.similarity))
    return left, Step(name, len(changed), len(pairs), fewer, tuple(examples))


def _exact_copies(parts: Sequence[str]) -> list[Pair]:
    first: dict[str, int] = {}
    places = (first.setdefault(part, place) for place, part in enumerate(parts))
    return [Pair(kept, place, 1.0) for place, kept in enumerate(places) if kept != place]


def _around_change(before: str, after: str) -> Example:
    """A bounded piece of two different texts from a little before the place at which they part."""
    place = 0
    while before[place : place + _EXCERPT] == after[place : place + _EXCERPT]:
        place += _EXCERPT
    place += next(
        i
        for i, (a, b) in enumerate(zip_longest(before[place : place + _EXCERPT], after[place : place + _EXCERPT]))
        if a != b
    )
    start = max(0, place - _EXCERPT // 4)
    return Example(_excerpt(before[start:], start > 0), _excerpt(after[start:], start > 0))


def _excerpt(text: str, begun: bool = False) -> str:
    return "…" * begun + text[:_EXCERPT] + "…" * (len(text) > _EXCERPT)
