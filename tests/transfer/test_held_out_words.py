"""The experiment on words that were never labelled: what is counted, and that it can tell a good start from a bad one."""

import numpy as np
import pytest

from llm_core.data.grammar.labelled import telling_words
from llm_core.data.labelled import Labelled
from llm_core.training.classifiers.majority import MajorityFamily
from llm_core.transfer.families import EncoderFinetuned
from llm_core.transfer.held_out_words import (
    FROM_RANDOM,
    families,
    held_out_part,
    labelled_part,
    never_labelled,
    trials,
)
from llm_core.transfer.tuning import Settings
from tests.transfer.small_encoder import small_encoder


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hardly_any_telling_word_of_the_test_was_labelled(language: str) -> None:
    for seed in range(3):
        found = never_labelled(language, labelled_part(language, seed), held_out_part(language, 200))
        assert found.share > 0.95
        assert found.telling > 300


@pytest.mark.parametrize(("language", "fresh"), [("en", "gripping"), ("zh", "感人")])
def test_telling_words_are_counted_whole_and_by_their_places(language: str, fresh: str) -> None:
    assert fresh in telling_words("reviews", language, held_out_words=True)
    joined = {"en": "good and good, hardly worth it, {}", "zh": "好吃，好吃，不太值，{}"}[language]
    test = _texts([joined.format(fresh)])
    known = _texts(["worth it and good" if language == "en" else "值得，好吃"])
    found = never_labelled(language, known, test)
    # Twice a word that was labelled, once one that holds another inside it, once a fresh one.
    assert (found.telling, found.never_labelled) == (4, 2)


def _texts(texts: list[str]) -> Labelled:
    return Labelled(tuple(texts), np.zeros(len(texts), dtype=np.int64), ("a", "b"), tuple(range(len(texts))))


def test_another_seed_gives_other_labelled_texts_and_the_test_stays() -> None:
    first, second = labelled_part("en", 0), labelled_part("en", 1)
    assert first.texts == labelled_part("en", 0).texts
    assert len(set(first.texts) & set(second.texts)) < 10
    assert held_out_part("en", 20).texts == held_out_part("en", 30).texts[:20]
    assert not set(held_out_part("en", 100).texts) & set(first.texts)
    assert 0.3 < first.labels.mean() < 0.7


def test_every_start_is_tried_on_every_seed() -> None:
    quick = Settings(learning_rate=1e-3, head_learning_rate=2e-3, least_steps=8, epochs=1)
    encoder = small_encoder(context=64)
    compared = {"pretrained": EncoderFinetuned(lambda: encoder, settings=quick), "tfidf": MajorityFamily()}
    found = list(trials(compared, languages=["en"], seeds=[0, 1], labelled=40, tested=30))
    assert [(one.start, one.seed) for one in found] == [("pretrained", 0), ("tfidf", 0), ("pretrained", 1), ("tfidf", 1)]  # fmt: skip
    assert all(0 <= one.accuracy <= 1 and one.language == "en" for one in found)


def test_the_same_network_is_compared_and_only_its_start_differs() -> None:
    encoder = small_encoder()
    made = families(lambda: encoder)
    pretrained, random = made["pretrained"], made["random"]
    assert isinstance(pretrained, EncoderFinetuned)
    assert isinstance(random, EncoderFinetuned)
    first, second = (one.start(encoder, 2, 0).state_dict() for one in (pretrained, random))
    assert {name: value.shape for name, value in first.items()} == {name: value.shape for name, value in second.items()}
    assert random.settings == FROM_RANDOM
    assert random.settings.least_steps >= pretrained.settings.least_steps
