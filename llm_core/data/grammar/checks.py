"""Checks of a grammar by its own texts: what no reading of its files would show."""

from collections import Counter
from dataclasses import dataclass

from llm_core.data.grammar.grammar import LANGUAGES, Grammar
from llm_core.data.grammar.predictor import Predictor
from llm_core.data.grammar.sampler import Sampled, sample
from llm_core.data.grammar.sentences import check_sentences

_SMALLEST = 1e-12


@dataclass(frozen=True)
class Fault:
    """Something wrong with one text."""

    language: str
    index: int
    what: str
    text: str


def find_faults(grammar: Grammar, seed: int, start: int, count: int) -> list[Fault]:
    """Texts that the filter does not read as the sampler wrote them, in both languages.

    It must give them the same probability, along one derivation (unless the grammar hides draws); a text and its
    translation must be equally probable; every sentence must be valid by itself; and what an item of a skill calls wrong
    must be impossible where it stands.
    """
    faults = []
    for index in range(start, start + count):
        made = {language: sample(grammar, language, seed, index) for language in LANGUAGES}
        for language, text in made.items():
            faults += [Fault(language, index, what, text.text) for what in _of_text(grammar, text)]
        if abs(made["en"].log_probability - made["zh"].log_probability) > 1e-9 and not grammar.hidden:
            faults.append(
                Fault("en, zh", index, "the languages differ in probability", made["en"].text + " / " + made["zh"].text)
            )
    return faults


def count_items(grammar: Grammar, language: str, seed: int, count: int) -> Counter[str]:
    """How many items of each skill a number of texts have."""
    return Counter(
        item.skill for index in range(count) for item in sample(grammar, language, seed, index).truth.items
    )  # fmt: skip


def _of_text(grammar: Grammar, made: Sampled) -> list[str]:
    faults = []
    text, language = made.text, made.language
    predictor = Predictor(grammar, language)
    nats, read = 0.0, 0
    for item in sorted(made.truth.items, key=lambda item: item.start):
        nats += predictor.push(text[read : item.start])
        read = item.start
        allowed = predictor.continuations()
        for wrong in item.wrong:
            other = predictor.copy()
            if not any(right.startswith(wrong) for right in item.right) and other.push(wrong) > -float("inf"):
                faults.append(f"{item.skill}: {wrong!r} is possible after {text[: item.start]!r}")
        if not item.wrong and sum(share for piece, share in allowed.items() if piece not in item.right) > _SMALLEST:
            faults.append(f"{item.skill}: more than {item.right} is possible after {text[: item.start]!r}")
    nats += predictor.push(text[read:]) + predictor.end()
    if not abs(nats - made.log_probability) < 1e-9:
        faults.append(f"the filter gives {nats}, the sampler {made.log_probability}")
    if not grammar.hidden and predictor.derivations() != 1:
        faults.append(f"{predictor.derivations()} derivations")
    faults += [f"sentence {text[one.start : one.end]!r} is not valid by itself" for one in check_sentences(grammar, language, text) if not one.valid]  # fmt: skip
    return faults
