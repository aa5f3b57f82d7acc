"""What a run shows of itself while it trains: figures on held-out text, and samples of what it writes."""

from collections.abc import Iterator

from llm_core.config import READING, DecodingConfig, TrainingConfig
from llm_core.data.annotated import ASKED
from llm_core.data.prepare import TokenizedCorpus
from llm_core.evaluate.excess import split_stories
from llm_core.evaluate.language_model import Score, still
from llm_core.evaluate.measures import measure
from llm_core.inference.generate import generate
from llm_core.training.answering import answered_samples
from llm_core.training.filling import filled
from llm_core.training.records import Evaluation, Sample
from llm_core.training.state import TrainingState
from llm_core.training.translating import held_out_sentences, translated, translation_measures

_TRANSLATED = 3
_BEGINNING = 8
"""Tokens of a held-out text after which a model goes on."""


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
    """What the model writes now: several texts or translations, or what it says of several texts or fills in. The prompts
    are the same every time, those of the settings (`prompts`) before those out of the held-out text."""
    if corpus.rows == "pairs":
        yield from _translations(state, corpus)
    elif corpus.rows in ASKED:
        yield from answered_samples(state.model, corpus, state.step, prompts(state.config.training))
    elif state.config.training.objective in READING:
        for asked, text, reference in filled(
            state.model, corpus, state.config.training, prompts(state.config.training)
        ):
            yield Sample(state.step, asked, text, reference)
    else:
        yield from _written(state, corpus)


def prompts(training: TrainingConfig) -> list[str]:
    """The sample prompts of the settings, one a line; empty lines do not count."""
    return [line for line in training.sample_prompt.splitlines() if line.strip()]


def _written(state: TrainingState, corpus: TokenizedCorpus) -> Iterator[Sample]:
    """What a model writes after each prompt, after nothing where there is none, and after the beginnings of two held-out
    texts. The same seeds each time, so that two samples of a prompt differ by the training alone."""
    training, tokenizer = state.config.training, corpus.tokenizer
    asked = [*(prompts(training) or [""]), *_beginnings(corpus)]
    # A document begins after the sign that ends one.
    rows = [[tokenizer.end_of_text, *tokenizer.encode(prompt)] for prompt in asked]
    decoding = DecodingConfig(tokens=training.sample_tokens, seed=training.seed, alternatives=0)
    written: list[list[int]] = [[] for _ in rows]
    with still(state.model):
        for tokens in generate(state.model, rows, decoding, stop=tokenizer.end_of_text):
            for token in tokens:
                written[token.row].append(token.id)
    for prompt, ids in zip(asked, written, strict=True):
        text = tokenizer.decode([token for token in ids if token != tokenizer.end_of_text])
        yield Sample(state.step, prompt, text)


def _beginnings(corpus: TokenizedCorpus) -> list[str]:
    """The first tokens of two held-out texts; fewer where the text has not so many."""
    texts = [text for text in split_stories(corpus.held_out) if len(text) >= 2 * _BEGINNING]
    found = []
    for text in dict.fromkeys((0, len(texts) // 2)) if texts else ():
        tokens = texts[text][:_BEGINNING].tolist()
        # A text of bytes may have no whole character there.
        if shown := corpus.tokenizer.decode(tokens).rstrip("\ufffd"):
            found.append(shown)
    return found


def _translations(state: TrainingState, corpus: TokenizedCorpus) -> Iterator[Sample]:
    """Of the sample prompts, where there are any, and of some held-out sentences, beside their reference."""
    own: list[tuple[str, str | None]] = [(prompt, None) for prompt in prompts(state.config.training)]
    asked = [*own, *held_out_sentences(corpus, _TRANSLATED)]
    written = translated(state.model, corpus, [source for source, _ in asked])
    for (source, reference), text in zip(asked, written, strict=True):
        yield Sample(state.step, source, text, reference)
