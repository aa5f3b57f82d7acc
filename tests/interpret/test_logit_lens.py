"""What is read out at each place of the stream: the model's own end, number by number, and what has none."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from llm_core.config import RecurrentConfig, TaskConfig
from llm_core.errors import UserError
from llm_core.interpret.components import Component, residuals, site, stack
from llm_core.interpret.interventions import ablate
from llm_core.interpret.lenses.logit_lens import Lens, logit_lens
from llm_core.interpret.reading import Reading, as_batch
from llm_core.interpret.reading_out import read_out, read_out_text, spoken, uncapped
from llm_core.models.base import Model
from llm_core.models.build import build
from llm_core.taps import observe
from tests.interpret.opened import VARIETIES, model_of, reading_of, side_of, task_model_of, variety_of


def said(model: Model) -> tuple[dict[Component, torch.Tensor], torch.Tensor]:
    """The stream (T, width) at each of its places, and the model's own logits (T, V)."""
    with torch.no_grad(), observe(model) as seen:
        logits = model(as_batch(reading_of(model)))[0]
    return {row: seen[site(model, row).tap][0] for row in residuals(model, spoken(model))}, logits


@pytest.mark.parametrize("name", VARIETIES)
def test_the_end_of_the_stream_says_what_the_model_says(name: str) -> None:
    model = variety_of(name)
    stream, logits = said(model)
    torch.testing.assert_close(read_out(model, spoken(model), list(stream.values())[-1]), logits)
    lens = logit_lens(model, reading_of(model), top=19)
    assert np.abs(lens.divergences[-1]).max() < 1e-6
    assert lens.divergences[:-1].max() > 0.1
    np.testing.assert_allclose(lens.probabilities[-1], logits.softmax(-1).sort(descending=True).values, atol=1e-5)


def test_a_layer_is_read_through_norm_matrix_and_soft_cap() -> None:
    """By hand: the preset's norm has no gain, its head no transform."""
    model = variety_of("ours")
    stream, _logits = said(model)
    for residual in stream.values():
        normed = residual / (residual.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        straight = normed @ model.token_head.weight.T
        torch.testing.assert_close(uncapped(model, stack(model, "decoder").final_norm(residual)), straight)
        torch.testing.assert_close(read_out(model, "decoder", residual), 15 * torch.tanh(straight / 15))


def test_the_transform_of_a_masked_head_is_part_of_it() -> None:
    model = variety_of("bert")
    stream, _logits = said(model)
    head = model.token_head
    for residual in stream.values():
        inner = F.gelu(residual @ head.transform.weight.T + head.transform.bias)
        centred = (inner - inner.mean(-1, keepdim=True)) / inner.std(-1, keepdim=True, correction=0)
        expected = (centred * head.norm.weight + head.norm.bias) @ model.token_embedding.weight.T + head.bias
        torch.testing.assert_close(read_out(model, "encoder", residual), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["gpt2", "bert", "transformer"])
def test_every_number_is_what_its_name_says(name: str) -> None:
    model = variety_of(name)
    stream, logits = said(model)
    lens = logit_lens(model, reading_of(model), top=4, pinned=[2, 18])
    assert lens.rows == tuple(stream)
    assert lens.columns == tuple(f"t{token}" for token in (0, 3, 7, 3, 11, 5))
    assert lens.truth.tolist() == ([0, 3, 7, 3, 11, 5] if name == "bert" else [3, 7, 3, 11, 5, -1])
    assert not lens.whole
    shapes = {"top": (4,), "probabilities": (4,), "entropies": (), "true_probabilities": (), "true_ranks": (), "divergences": (), "pinned_probabilities": (2,), "pinned_ranks": (2,)}  # fmt: skip
    for field, last in shapes.items():
        assert getattr(lens, field).shape == (len(stream), 6, *last)
        assert getattr(lens, field).dtype in (np.float32, np.int64)
    last = logits.double().softmax(-1).numpy()
    for row, residual in enumerate(stream.values()):
        shares = read_out(model, lens.stream, residual).double().softmax(-1).numpy()
        for column in range(6):
            here = shares[column]
            order = np.argsort(-here)
            assert lens.top[row, column].tolist() == order[:4].tolist()
            np.testing.assert_allclose(lens.probabilities[row, column], here[order[:4]], rtol=1e-4)
            assert lens.entropies[row, column] == pytest.approx(-sum(p * np.log(p) for p in here if p), rel=1e-3, abs=1e-5)  # fmt: skip
            kl = sum(p * np.log(p / q) for p, q in zip(last[column], here, strict=True))
            assert lens.divergences[row, column] == pytest.approx(kl, rel=1e-3, abs=1e-5)
            np.testing.assert_allclose(lens.pinned_probabilities[row, column], here[[2, 18]], rtol=1e-4)
            ranks = [order.tolist().index(token) for token in (2, 18)]
            assert lens.pinned_ranks[row, column].tolist() == ranks
            if (true := int(lens.truth[column])) >= 0:
                assert lens.true_ranks[row, column] == order.tolist().index(true)
                assert lens.true_probabilities[row, column] == pytest.approx(here[true], rel=1e-4)
            else:
                assert lens.true_ranks[row, column] == -1
                assert np.isnan(lens.true_probabilities[row, column])


def test_a_large_vocabulary_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    model = variety_of("gpt2")
    whole = logit_lens(model, reading_of(model), pinned=[3])
    monkeypatch.setattr("llm_core.interpret.lenses.logit_lens._FLOATS_AT_ONCE", 40)
    assert_same(logit_lens(model, reading_of(model), pinned=[3]), whole)


def assert_same(one: Lens, other: Lens) -> None:
    for field in ("top", "probabilities", "entropies", "true_ranks", "true_probabilities", "divergences", "pinned_ranks", "pinned_probabilities"):  # fmt: skip
        np.testing.assert_allclose(getattr(one, field), getattr(other, field), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "first", "mean_and_max"])
def test_a_class_is_read_out_of_each_token_alone_and_of_all_of_them(
    pooling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = task_model_of("classify", pooling)
    stream, logits = said(model)
    assert logits.shape == (3,)
    for cut in (False, True):
        if cut:
            monkeypatch.setattr("llm_core.interpret.lenses.logit_lens._FLOATS_AT_ONCE", 6)
        lens = logit_lens(model, reading_of(model), top=3, truth=[None] * 6 + [2])
        assert lens.whole
        assert len(lens.columns) == 7
        assert np.abs(lens.divergences[-1, -1]) < 1e-6
        assert lens.truth.tolist() == [-1] * 6 + [2]
        for row, residual in enumerate(stream.values()):
            hidden = stack(model, "encoder").final_norm(residual)
            first = model.head(hidden[2:3][None])[0].softmax(-1)  # a text of this one token's vector
            np.testing.assert_allclose(np.sort(lens.probabilities[row, 2]), np.sort(first), atol=1e-5)
            shares = read_out_text(model, "encoder", residual[None])[0].softmax(-1)
            np.testing.assert_allclose(shares, model.head(hidden[None])[0].softmax(-1), atol=1e-6)
            assert lens.true_probabilities[row, 6] == pytest.approx(float(shares[2]), rel=1e-4)


def test_a_tag_is_read_out_at_every_token() -> None:
    model = task_model_of("tag")
    stream, logits = said(model)
    lens = logit_lens(model, reading_of(model), top=3, truth=[0, 1, 2, 0, 1, None])
    assert not lens.whole
    assert lens.top.max() == 2
    np.testing.assert_allclose(
        lens.true_probabilities[-1, :5], logits.softmax(-1)[range(5), [0, 1, 2, 0, 1]], rtol=1e-4
    )
    assert len(lens.rows) == len(stream) == 5


def test_with_edits_the_changed_model_is_seen() -> None:
    model = variety_of("llama")
    edits = ablate(model, [Component("decoder", 1, "attention"), Component("decoder", 1, "feed_forward")])
    lens = logit_lens(model, reading_of(model), edits=edits)
    assert np.abs(lens.divergences[-3:]).max() < 1e-6  # the last layer adds nothing any more
    assert lens.divergences[0].max() > 0.01


def test_vectors_may_be_translated_first() -> None:
    model = variety_of("gpt2")
    stream, _logits = said(model)
    end = list(stream.values())[-1]
    lens = logit_lens(model, reading_of(model), translate=lambda row, x: end[None] if row.layer == 0 else x)
    zero = [row for row, component in enumerate(lens.rows) if component.layer == 0]
    assert np.abs(lens.divergences[zero]).max() < 1e-6
    assert lens.divergences[0].max() > 0.01


@pytest.mark.parametrize("options", [{"pinned": [19]}, {"pinned": [-1]}, {"truth": [99]}])
def test_a_token_that_is_not_there_is_refused(options: dict) -> None:
    model = model_of()
    with pytest.raises(UserError, match="no token or class"):
        logit_lens(model, reading_of(model), **options)


def test_what_cannot_be_read_out_says_why() -> None:
    crossed = model_of(architecture="encoder_decoder")
    with pytest.raises(UserError, match="only the decoder"):
        read_out(crossed, "encoder", torch.zeros(24))
    with pytest.raises(UserError, match="places of a text"):
        logit_lens(task_model_of("answer"), Reading(side_of(1, 2, 3), None, 0))
    recurrent = build(RecurrentConfig(vocabulary_size=19, width=8)).eval()
    with pytest.raises(UserError, match="family recurrent"):
        spoken(recurrent)
    body = RecurrentConfig(vocabulary_size=19, width=8)
    with pytest.raises(UserError, match="Transformer"):
        spoken(build(TaskConfig(labels=2, body=body)).eval())


def test_a_model_that_is_being_trained_is_not_read() -> None:
    model = model_of().train()
    with pytest.raises(ValueError, match="eval mode"):
        logit_lens(model, reading_of(model))
