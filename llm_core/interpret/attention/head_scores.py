"""What each attention head is good for, in scores with a known meaning: over hundreds of texts, with intervals.

Three scores say how much attention goes where it should in random tokens that come twice. Four say how often the word
with most attention is the right one in texts whose truth a grammar knows, beside the best fixed offset: as Clark et al.
(2019, section 4.2) tested the heads of BERT against a parser. Attention to a word is the sum over its tokens, attention
from one the mean over its tokens; control tokens and the word itself are no answer, and of equals the first counts.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from llm_core.config import TransformerConfig, network
from llm_core.errors import N_
from llm_core.evaluate.rows import device_of
from llm_core.interpret import intervals
from llm_core.interpret.attention.answers import Measure, Prepared, answer, prepare_batches, sums_by_text
from llm_core.interpret.attention.attention import Part, parts, see_patterns
from llm_core.interpret.attention.head_summaries import KINDS, summarize_texts
from llm_core.interpret.attention.known_links import aligned_texts, known_texts
from llm_core.interpret.attention.questions import AskedText, Baseline, best_offset
from llm_core.interpret.attention.repeated_tokens import repeated_texts
from llm_core.interpret.outcome import outcome
from llm_core.interpret.reading import AnyTokenizer, read
from llm_core.models.base import Model

Floats = NDArray[np.float64]
Scores = dict[Part, dict[str, "Score"]]
Progress = Callable[[float], None]
_OLSSON = "Olsson et al. 2022"
_CLARK = "Clark et al. 2019"


@dataclass(frozen=True)
class ScoreKind:
    """A score as a page names it. `measure`: a share of attention, or how often the most attended word is right;
    `unit`: what its offsets count."""

    title: str
    meaning: str
    paper: str
    measure: Measure
    unit: str


SCORES: dict[str, ScoreKind] = {
    "previous_token": ScoreKind(N_("Previous token"), N_("In random tokens that come twice: the share of attention that goes to the token right before."), _OLSSON, "share", "token"),
    "duplicate_token": ScoreKind(N_("Duplicate token"), N_("In random tokens that come twice: the share of attention that a token of the second copy gives to the same token in the first."), "Wang et al. 2023", "share", "token"),
    "induction": ScoreKind(N_("Induction"), N_("In random tokens that come twice: the share of attention that a token of the second copy gives to the token that came after it the first time, and so comes next."), _OLSSON, "share", "token"),
    "subject": ScoreKind(N_("Subject of the verb"), N_("How often, where a verb must show a number, most attention of all words goes to the noun that it agrees with."), _CLARK, "accuracy", "word"),
    "antecedent": ScoreKind(N_("Meaning of the pronoun"), N_("How often, where a pronoun comes, most attention of all words goes to an earlier noun or name for what it means."), _CLARK, "accuracy", "word"),
    "place": ScoreKind(N_("Place of the thing"), N_("How often, where a place comes that must be remembered, most attention of all words goes to an earlier mention of that place."), _CLARK, "accuracy", "word"),
    "alignment": ScoreKind(N_("Alignment"), N_("How often, where a word of a translation comes, most attention of all words of the source goes to the one that says the same."), "Kobayashi et al. 2020", "accuracy", "word"),
}  # fmt: skip
"""Every score by its name, in the order in which a table shows them."""


@dataclass(frozen=True)
class Score:
    """A score, or a summary, of all heads of a part: each array (layers, heads), `low` and `high` a 95 % interval.

    `items` questions in `texts` texts. `baseline`: what always looking at the best fixed offset would get over the
    same texts, and `baseline_name` which that is ("offset -2", in the score's unit); None and "" where there is none.
    """

    mean: Floats
    low: Floats
    high: Floats
    items: int
    texts: int
    baseline: float | None = None
    baseline_name: str = ""


@dataclass(frozen=True)
class Exercise:
    """Texts with questions, ready for any snapshot of a model. The first `summarized` of its `texts` count in the
    summaries; no batch has some of them and some others."""

    batches: tuple[Prepared, ...] = field(repr=False)
    texts: int
    summarized: int
    baselines: Mapping[tuple[Part, str], Baseline | None]


def head_scores(
    model: Model, tokenizer: AnyTokenizer, *, texts: int = 500, seed: int = 0, language: str | None = "en"
) -> Scores:
    """All scores and summaries that a model can have, by part and name.

    `language`: of the texts, "en" or "zh"; of an encoder-decoder the language of its source. None leaves out what needs
    a language. Raises UserError for a model without attention.
    """
    return outcome(score(model, exercises(model, tokenizer, texts=texts, seed=seed, language=language), tokenizer))


def exercises(
    model: Model,
    tokenizer: AnyTokenizer,
    *,
    texts: int = 500,
    seed: int = 0,
    language: str | None = "en",
    grammar: str = "stories",
    vocabulary: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> tuple[Exercise, ...]:
    """What a model of this shape is asked. Made once, it serves all snapshots; they differ in weights alone.

    `vocabulary`: the tokens that random texts are drawn from; those of the language's texts when None, so that no head
    is judged by tokens that it has hardly seen. Raises UserError for a model without attention.
    """
    read(model, tokenizer, "", " ")  # refuses what has no attention
    config = network(model.config)
    assert isinstance(config, TransformerConfig)
    tell = progress or (lambda share: None)
    draw = aligned_texts if "cross" in parts(model) else known_texts
    known: list[AskedText] = []
    for asked in draw(model, tokenizer, texts, seed, language, grammar) if language else ():
        known.append(asked)
        tell(min(0.8, 0.4 * len(known) / texts))
    tokens = sorted(set(_tokens(known, tokenizer) if vocabulary is None else vocabulary))
    repeated = list(repeated_texts(model, tokenizer, tokens, texts, seed))
    tell(0.9)
    heads = config.layers * config.heads
    made = [exercise(known, heads, texts)] if known else []
    # Random tokens say nothing of what a model does with language: they count in summaries only for want of any.
    return (*made, exercise(repeated, heads, 0 if known else texts))


def score(model: Model, asked: Sequence[Exercise], tokenizer: AnyTokenizer) -> Generator[float, None, Scores]:
    """Put exercises to a model: yields the share done after each batch of texts, and returns the scores.

    Nothing that grows with the texts is kept but a number for each text, head and score.
    """
    whole = sum(len(exercise.batches) for exercise in asked)
    done, scores = 0, Scores()
    for exercise in asked:
        tally = _Tally(exercise)
        for prepared in exercise.batches:
            batch = prepared.batch.to(device_of(model))
            patterns = {part: pattern.cpu() for part, pattern in see_patterns(model, batch).items()}
            for part, by_score in prepared.asked.items():
                for name, questions in by_score.items():
                    answers = answer(patterns[part], questions, SCORES[name].measure)
                    tally.add(part, name, prepared.texts, *sums_by_text(answers, questions, len(prepared.texts)))
            if prepared.texts[0] < exercise.summarized:
                for part, summaries in summarize_texts(patterns, prepared.batch, tokenizer.separators).items():
                    for name, values in summaries.named().items():
                        tally.add_summary(part, name, prepared.texts, values.swapaxes(0, 1))
            del patterns
            done += 1
            yield done / whole
        for part, found in tally.scores().items():
            scores.setdefault(part, {}).update(found)
    return scores


class _Tally:
    """Sums and counts by part, score and text."""

    def __init__(self, exercise: Exercise) -> None:
        self._exercise = exercise
        self._sums: dict[tuple[Part, str], Floats] = {}
        self._counts: dict[tuple[Part, str], NDArray[np.int64]] = {}

    def add(
        self, part: Part, name: str, texts: Sequence[int], sums: NDArray[np.float64], counts: NDArray[np.int64]
    ) -> None:
        """sums (texts, layers, heads), counts (texts,)."""
        key = part, name
        if key not in self._sums:
            self._sums[key] = np.zeros((self._exercise.texts, *sums.shape[1:]))
            self._counts[key] = np.zeros(self._exercise.texts, dtype=np.int64)
        self._sums[key][list(texts)] += sums
        self._counts[key][list(texts)] += counts

    def add_summary(self, part: Part, name: str, texts: Sequence[int], values: NDArray[np.float32]) -> None:
        """values (texts, layers, heads), NaN where a text has none."""
        there = np.array([bool(np.isfinite(text).all()) for text in values])
        self.add(part, name, texts, np.where(there[:, None, None], values, 0.0), there.astype(np.int64))

    def scores(self) -> Scores:
        found: Scores = {}
        for (part, name), counts in self._counts.items():
            if not counts.any():
                continue
            is_share = name in SCORES or KINDS[name].share
            estimate = (intervals.share if is_share else intervals.mean)(self._sums[part, name], counts)
            baseline = self._exercise.baselines.get((part, name))
            found.setdefault(part, {})[name] = Score(
                estimate.mean, estimate.low, estimate.high, int(counts.sum()), int((counts > 0).sum()),
                None if baseline is None else baseline.share, "" if baseline is None else baseline.name,
            )  # fmt: skip
        return found


def exercise(texts: Sequence[AskedText], heads: int, summarized: int = 0) -> Exercise:
    """Texts with their questions, ready for a model with so many heads; the first `summarized` count in summaries."""
    names = {(part, name) for text in texts for part, by_score in text.questions.items() for name in by_score}
    baselines = {
        # To look one token back always is what this score asks for, and nothing to compare with.
        (part, name): None
        if name == "previous_token"
        else best_offset(question for text in texts for question in text.questions[part][name])
        for part, name in names
    }
    batches = *prepare_batches(texts[:summarized], heads), *prepare_batches(texts[summarized:], heads, summarized)
    return Exercise(batches, len(texts), summarized, baselines)


def _tokens(texts: Sequence[AskedText], tokenizer: AnyTokenizer) -> Iterator[int]:
    """The tokens that texts are made of, control tokens aside."""
    control = {*tokenizer.begin, *tokenizer.end, *tokenizer.separators}
    for text in texts:
        sides = (text.reading.text, text.reading.source)
        yield from (token for side in sides if side is not None for token in side.ids if token not in control)
