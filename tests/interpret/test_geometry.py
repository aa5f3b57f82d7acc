"""Drawings, neighbours, analogies and paths of vectors whose shape is known."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from llm_core.config import NgramConfig, RecurrentConfig, TaskConfig, TransformerConfig
from llm_core.errors import UserError
from llm_core.interpret.geometry.geometry import Method, analogy, neighbours, paths, project, trust_in
from llm_core.interpret.geometry.hidden_states import hidden_states
from llm_core.interpret.geometry.token_vectors import input_vectors, output_vectors
from llm_core.models.build import build
from tests.interpret.opened import model_of, reading_of


def clouds() -> np.ndarray:
    """Three clouds of ten vectors far from each other."""
    random = np.random.default_rng(0)
    centres = 10 * np.eye(3, 12)
    return (np.repeat(centres, 10, axis=0) + random.normal(size=(30, 12))).astype(np.float32)


def test_pca_shows_what_varies_most() -> None:
    vectors = clouds()
    found = project(vectors, "pca", 3)
    centred = vectors.astype(np.float64) - vectors.mean(0)
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    assert found.explained is not None
    assert np.allclose(found.explained, lengths[:3] ** 2 / (lengths**2).sum(), rtol=1e-5)
    assert np.allclose(np.abs(found.points), np.abs(centred @ axes[:3].T), atol=1e-4)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_clouds_stay_apart_and_the_drawing_says_how_far_to_trust_it(method: Method) -> None:
    vectors = clouds()
    found = project(vectors, method, 2, seed=1)
    assert found.points.shape == (30, 2)
    apart = np.linalg.norm(found.points[:, None] - found.points, axis=-1)
    nearest = np.where(np.eye(30, dtype=bool), np.inf, apart).argmin(1)
    assert (nearest // 10 == np.arange(30) // 10).all()
    trust = trust_in(vectors, found.points)
    assert trust.trust == pytest.approx(trustworthiness(vectors, found.points, n_neighbors=trust.neighbours), abs=1e-6)
    assert trust.trust > trust.chance + 0.2
    assert np.array_equal(found.points, project(vectors, method, 2, seed=1).points)
    assert (found.explained is None) == (method == "tsne")


def test_tsne_draws_in_space_too() -> None:
    assert project(clouds()[:12], "tsne", 3).points.shape == (12, 3)


def test_neighbours_are_the_most_alike_in_direction() -> None:
    vectors = np.array([[1, 0], [5, 0.1], [0, 2], [-1, 0], [1, 1]], dtype=np.float32)
    found = neighbours(vectors, 0, 3)
    assert found.ids == (1, 4, 2)
    assert found.cosines[1] == pytest.approx(0.5**0.5)
    cosines = [25**0.5 / 25.01**0.5, 0, -1, 0.5**0.5]
    assert found.mean == pytest.approx(np.mean(cosines), abs=1e-6)
    assert found.deviation == pytest.approx(np.std(cosines), abs=1e-6)


def test_an_analogy_is_told_from_mere_nearness() -> None:
    # man, woman, king, queen, and a token that is near to king alone.
    vectors = np.array([[1, 0, 0], [1, 1, 0], [1, 0, 2], [1, 1, 2], [1, -0.3, 2]], dtype=np.float32)
    found = analogy(vectors, 0, 1, 2)
    assert found.found.ids == (3, 4)
    assert found.without.ids == (4, 3)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    wanted = unit[1] - unit[0] + unit[2]
    assert found.found.cosines[0] == pytest.approx(float(unit[3] @ wanted / np.linalg.norm(wanted)), abs=1e-6)


def test_paths_begin_together_where_tokens_are_the_same() -> None:
    model = model_of()
    states = hidden_states(model, [reading_of(model)])
    found = paths(states, 2)
    assert found.points.shape == (3, 6, 2)
    assert np.allclose(found.points[0, 1], found.points[0, 3], atol=1e-4)  # the same token, without positions
    assert not np.allclose(found.points[2, 1], found.points[2, 3], atol=1e-4)
    assert np.allclose(found.turned[0], 1.0)
    assert np.allclose(found.lengths, np.linalg.norm(states.states, axis=-1), rtol=1e-5)
    last, first = states.states[2, 4], states.states[0, 4]
    expected = last @ first / np.linalg.norm(last) / np.linalg.norm(first)
    assert found.turned[2, 4] == pytest.approx(expected, abs=1e-5)
    flat = states.states.reshape(-1, 24)
    assert np.allclose(np.abs(project(flat, "pca").points.reshape(3, 6, 2)), np.abs(found.points), atol=1e-4)


def test_vectors_of_tokens_are_those_that_models_read_and_write_by() -> None:
    untied = model_of(tied_embeddings=False, embedding_scale=True)
    assert np.allclose(input_vectors(untied), untied.get_parameter("token_embedding.weight").detach() * 24**0.5)
    assert np.array_equal(output_vectors(untied), untied.get_parameter("token_head.weight").detach())
    lstm = build(RecurrentConfig(vocabulary_size=9, width=8), seed=0)
    assert np.array_equal(input_vectors(lstm), output_vectors(lstm))
    body = TransformerConfig(architecture="encoder", vocabulary_size=19, width=24)
    task = build(TaskConfig(body=body, labels=2), seed=0)
    assert input_vectors(task).shape == (19, 24)
    with pytest.raises(UserError, match="writes no tokens"):
        output_vectors(task)
    for vectors in (input_vectors, output_vectors):
        with pytest.raises(UserError, match="ngram"):
            vectors(build(NgramConfig(vocabulary_size=9), seed=0))


def test_what_cannot_be_drawn_is_refused() -> None:
    vectors = clouds()
    with pytest.raises(UserError, match="these are 4"):
        project(vectors[:4])
    with pytest.raises(UserError, match="not in 4"):
        project(vectors, "pca", 4)
    with pytest.raises(UserError, match="not in 1"):
        paths(hidden_states(model_of(), [reading_of(model_of())]), 1)
    with pytest.raises(UserError, match="token 30"):
        neighbours(vectors, 30)
    with pytest.raises(UserError, match="token -1"):
        analogy(vectors, 0, -1, 2)
