"""What a run shows of itself while it trains: figures on held-out text, and samples of what it writes."""

from collections.abc import Iterator

from llm_core.config import READING, DecodingConfig
from llm_core.data.annotated import ASKED
from llm_core.data.prepare import TokenizedCorpus
from llm_core.evaluate.language_model import Score, still
from llm_core.evaluate.measures import measure
from llm_core.inference.generate import generate
from llm_core.training.answering import answered_samples
from llm_core.training.filling import filled
from llm_core.training.records import Evaluation, Sample
from llm_core.training.state import TrainingState
from llm_core.training.translating import held_out_sentences, translated, translation_measures

_TRANSLATED = 3


def evaluation(state: TrainingState, corpus: TokenizedCorpus, score: Score, limit: int | None) -> Evaluation:
    """The record of a score at this moment, with the corpus's own measures; `limit` as the score had it."""
    return Evaluation(
        step=state.step, tokens=state.tokens, seconds=state.seconds, loss=score.loss, perplexity=score.perplexity,
        bits_per_character=score.bits_per_character, whole=score.whole,
        measures={**score.measures, **_measures(state, corpus, limit)},
    )  # fmt: skip


def _measures(state: TrainingState, corpus: TokenizedCorpus, limit: int | None) -> dict[str, float]:
    if corpus.rows == "pairs":
        return translation_measures(state.model, corpus)
    if not state.model.causal:
        return {}  # what is asked of a model that writes; its objective has measured what it can do
    return measure(state.model, corpus, state.config, limit)


def samples(state: TrainingState, corpus: TokenizedCorpus) -> Iterator[Sample]:
    """What the model writes now: one text, several translations, or what it says of several texts or fills in."""
    if corpus.rows == "pairs":
        yield from _translations(state, corpus)
    elif corpus.rows in ASKED:
        yield from answered_samples(state.model, corpus, state.step, state.config.training.sample_prompt)
    elif state.config.training.objective in READING:
        for asked, text, reference in filled(state.model, corpus, state.config.training):
            yield Sample(state.step, asked, text, reference)
    else:
        yield sample(state, corpus)


def sample(state: TrainingState, corpus: TokenizedCorpus) -> Sample:
    """What the model writes now. The same seed each time, so that two samples differ by the training alone."""
    training, tokenizer = state.config.training, corpus.tokenizer
    # A document begins after the sign that ends one.
    prompt = [tokenizer.end_of_text, *tokenizer.encode(training.sample_prompt)]
    decoding = DecodingConfig(tokens=training.sample_tokens, seed=training.seed, alternatives=0)
    with still(state.model):
        ids = [rows[0].id for rows in generate(state.model, [prompt], decoding, stop=tokenizer.end_of_text) if rows]
    text = tokenizer.decode([token for token in ids if token != tokenizer.end_of_text])
    return Sample(state.step, training.sample_prompt, text)


def _translations(state: TrainingState, corpus: TokenizedCorpus) -> Iterator[Sample]:
    """Of the sample prompt, where there is one, and of some held-out sentences, beside their reference."""
    asked: list[tuple[str, str | None]] = [*held_out_sentences(corpus, _TRANSLATED)]
    if state.config.training.sample_prompt:
        asked = [(state.config.training.sample_prompt, None), *asked]
    written = translated(state.model, corpus, [source for source, _ in asked])
    for (source, reference), text in zip(asked, written, strict=True):
        yield Sample(state.step, source, text, reference)
