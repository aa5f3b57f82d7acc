"""Vectors drawn together bear the truth of the grammar, and known analogies are scored as one by one."""

import numpy as np
import pytest

from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.sampler import sample
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.errors import UserError
from llm_core.interpret.geometry.analogies import number_pairs, score_analogies, token_of
from llm_core.interpret.geometry.clouds import readings_of, states_cloud, vocabulary_cloud
from llm_core.interpret.geometry.geometry import analogy, neighbours_of, paths, project
from llm_core.interpret.geometry.hidden_states import hidden_states
from llm_core.interpret.geometry.token_vectors import input_vectors
from llm_core.models.base import Model
from tests.interpret.opened import model_of, reading_of


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    stories = load_grammar("stories")
    return train_tokenizer("word", 700, [sample(stories, "en", 1, index).text for index in range(100)])


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> Model:
    return model_of(vocabulary_size=tokenizer.vocabulary_size, context=160, width=16, layers=2, heads=2)


def test_tokens_bear_what_every_word_that_they_end_is(model: Model, tokenizer: Tokenizer) -> None:
    found = vocabulary_cloud(model, tokenizer, "input")
    assert np.array_equal(found.vectors, input_vectors(model)[found.ids])
    known = {tokenizer.pieces[token].strip(): place for place, token in enumerate(found.ids.tolist())}
    said = {word: {about: labels[known[word]] for about, labels in found.labels.items()} for word in ("found", "Ella", "apples")}  # fmt: skip
    assert said["found"]["part_of_speech"] == "VERB"
    assert (said["Ella"]["part_of_speech"], said["Ella"]["entity"]) == ("PROPN", "person")
    assert said["apples"]["number"] == "plural"
    assert not set(tokenizer.separators) & set(found.ids.tolist())
    assert len(set(found.ids.tolist())) == len(found.ids) == len(found.tokens)


def test_hidden_states_are_those_of_the_texts_at_their_layer(model: Model, tokenizer: Tokenizer) -> None:
    readings = readings_of(model, tokenizer, 3)
    truth = [sample(load_grammar("stories"), "en", 1_000_003, index) for index in range(3)]
    found = states_cloud(model, tokenizer, 1, texts=3)
    states = hidden_states(model, readings)
    for row in (0, 20, len(found.ids) - 1):
        text, at = int(found.text[row]), int(found.position[row])
        (place,) = np.flatnonzero((states.text == text) & (states.position == at))
        assert np.allclose(found.vectors[row], states.of_one_length().states[2, place])
        end = readings[text].text.spans[at][1]
        part = next((word.part for word in truth[text].truth.words if word.end == end), None)
        assert found.labels["part_of_speech"][row] == part
    every = states_cloud(model, tokenizer, None, texts=3)
    assert set(every.labels["layer"]) == {"-1", "0", "1"}
    assert len(every.vectors) == 3 * sum(label == "0" for label in every.labels["layer"]) <= 900
    assert str(every.places[0]) == "decoder.embedding"
    with pytest.raises(UserError, match="no layer 2; the last one is 1"):
        states_cloud(model, tokenizer, 2, texts=3)


def test_an_encoder_decoder_is_seen_in_its_encoder(tokenizer: Tokenizer) -> None:
    crossed = model_of(architecture="encoder_decoder", vocabulary_size=tokenizer.vocabulary_size, context=160, width=16, layers=1, heads=2)  # fmt: skip
    assert str(states_cloud(crossed, tokenizer, -1, texts=2).places[0]) == "encoder.embedding"


def test_pairs_are_tokens_for_one_and_for_several(tokenizer: Tokenizer) -> None:
    pairs = {(tokenizer.pieces[one].strip(), tokenizer.pieces[many].strip()) for one, many in number_pairs(tokenizer)}
    assert ("apple", "apples") in pairs
    assert ("leaf", "leaves") in pairs
    assert token_of(tokenizer, "catdog") is None


def test_analogies_are_scored_as_one_by_one() -> None:
    random = np.random.default_rng(0)
    base, offset = random.normal(size=(6, 8)), 1.2 * random.normal(size=8)
    vectors = np.concatenate([base, base + offset + 0.4 * random.normal(size=(6, 8)), random.normal(size=(20, 8))])
    pairs = [(at, at + 6) for at in range(6)]
    found = score_analogies(vectors, pairs, seed=1)
    single = [(analogy(vectors, a, b, c, 1), d) for a, b in pairs for c, d in pairs if (a, b) != (c, d)]
    assert found.asked == len(single) == 30
    assert found.accuracy == pytest.approx(np.mean([each.found.ids[0] == right for each, right in single]))
    assert found.without == pytest.approx(np.mean([each.without.ids[0] == right for each, right in single]))
    assert found.accuracy > max(found.random, found.without), "here the offset is what tells"
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = [int((unit @ (unit[b] - unit[a] + unit[c])).argmax()) in (a, b, c) for a, b in pairs for c, _ in pairs if a != c]  # fmt: skip
    assert found.given == pytest.approx(np.mean(nearest))
    with pytest.raises(UserError, match="here are 2"):
        score_analogies(vectors, pairs[:2])


def test_a_path_can_be_drawn_in_the_plane_of_the_last_layer() -> None:
    model = model_of()
    states = hidden_states(model, [reading_of(model)])
    found = paths(states, 2, "last")
    alone = project(states.states[-1], "pca")
    assert np.allclose(np.abs(found.points[-1]), np.abs(alone.points), atol=1e-3)
    assert alone.explained is not None
    assert np.allclose(found.explained, alone.explained, atol=1e-5)
    assert not np.allclose(paths(states, 2).points[-1], found.points[-1], atol=1e-2)


def test_the_neighbours_of_any_vector_are_found() -> None:
    vectors = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32)
    assert neighbours_of(vectors, np.array([0.1, 5], dtype=np.float32), 2).ids == (1, 2)
