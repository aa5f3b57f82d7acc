"""The floor is the sum of -log P over scored tokens, and where it would mean nothing, a sentence says why."""

from pathlib import Path

import numpy as np
import pytest

from llm_core.config import DataConfig, NgramConfig, RowsKind, RunConfig
from llm_core.data.prepare import TokenizedCorpus
from llm_core.data.tokenizers import Tokenizer
from llm_core.evaluate.excess import excess_per_story, split_stories
from llm_core.evaluate.floor import Floor, NoFloor, entropy_floor, gap_closed
from llm_core.evaluate.language_model import score
from tests.evaluate.given import Following, words

TEXTS = ["Tom ran.", "Mia put a ball in the box.", "He was glad."]
NATS = np.array([3.0, 7.5, 4.5])
TOKENIZER = words(*TEXTS)


def corpus(nats: np.ndarray | None = NATS, rows: RowsKind = "documents") -> TokenizedCorpus:
    stream = [token for text in TEXTS for token in (Tokenizer.end_of_text, *TOKENIZER.encode(text))]
    tokens = np.array(stream, dtype=np.uint16)
    return TokenizedCorpus(Path("none"), "0", TOKENIZER, tokens, tokens, (3, 3), (0, 0), rows, nats)


def config(context: int = 16, **data: object) -> RunConfig:
    settings = DataConfig.model_validate({"corpus": "tales", "tokenizer": "word", "rows": "documents", **data})
    return RunConfig(model=NgramConfig(context=context), data=settings)


def test_the_floor_counts_every_token_and_the_end_of_each_story_once() -> None:
    tokens = sum(len(TOKENIZER.encode(text)) + 1 for text in TEXTS)
    floor = entropy_floor(config(), corpus())
    assert floor == Floor(15.0 / tokens, 5.0, 3, tokens)
    scored = score(Following(TOKENIZER.vocabulary_size, context=16), corpus())
    assert scored.whole
    assert scored.tokens == floor.tokens


def test_excess_is_loss_minus_floor() -> None:
    text = corpus()
    model = Following(TOKENIZER.vocabulary_size, context=16)
    model.prefer(TOKENIZER, " the", " box", 3.0)
    floor = entropy_floor(config(), text)
    assert isinstance(floor, Floor)
    excess = excess_per_story(model, split_stories(text.held_out), NATS)
    above = score(model, text).loss - floor.nats_per_token
    assert excess.mean * floor.stories == pytest.approx(above * floor.tokens, rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "text", "why"),
    [
        (config(), corpus(nats=None), "a grammar or a task"),
        (config(byte_fallback=False), corpus(), "does not spell every text"),
        (config(rows="windows"), corpus(rows="windows"), "rows are windows"),
        (config(context=8), corpus(), "longest text has 9 tokens and the context only 8"),
    ],
    ids=["no grammar", "lossy", "windows", "short context"],
)
def test_where_a_floor_would_mean_nothing_it_is_said_why(settings: RunConfig, text: TokenizedCorpus, why: str) -> None:
    found = entropy_floor(settings, text)
    assert isinstance(found, NoFloor)
    assert why in str(found)


def test_a_context_as_long_as_the_longest_story_is_enough() -> None:
    assert isinstance(entropy_floor(config(context=9), corpus()), Floor)
    assert excess_per_story(Following(TOKENIZER.vocabulary_size, context=9), split_stories(corpus().held_out), NATS)


def test_the_gap_is_closed_at_the_floor_and_open_at_the_ngram() -> None:
    assert gap_closed(1.0, 1.0, 3.0) == 1.0
    assert gap_closed(1.5, 1.0, 3.0) == 0.75
    assert gap_closed(3.0, 1.0, 3.0) == 0.0
    assert gap_closed(4.0, 1.0, 3.0) == -0.5
    assert gap_closed(1.0, 1.0, 1.0) is None
