"""A story and its truth as plain data to draw: sentences of words, each word with all that is known about it.

Knows the truth of `llm_core.data.grammar` and no widget. Sentence by sentence the languages tell the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from pages.ui.corpus.words import PARTS, part_name, skill_name
from pages.ui.text import _

if TYPE_CHECKING:
    from llm_core.data.grammar.sampler import Sampled
    from llm_core.data.grammar.truth import Item

COLOURS = 7
"""After so many persons and things the colours begin again; their names stand under the words."""


@dataclass(frozen=True)
class Spoken:
    """A word of a text. `chain`: the variable of the one it means; `agrees`: the words it agrees with, as numbers."""

    number: int
    text: str
    start: int
    end: int
    part: str
    entity: str | None
    chain: str | None
    agrees: tuple[int, ...]
    items: "tuple[Item, ...]"
    mention: int | None
    """Where the mention of the chain begins that this word belongs to."""

    @property
    def blank(self) -> bool:
        """Whether it is only a line break."""
        return not self.text.strip()

    @property
    def named_otherwise(self) -> bool:
        """Whether it means somebody without naming them."""
        return self.mention is not None and self.part == "PRON"


@dataclass(frozen=True)
class Sentence:
    """A sentence: its place in the text, the name of the rule that made it, its words."""

    start: int
    end: int
    rule: str
    words: tuple[Spoken, ...]


@dataclass(frozen=True)
class Told:
    """A text as sentences of words. `rule`: the kind of text that it is · `names`: what everyone who is named is called first, by variable."""

    text: str
    language: str
    rule: str
    sentences: tuple[Sentence, ...]
    names: Mapping[str, str]
    palette: Mapping[str, int]
    """A colour for everyone who, or everything that, is mentioned more than once."""

    @property
    def words(self) -> list[Spoken]:
        """All words, each at the place of its number."""
        return [word for sentence in self.sentences for word in sentence.words]


def told(sampled: "Sampled") -> Told:
    """A text and its truth, word by word."""
    truth = sampled.truth
    chains = sorted((chain for chain in truth.chains if chain.spans), key=lambda chain: min(chain.spans))
    spans = [(word.start, word.end) for word in truth.words]
    chain_of = {number: chain.variable for chain in chains for mention in chain.spans for number in _at(spans, mention)}
    words = [
        Spoken(
            number, sampled.text[word.start : word.end], word.start, word.end, word.part, word.entity,
            chain_of.get(number),
            tuple(
                other
                for link in truth.agreements if number in _at(spans, (link.start, link.end))
                for other in _at(spans, (link.to_start, link.to_end)) if other != number
            ),
            tuple(item for item in truth.items if number in _at(spans, (item.start, item.end))),
            next((start for chain in chains for start, end in chain.spans if start <= word.start < end), None),
        )
        for number, word in enumerate(truth.words)
    ]  # fmt: skip
    return Told(
        sampled.text, sampled.language, truth.frame,
        tuple(
            Sentence(node.start, node.end, node.label, tuple(word for word in words if node.start <= word.start < node.end))
            for node in truth.tree.children
        ),
        {chain.variable: sampled.text[slice(*min(chain.spans))].strip() for chain in chains},
        {chain.variable: place % COLOURS for place, chain in enumerate(c for c in chains if len(c.spans) > 1)},
    )  # fmt: skip


def as_story(
    sides: Sequence[Told], world: Sequence[Sequence[Mapping[str, Any]]], colours: str, skill: str | None
) -> list[dict[str, Any]]:
    """The rows that `assets/browser/story.js` draws. `colours`: "part" or "who"; `skill`: mark only this one."""
    # The same colours in all languages: those of the first.
    columns = [
        [_segments(side, sentence, colours, skill, sides[0].palette) for sentence in side.sentences] for side in sides
    ]
    return [
        {
            "sides": [{"language": side.language, "segments": list(segments)} for side, segments in zip(sides, row, strict=True)],
            "world": list(world[number]) if number < len(world) else [],
        }
        for number, row in enumerate(zip_longest(*columns, fillvalue=()))
    ]  # fmt: skip


def worlds(sampled: "Sampled") -> list[list[dict[str, Any]]]:
    """After each sentence: who and what is where, one line each, and whether that is news."""
    found, before = [], dict[str, str]()
    for node in sampled.truth.tree.children:
        now = next((state for end, state in reversed(sampled.truth.states) if end <= node.end), {})
        found.append([{"text": placed(who, where), "fresh": before.get(who) != where} for who, where in now.items()])
        before = now
    return found


def placed(who: str, where: str) -> str:
    """One fact about the world."""
    return f"{who} · {where}"


def skills_in(sides: Sequence[Told]) -> list[str]:
    """The skills that these texts ask for, in the order in which they come up."""
    return list(dict.fromkeys(item.skill for side in sides for word in side.words for item in word.items))


def about(word: Spoken, others: Sequence[Spoken], names: Mapping[str, str]) -> str:
    """All that is known about a word, as a sentence."""
    said = [f"“{word.text}”: {part_name(word.part)}"]
    if word.chain is not None and names.get(word.chain, word.text) != word.text:
        said.append(_("means {name}", name=names[word.chain]))
    if word.agrees:
        said.append(_("agrees with {words}", words=", ".join(f"“{others[number].text}”" for number in word.agrees)))
    said += [_about_item(item) for item in word.items]
    return " · ".join(said)


def _about_item(item: "Item") -> str:
    right, wrong = (", ".join(f"“{choice.strip()}”" for choice in choices[:6]) for choices in (item.right, item.wrong))
    if not wrong:
        return _("asks for {skill}: {right}, and nothing else", skill=skill_name(item.skill), right=right)
    more = " …" if len(item.wrong) > 6 else ""
    return _("asks for {skill}: {right}, not {wrong}", skill=skill_name(item.skill), right=right, wrong=wrong + more)


def _segments(
    side: Told, sentence: Sentence, colours: str, skill: str | None, palette: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Words, and what stands between them."""
    words = side.words
    segments: list[dict[str, Any]] = []
    at, before = sentence.start, None
    for word in sentence.words:
        gap: dict[str, Any] = {"text": side.text[at : word.start]}
        if colours == "who" and word.mention is not None and word.mention == before:
            gap["bridge"] = palette.get(str(word.chain))
        if gap["text"]:
            segments.append({key: value for key, value in gap.items() if value is not None})
        before = word.mention
        at = word.end
        if word.part == "PUNCT" and not word.items:
            segments.append({"text": word.text})
            continue
        entry: dict[str, Any] = {"text": word.text, "word": word.number, "said": about(word, words, side.names)}
        if word.part == "PUNCT":
            entry["closing"] = True
        if colours == "part" and word.part in PARTS:
            entry |= {"label": part_name(word.part), "colour": PARTS[word.part][1]}
        if word.chain is not None and word.chain in palette:
            entry["chain"] = word.chain
            if colours == "who":
                entry |= {"colour": palette[word.chain]}
                if word.named_otherwise:
                    entry["label"] = side.names[word.chain]
        if word.agrees:
            entry["agrees"] = list(word.agrees)
        if any(skill in (None, item.skill) for item in word.items):
            entry["marked"] = True
        segments.append(entry)
    if at < sentence.end:
        segments.append({"text": side.text[at : sentence.end].rstrip()})
    return segments


def _at(spans: Sequence[tuple[int, int]], place: tuple[int, int]) -> list[int]:
    """The words that touch a place in the text."""
    return [number for number, (start, end) in enumerate(spans) if start < place[1] and place[0] < end]
