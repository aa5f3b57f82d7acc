"""Whether each sentence of a text, taken by itself, is one that the grammar can say."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from llm_core.data.grammar.distributions import Distribution
from llm_core.data.grammar.domains import Domain, Place
from llm_core.data.grammar.grammar import Frame, Grammar, Sentence
from llm_core.data.grammar.lexicon import Word
from llm_core.data.grammar.machine import Done
from llm_core.data.grammar.predictor import Asking, DrawNeededError, Hypothesis, Predictor, Stack
from llm_core.data.grammar.slots import Literal, Op, Slot
from llm_core.data.grammar.surface import BREAK, START, sentence_spans


@dataclass(frozen=True, slots=True)
class Checked:
    """One sentence, from `start` to `end` (characters, end exclusive): a sentence of the grammar or not."""

    start: int
    end: int
    valid: bool


def check_sentences(grammar: Grammar, language: str, text: str) -> list[Checked]:
    """Each sentence of a text by itself: what a person could say somewhere in a text of this grammar. Where a grammar
    writes the turns of a talk, each line by itself.

    A sentence is valid when its words fit each other, whatever the others say. A text of valid sentences can be no text
    of the grammar: it may forget where things are. `log_probability` judges whole texts.
    """
    spans = _line_spans(text) if _by_lines(grammar) else sentence_spans(text)
    return [Checked(start, end, _valid(grammar, language, text[start:end])) for start, end in spans]


@lru_cache(maxsize=16)
def _by_lines(grammar: Grammar) -> bool:
    """Whether its sentences begin lines, as the turns of a talk do: then a line can hold more than one full stop."""
    return any(
        _begins_line(sentence.templates["en"].ops)
        for frame in grammar.frames
        for sentence in grammar.sentences_of(frame)
    )


def _begins_line(ops: tuple[Op, ...]) -> bool:
    return bool(ops) and isinstance(ops[0], Literal) and ops[0].text == (BREAK,)


def _line_spans(text: str) -> list[tuple[int, int]]:
    spans, start = [], 0
    for line in text.split("\n"):
        if line.strip():
            spans.append((start, start + len(line)))
        start += len(line) + 1
    return spans


@lru_cache(maxsize=50_000)
def _valid(grammar: Grammar, language: str, sentence: str) -> bool:
    starts = [one for piece, ones in _openings(grammar, language).items() if sentence.startswith(piece) for one in ones]
    predictor = _SentencePredictor(grammar, language, starts)
    return bool(starts) and predictor.push(sentence) > -1e30 and predictor.end() > -1e30


class _Unbound(Asking):
    """Draws of a sentence by itself: of variables that it shows, and not of the ancestors that it does not.

    A word must fit the variables drawn so far, and each of those not drawn must have a word left that fits all. To go
    through all that an unseen thing can be would be exact in the same way, and a hundred times slower.
    """

    __slots__ = ()

    def variable(self, name: str, place: Place) -> Any:
        value = self.memo.get(name)
        if value is not None:
            return value
        domain = self.domain(name, place)
        if not domain.words:
            return super().variable(name, place)
        frame: Frame = self.memo["#frame"]
        domains = {**frame.variables, **place.own}
        drawn = {other: self.memo[other] for other in domains if other in self.memo}
        words = [word for word in domain.words if _consistent(domains, {**drawn, name: word}, name)]
        if not words:
            raise DrawNeededError(name, None)
        return self.draw(name, Distribution(words, [1.0] * len(words)))


def _consistent(domains: Mapping[str, Domain], drawn: Mapping[str, Any], name: str) -> bool:
    """Whether the word drawn last goes with the others, and leaves a word for each ancestor that is not drawn."""
    if not all(_goes(domains[other], drawn, value) for other, value in drawn.items() if other == name or name in domains[other].ancestors):  # fmt: skip
        return False
    for ancestor in domains[name].fitting:
        if ancestor not in drawn:
            asking = [drawn[other] for other in drawn if ancestor in domains[other].fitting]
            if not any(all(word.tags & left.fits for word in asking) for left in domains[ancestor].words):
                return False
    return True


def _goes(domain: Domain, drawn: Mapping[str, Any], word: Any) -> bool:
    """Whether a word keeps to those of its ancestors that are drawn."""
    if not isinstance(word, Word):
        return True
    out = all(drawn.get(other) != word for other in domain.others)
    return out and all(word.tags & drawn[near].fits for near in domain.fitting if near in drawn)


class _SentencePredictor(Predictor):
    _draws = _Unbound


@lru_cache(maxsize=4)
def _openings(grammar: Grammar, language: str) -> dict[str, list[Hypothesis]]:
    """All starts by their first word: there are tens of thousands, and a sentence begins with one word only."""
    openings: dict[str, list[Hypothesis]] = {}
    for one in _SentencePredictor(grammar, language, _starts(grammar, language)).opened():
        if one.pending:
            openings.setdefault(one.pending[0], []).append(one)
    return openings


def _starts(grammar: Grammar, language: str) -> tuple[Hypothesis, ...]:
    """Every sentence of every frame, with nothing drawn yet and each possible last subject."""
    starts, seen = [], set()
    for frame in grammar.frames:
        for sentence in grammar.sentences_of(frame):
            ops = sentence.templates[language].ops
            if _begins_line(ops):
                ops = ops[1:]
            # Two frames whose variables can be the same say the same with it.
            known = (
                sentence.name,
                tuple(sorted((name, repr(frame.variables[name])) for name in _needed(frame, sentence))),
            )
            if known in seen:
                continue
            seen.add(known)
            place = Place("", sentence.templates[language].own)
            stack: Stack = ((Done(sentence), place), None)
            for op in reversed(ops):
                stack = ((op, place), stack)
            for subject in (None, *dict.fromkeys(op.name for op in ops if isinstance(op, Slot) and op.form == "s")):
                starts.append(Hypothesis({"#frame": frame, "#subject": subject}, stack, START, (), 1.0))
    return tuple(starts)


def _needed(frame: Frame, sentence: Sentence) -> set[str]:
    """The variables of the frame that a sentence shows, and their ancestors."""
    template = sentence.templates["en"]
    waiting = [name for name in template.names if name in frame.variables]
    for domain in template.own.values():
        waiting += [name for name in domain.ancestors if name in frame.variables]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += frame.variables[name].ancestors
    return found
