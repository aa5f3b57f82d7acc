"""Whether each sentence of a text, taken by itself, is one that the grammar can say."""

from dataclasses import dataclass
from functools import lru_cache

from llm_core.data.grammar.domains import Place
from llm_core.data.grammar.grammar import Frame, Grammar, Sentence
from llm_core.data.grammar.machine import Done
from llm_core.data.grammar.predictor import Hypothesis, Predictor, Stack
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
    predictor = Predictor(grammar, language, starts)
    return bool(starts) and predictor.push(sentence) > -1e30 and predictor.end() > -1e30


@lru_cache(maxsize=4)
def _openings(grammar: Grammar, language: str) -> dict[str, list[Hypothesis]]:
    """All starts by their first word: there are tens of thousands, and a sentence begins with one word only."""
    openings: dict[str, list[Hypothesis]] = {}
    for one in Predictor(grammar, language, _starts(grammar, language)).opened():
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
