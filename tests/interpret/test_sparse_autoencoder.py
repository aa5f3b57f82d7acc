"""A sparse autoencoder finds the directions that vectors are made of, says exactly k of them, and is judged as by hand."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from llm_core.errors import UserError
from llm_core.interpret.components import Component
from llm_core.interpret.features.autoencoder_report import (
    features_of_texts,
    judge_autoencoder,
    splice,
    without_each,
    without_features,
)
from llm_core.interpret.features.autoencoder_training import AutoencoderStep, _Parameters, train_autoencoder, vectors_at
from llm_core.interpret.features.sparse_autoencoder import SparseAutoencoder, keep_strongest, load_autoencoder
from llm_core.interpret.loss_texts import loss_texts
from llm_core.interpret.outcome import outcome
from llm_core.interpret.reading import Reading, as_batch
from llm_core.interpret.target import Target
from llm_core.models.base import Model
from llm_core.taps import observe
from tests.interpret.opened import model_of, reading_of, side_of, variety_of

AFTER = Component("decoder", 0, "residual_after")
SIZE = 24


@cache
def made_of_directions() -> tuple[Tensor, Tensor]:
    """Vectors that are sums of 2 of 32 directions in 20 dimensions, around a point; and the directions."""
    generator = torch.Generator().manual_seed(7)
    directions = torch.nn.functional.normalize(torch.randn(32, 20, generator=generator), dim=1)
    chosen = torch.rand(4000, 32, generator=generator).topk(2).indices
    strengths = torch.zeros(4000, 32).scatter(1, chosen, 1 + torch.rand(4000, 2, generator=generator))
    return 5 * strengths @ directions + 30 * torch.randn(20, generator=generator), directions


@cache
def trained(random_directions: bool = False, seed: int = 0) -> tuple[list[AutoencoderStep], SparseAutoencoder]:
    work = train_autoencoder(
        made_of_directions()[0],
        AFTER,
        features=40,
        k=2,
        steps=30 if random_directions else 320,
        seed=seed,
        random_directions=random_directions,
    )
    steps = []
    while True:
        try:
            steps.append(next(work))
        except StopIteration as end:
            return steps, end.value


def by_hand(place: Component = AFTER, k: int = 2 * SIZE, scale: float = 1.0) -> SparseAutoencoder:
    """Every dimension has a feature for above 0 and one for below it: with all of them, what comes out went in."""
    both = np.concatenate([np.eye(SIZE), -np.eye(SIZE)]).astype(np.float32)
    return SparseAutoencoder(
        place, k, both.T.copy(), np.zeros(2 * SIZE, np.float32), scale * both, np.zeros(SIZE, np.float32)
    )


def readings(model: Model, count: int = 6) -> list[Reading]:
    random = np.random.default_rng(3)
    crossed = "encoder_decoder" in str(model.config)
    return [
        Reading(side_of(*random.integers(0, 19, 5 + place).tolist()), side_of(4, 2, 9, 0) if crossed else None, 0)
        for place in range(count)
    ]


def test_it_finds_the_directions_that_vectors_are_made_of() -> None:
    vectors, directions = made_of_directions()
    _steps, found = trained()
    cosines = directions @ torch.from_numpy(found.decoder).T
    assert cosines.max(1).values.mean() > 0.97
    assert torch.nn.functional.mse_loss(found.decode(found.encode(vectors)), vectors) < 0.1 * vectors.var(0).mean()
    _steps, random = trained(random_directions=True)
    assert (directions @ torch.from_numpy(random.decoder).T).max(1).values.mean() < 0.75


def test_directions_have_length_one_and_never_more_than_k_speak() -> None:
    vectors, _directions = made_of_directions()
    steps, found = trained()
    np.testing.assert_allclose(np.linalg.norm(found.decoder, axis=1), 1, rtol=1e-5)
    spoke = (found.encode(vectors) > 0).sum(1)
    assert int(spoke.max()) == 2
    assert [step.step for step in steps] == list(range(1, 321))
    assert all(step.active <= 2 for step in steps)
    assert steps[-1].unexplained < 0.2 * steps[0].unexplained
    assert steps[-1].loss >= steps[-1].unexplained
    torch.testing.assert_close(found.direction(5), torch.from_numpy(found.decoder[5]))


def test_what_is_kept_are_the_largest_above_zero() -> None:
    values = torch.tensor([[3.0, -1.0, 2.0, 5.0], [-1.0, -2.0, 4.0, -3.0]])
    assert keep_strongest(values, 2).tolist() == [[3, 0, 0, 5], [0, 0, 4, 0]]


def test_the_same_seed_trains_the_same_and_another_another() -> None:
    vectors, _directions = made_of_directions()
    one, same, other = (
        outcome(train_autoencoder(vectors, AFTER, features=12, k=2, steps=3, seed=seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.decoder, same.decoder)
    np.testing.assert_array_equal(one.encoder, same.encoder)
    assert not np.allclose(one.decoder, other.decoder)


def test_dead_features_learn_from_what_the_others_leave_over() -> None:
    generator = torch.Generator().manual_seed(2)
    x, left = torch.randn(7, 6, generator=generator), torch.randn(7, 6, generator=generator)
    parameters = _Parameters.begin(x, 5, generator, frozen=False)
    before, dead = parameters.before(x), torch.tensor([False, True, False, True, False])
    made = sum(torch.outer(before[:, place].clamp_min(0), parameters.decoder[place]) for place in (1, 3))
    lost = parameters.of_the_dead(left, before, dead)
    torch.testing.assert_close(lost, (left - made).square().sum() / left.square().sum())
    moved = torch.autograd.grad(lost, parameters.decoder)[0].abs().sum(1) > 0
    assert torch.equal(moved, dead)
    assert parameters.of_the_dead(left, before, torch.zeros(5, dtype=torch.bool)) == 0


@pytest.mark.parametrize("name", ["ours", "bert", "transformer"])
def test_what_goes_in_comes_out_and_nothing_is_lost_while_zeros_lose_all(name: str) -> None:
    model = variety_of(name)
    part = "encoder" if name == "bert" else "decoder"
    asked = loss_texts(model, readings(model), mask=18)
    whole = judge_autoencoder(model, by_hand(Component(part, 0, "residual_after")), asked)
    assert whole.recovered == pytest.approx(1, abs=1e-5)
    assert whole.explained == pytest.approx(1, abs=1e-5)
    assert whole.active == pytest.approx(SIZE)
    nothing = judge_autoencoder(model, by_hand(Component(part, 0, "residual_after"), scale=0.0), asked)
    assert nothing.recovered == pytest.approx(0, abs=1e-6)
    assert nothing.spliced == pytest.approx(nothing.zeroed)
    assert nothing.intact == pytest.approx(whole.intact)


def test_figures_are_those_of_counting_by_hand() -> None:
    model = model_of()
    texts = readings(model)
    autoencoder = by_hand(k=4)
    found = judge_autoencoder(model, autoencoder, loss_texts(model, texts))
    held, losses = [], []
    for text in texts:
        with torch.no_grad(), observe(model, only=["blocks.0.residual_after"]) as seen:
            model(as_batch(text))
        vectors = seen["blocks.0.residual_after"][0].numpy()
        made = np.zeros_like(vectors)
        for row, vector in enumerate(vectors):
            strongest = np.argsort(-np.abs(vector))[:4]
            made[row, strongest] = vector[strongest]
        held.append((vectors, made))
        with torch.no_grad(), observe(model, edits={"blocks.0.residual_after": lambda x, made=made: torch.from_numpy(made)[None]}):  # fmt: skip
            logits = model(as_batch(text))[0, :-1]
        losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor(text.text.ids[1:])).item())
    vectors, made = (np.concatenate(each) for each in zip(*held, strict=True))
    assert found.spliced == pytest.approx(np.mean(losses), rel=1e-5)
    assert found.explained == pytest.approx(1 - ((vectors - made) ** 2).sum() / ((vectors - vectors.mean(0)) ** 2).sum(), rel=1e-4)  # fmt: skip
    assert found.active == pytest.approx(4)
    np.testing.assert_allclose(found.density[:SIZE], ((made > 0).mean(0)), rtol=1e-5)
    assert found.dead == pytest.approx((found.density == 0).mean())
    assert found.positions == len(vectors)
    assert found.recovered == pytest.approx((found.zeroed - found.spliced) / (found.zeroed - found.intact))


def test_taking_a_feature_out_subtracts_just_what_it_adds() -> None:
    model = model_of()
    text, target = reading_of(model), Target(3, 7, 2)
    autoencoder = by_hand(k=5)
    (strengths,) = features_of_texts(model, autoencoder, [text])
    active = np.flatnonzero(strengths[3])[:3].tolist()
    changes = without_each(model, autoencoder, text, target, active)
    with torch.no_grad(), observe(model, only=["blocks.0.residual_after"]) as seen:
        before = target.of(model(as_batch(text))).item()
    stream = seen["blocks.0.residual_after"]
    for feature, change in zip(active, changes, strict=True):
        left = stream - torch.from_numpy(np.outer(strengths[:, feature], autoencoder.decoder[feature]))
        with torch.no_grad(), observe(model, edits={"blocks.0.residual_after": lambda _x, left=left: left}):
            assert target.of(model(as_batch(text))).item() - before == pytest.approx(change, abs=1e-4)
    at_three = without_features(model, autoencoder, active, [3])
    with torch.no_grad(), observe(model, only=["blocks.0.residual_after"], edits=at_three) as seen:
        model(as_batch(text))
    changed = (seen["blocks.0.residual_after"] - stream).abs().sum(-1)[0] > 0
    assert changed.tolist() == [False, False, False, True, False, False]


@pytest.mark.parametrize("kind", ["head", "feed_forward", "attention", "residual_middle"])
def test_every_place_with_a_vector_can_have_one(kind: str) -> None:
    model = model_of()
    place = Component("decoder", 1, kind, 2 if kind == "head" else None)  # type: ignore[arg-type]
    asked = loss_texts(model, readings(model))
    vectors = vectors_at(model, place, asked.batches)
    assert vectors.shape == (sum(len(text.text.ids) for text in readings(model)), 6 if kind == "head" else SIZE)
    found = outcome(train_autoencoder(vectors, place, features=30, k=6, steps=100))
    report = judge_autoencoder(model, found, asked)
    assert report.explained > 0.3
    with torch.no_grad(), observe(model, edits=splice(model, found)):
        assert torch.isfinite(model(as_batch(reading_of(model)))).all()


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    _steps, found = trained()
    found.save(tmp_path / "a.safetensors")
    again = load_autoencoder(tmp_path / "a.safetensors")
    assert (again.place, again.k) == (found.place, found.k)
    np.testing.assert_array_equal(again.decoder, found.decoder)
    np.testing.assert_array_equal(again.center, found.center)
    found.save(tmp_path / "b.safetensors", half=True)
    assert (tmp_path / "b.safetensors").stat().st_size < 0.7 * (tmp_path / "a.safetensors").stat().st_size
    vectors, _directions = made_of_directions()
    rounded = load_autoencoder(tmp_path / "b.safetensors")
    assert (rounded.decode(rounded.encode(vectors)) - vectors).square().mean() < 1.2 * (found.decode(found.encode(vectors)) - vectors).square().mean()  # fmt: skip
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.safetensors", "b.safetensors"]
    (tmp_path / "c.safetensors").write_bytes(b"nothing of the kind")
    for name in ("c.safetensors", "missing.safetensors"):
        with pytest.raises(UserError, match="no sparse autoencoder"):
            load_autoencoder(tmp_path / name)
    for changes in ({"decoder": found.decoder[0]}, {"center": found.center * np.inf}, {"k": 99}):
        replace(found, **changes).save(tmp_path / "c.safetensors")
        with pytest.raises(UserError, match="no sparse autoencoder"):
            load_autoencoder(tmp_path / "c.safetensors")
    replace(found, center=found.center * 1e6).save(tmp_path / "c.safetensors", half=True)
    np.testing.assert_allclose(load_autoencoder(tmp_path / "c.safetensors").center, found.center * 1e6)


def test_of_too_many_texts_the_first_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    model = model_of()
    batches = [as_batch(each) for each in readings(model)]  # of 5, 6, 7 ... tokens
    whole = vectors_at(model, AFTER, batches)
    monkeypatch.setattr("llm_core.interpret.features.autoencoder_training.MOST_VECTORS", 11)
    torch.testing.assert_close(vectors_at(model, AFTER, batches), whole[:11])
    monkeypatch.setattr("llm_core.interpret.features.autoencoder_training.MOST_VECTORS", 12)
    torch.testing.assert_close(vectors_at(model, AFTER, batches), whole[:18])


def test_what_cannot_be_done_says_why() -> None:
    model, vectors = model_of(), made_of_directions()[0]
    with pytest.raises(UserError, match="One neuron"):
        vectors_at(model, Component("decoder", 0, "neuron", 3), [as_batch(reading_of(model))])
    with pytest.raises(UserError, match="needs texts"):
        vectors_at(model, AFTER, [])
    with pytest.raises(UserError, match="at most 4 can speak"):
        next(train_autoencoder(vectors, AFTER, features=4, k=5))
    with pytest.raises(UserError, match="the same at every token"):
        next(train_autoencoder(torch.ones(9, 4), AFTER, features=4, k=2))
    with pytest.raises(UserError, match="no feature 40"):
        trained()[1].direction(40)
    with pytest.raises(UserError, match="No feature speaks"):
        without_each(model, by_hand(), reading_of(model), Target(3, 7), [])
