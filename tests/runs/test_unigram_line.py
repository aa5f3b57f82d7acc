"""The line of who knows only how frequent each token is, against a count one by one."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from llm_core.config import DataConfig, RunConfig
from llm_core.data.corpora import values_with_corpus
from llm_core.data.prepare import TokenizedCorpus, prepare
from llm_core.runs.baselines import unigram_baseline

END = 0


def text(name: str, folder: Path, **settings: object) -> TokenizedCorpus:
    usual = values_with_corpus(RunConfig(), name)["data"]
    return prepare(DataConfig.model_validate(usual | {"documents": 80} | settings), folder)


def by_hand(counted: Sequence[int], asked: Sequence[int], possible: int) -> float:
    """Mean nats with p = (n + 1) / (N + V)."""
    counts = Counter(counted)
    return -sum(math.log((counts[token] + 1) / (len(counted) + possible)) for token in asked) / len(asked)


def translations(stream: Sequence[int]) -> list[int]:
    """Of texts that take turns, each after a sign, the tokens of every second one, each with its sign."""
    turn, found = -1, []
    for token in stream:
        turn += token == END
        if turn % 2 == 1:
            found.append(token)
    return found


def test_of_whole_documents_every_token_and_every_end_counts(tmp_path: Path) -> None:
    corpus = text("stories-en", tmp_path)
    row = unigram_baseline(corpus, "next_token")
    assert row is not None
    training, held_out = corpus.training.tolist(), corpus.held_out.tolist()
    expected = by_hand(training, held_out, corpus.tokenizer.vocabulary_size)
    assert row["loss"] == pytest.approx(expected)
    characters = sum(len(corpus.tokenizer.decode([token])) for token in held_out if corpus.tokenizer.token_bytes[token])
    assert row["bits_per_character"] == pytest.approx(expected * len(held_out) / math.log(2) / characters, rel=1e-3)
    assert row["loss"] < math.log(corpus.tokenizer.vocabulary_size)


def test_of_windows_the_first_token_is_not_asked_for(tmp_path: Path) -> None:
    corpus = text("stories-en", tmp_path, rows="windows")
    row = unigram_baseline(corpus, "next_token")
    assert row is not None
    training, held_out = corpus.training.tolist()[1:], corpus.held_out.tolist()[1:]
    assert row["loss"] == pytest.approx(by_hand(training, held_out, corpus.tokenizer.vocabulary_size))


def test_of_hidden_tokens_only_those_of_the_text_count(tmp_path: Path) -> None:
    corpus = text("stories-en", tmp_path, mask_token=True)
    row = unigram_baseline(corpus, "masked")
    assert row is not None
    words = {token for token, data in enumerate(corpus.tokenizer.token_bytes) if data}
    training = [token for token in corpus.training.tolist() if token in words]
    held_out = [token for token in corpus.held_out.tolist() if token in words]
    assert row["loss"] == pytest.approx(by_hand(training, held_out, len(words)))
    assert "bits_per_character" not in row


def test_of_pairs_only_the_translations_count(tmp_path: Path) -> None:
    corpus = text("parallel-en-zh", tmp_path)
    row = unigram_baseline(corpus, "sequence_to_sequence")
    assert row is not None
    training, held_out = translations(corpus.training.tolist()), translations(corpus.held_out.tolist())
    assert row["loss"] == pytest.approx(by_hand(training, held_out, corpus.tokenizer.vocabulary_size))


def test_where_something_else_is_asked_there_is_no_such_line(tmp_path: Path) -> None:
    assert unigram_baseline(text("labelled-reviews-en", tmp_path), "classify") is None
