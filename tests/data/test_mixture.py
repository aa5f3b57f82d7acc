"""The text for an encoder: both languages by turns, real English between them, each piece of it once."""

from collections import Counter
from pathlib import Path

import pytest

from llm_core.config import DataConfig
from llm_core.data import mixture as module
from llm_core.data.corpora import CORPORA
from llm_core.data.generated import SEED, counts, documents, grammar_digest
from llm_core.data.grammar.labelled import unlabelled_texts
from llm_core.data.mixture import REAL_EVERY, mixture
from llm_core.data.prepare import corpus_digest, prepare

NAME = "cloze-en-zh"


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def test_every_grammar_speaks_both_languages_and_one_in_forty_is_real() -> None:
    texts = list(mixture(SEED, 0, 280))
    real = texts[REAL_EVERY - 1 :: REAL_EVERY]
    assert len(real) == 7
    assert not any(map(is_chinese, real))
    rest = [text for place, text in enumerate(texts) if place % REAL_EVERY != REAL_EVERY - 1]
    assert Counter(map(is_chinese, rest))[True] == pytest.approx(len(rest) / 2, abs=8)
    assert texts[:4] == [
        next(unlabelled_texts(source, language, SEED, 0, 1))
        for source in ("reviews", "headlines")
        for language in ("en", "zh")
    ]
    assert len(set(rest)) > 0.97 * len(rest)


def test_a_document_can_be_had_alone() -> None:
    texts = list(mixture(SEED, 0, 120))
    assert [next(mixture(SEED, index, 1)) for index in (0, 39, 77, 119)] == [texts[i] for i in (0, 39, 77, 119)]


def test_each_piece_of_the_reference_comes_once_and_nothing_of_it_is_lost() -> None:
    pieces = module._real()
    read = CORPORA["python-reference"].read
    assert read is not None
    assert " ".join("".join(read()).split()).replace(" ", "") == "".join(pieces).replace(" ", "")
    assert max(map(len, pieces)) <= 500
    found = {next(mixture(SEED, number * REAL_EVERY + REAL_EVERY - 1, 1)) for number in range(len(pieces))}
    assert found == set(pieces)
    # When all have come, a grammar has the place.
    after = next(mixture(SEED, len(pieces) * REAL_EVERY + REAL_EVERY - 1, 1))
    assert after not in found
    usual = CORPORA[NAME].documents
    assert usual // REAL_EVERY >= len(pieces)


def test_its_name_is_known_without_writing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    config = DataConfig(corpus=NAME, documents=200)
    name = corpus_digest(config)
    monkeypatch.setattr(module, "unlabelled_texts", None)
    assert corpus_digest(config) == name
    assert grammar_digest(config) == module.grammars_digest()
    monkeypatch.setattr(module, "_real", lambda: ("another Python's reference",))
    assert corpus_digest(config) != name


def test_it_is_prepared_with_no_probability_of_its_texts(tmp_path: Path) -> None:
    data = DataConfig(
        corpus=NAME, documents=120, tokenizer="wordpiece", vocabulary_size=700, rows="documents", mask_token=True
    )
    corpus = prepare(data, tmp_path)
    assert corpus.nats is None
    assert corpus.documents == counts(data)
    assert list(documents(CORPORA[NAME], 118, 2)) == list(mixture(SEED, 118, 2))
