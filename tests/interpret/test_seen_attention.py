"""Attention as data equals what `transformers` reports, what its own queries, keys and values make, and hand counts."""

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from llm_core import hub
from llm_core.config import RecurrentConfig
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import HeadName, Part, Seen, parts, place, see, see_patterns
from llm_core.interpret.reading import Reading
from llm_core.models.attention import Attention as AttentionLayer
from llm_core.models.base import Batch, Model
from llm_core.models.build import build
from llm_core.models.formats import FORMATS
from llm_core.models.presets import preset
from llm_core.taps import observe
from tests.interpret.opened import model_of, reading_of, side_of

ARCHITECTURES = ["decoder", "encoder", "encoder_decoder"]
TOKENS = torch.randint(97, (3, 20), generator=torch.Generator().manual_seed(1))
LENGTHS = torch.tensor([20, 7, 13])


def opened(name: str, folder: Path) -> tuple[Model, Any]:
    """A model of random weights, and the same in `transformers`, which computes attention in the open."""
    model = build(preset(name, vocabulary_size=97, width=32, layers=3, heads=4, context=24, **({"key_value_heads": 2} if name == "llama" else {})), seed=3).eval()  # fmt: skip
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    model_class = getattr(transformers, FORMATS[hub.write_folder(model, folder)].class_name)
    return model, model_class.from_pretrained(folder, attn_implementation="eager").eval()


@pytest.mark.parametrize("name", ["gpt2", "bert", "llama"])
def test_patterns_equal_those_of_transformers(name: str, tmp_path: Path) -> None:
    model, peer = opened(name, tmp_path)
    (part,) = parts(model)
    with torch.no_grad():
        theirs = peer(TOKENS[:1], output_attentions=True)
    seen = see(model, Reading(side_of(*TOKENS[0].tolist()), None, 0))
    pattern = seen.parts[part].pattern
    expected = torch.cat(theirs.attentions).numpy()
    assert pattern.shape == expected.shape == (3, 4, 20, 20)
    assert np.abs(pattern - expected).max() < 1e-5
    assert pattern.max() > 0.4  # heads that looked at everything alike would be equal too
    assert np.abs(pattern.sum(-1) - 1).max() < 1e-5
    assert np.abs(seen.logits - theirs.logits[0].numpy()).max() < 1e-3


@pytest.mark.parametrize("name", ["gpt2", "bert", "llama"])
def test_patterns_of_padded_texts_equal_those_of_transformers(name: str, tmp_path: Path) -> None:
    model, peer = opened(name, tmp_path)
    batch = Batch(TOKENS, LENGTHS)
    (pattern,) = see_patterns(model, batch).values()
    assert batch.real is not None
    with torch.no_grad():
        theirs = torch.stack(peer(TOKENS, attention_mask=batch.real.long(), output_attentions=True).attentions)
    for row, length in enumerate(LENGTHS.tolist()):
        assert (pattern - theirs)[:, row, :, :length].abs().max() < 1e-5
        assert not pattern[:, row, :, :length, length:].any()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rows_sum_to_one_and_what_may_not_be_seen_is_exactly_nothing(architecture: str) -> None:
    model = model_of(architecture=architecture)
    for part, attention in see(model, reading_of(model)).parts.items():
        assert np.abs(attention.pattern.sum(-1) - 1).max() < 1e-6
        assert np.array_equal(attention.pattern == 0, np.isneginf(attention.scores))
        later = np.triu(np.ones(attention.pattern.shape[-2:], dtype=bool), 1)
        assert np.array_equal(np.isneginf(attention.scores[0, 0]), later if part == "decoder" else 0 * later)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_part_says_what_its_axes_are(architecture: str) -> None:
    model = model_of(architecture=architecture)
    reading = reading_of(model)
    seen = see(model, reading)
    assert tuple(seen.parts) == parts(model)
    source = reading.source or reading.text
    for part, attention in seen.parts.items():
        queries, keys = (source if part == "encoder" else reading.text), (reading.text if part == "decoder" else source)
        assert (attention.part, attention.query_tokens, attention.key_tokens) == (part, queries.tokens, keys.tokens)
        assert attention.pattern.shape == (2, 4, len(queries.ids), len(keys.ids))
        assert attention.pattern.dtype == np.float32
    assert seen.logits.shape == (6, 19)


@pytest.mark.parametrize("groups", [None, 2, 1])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_patterns_come_from_queries_and_keys_and_give_values_to_the_stream(
    architecture: str, groups: int | None
) -> None:
    """Heads that share keys and values have copies, so that one formula holds for all."""
    model = model_of(architecture=architecture, key_value_heads=groups, biases=True)
    reading = reading_of(model)
    source = None if reading.source is None else Batch(torch.tensor([reading.source.ids]))
    with torch.no_grad(), observe(model) as taps:
        model(Batch(torch.tensor([reading.text.ids]), source=source))
    for part, attention in see(model, reading).parts.items():
        products = attention.queries @ attention.keys.swapaxes(-1, -2) / math.sqrt(6)
        allowed = np.isfinite(attention.scores)
        np.testing.assert_allclose(attention.scores[allowed], products[allowed], atol=1e-4)
        shares = np.where(allowed, np.exp(attention.scores - attention.scores.max(-1, keepdims=True)), 0)
        np.testing.assert_allclose(attention.pattern, shares / shares.sum(-1, keepdims=True), atol=1e-5)
        for layer in range(2):
            prefix = place(model, part, layer)
            block = prefix.rpartition(".")[0]
            before, after = {"cross": ("residual_middle", "residual_crossed")}.get(part, ("residual_before", "residual_middle"))  # fmt: skip
            added = (taps[f"{block}.{after}"] - taps[f"{block}.{before}"])[0].numpy()
            taken = attention.pattern[layer] @ attention.values[layer] @ attention.outputs[layer]  # (heads, T, width)
            np.testing.assert_allclose(taken.sum(0) + bias_of(model, prefix), added, atol=1e-3)


def bias_of(model: Model, prefix: str) -> np.ndarray:
    layer = model.get_submodule(prefix)
    assert isinstance(layer, AttentionLayer)
    return layer.output.bias.detach().numpy()


def test_padding_changes_nothing_in_an_encoder_decoder() -> None:
    model = model_of(architecture="encoder_decoder")
    texts, sources = [(0, 3, 7, 3, 11, 5), (0, 8, 2)], [(4, 2, 0), (9, 1, 6, 6, 0)]
    batch = Batch(pad(texts), torch.tensor([6, 3]), source=Batch(pad(sources), torch.tensor([3, 5])))
    together = see_patterns(model, batch)
    for row, (text, source) in enumerate(zip(texts, sources, strict=True)):
        for part, attention in see(model, Reading(side_of(*text), side_of(*source), 0)).parts.items():
            rows, columns = attention.pattern.shape[-2:]
            np.testing.assert_allclose(together[part][:, row, :, :rows, :columns], attention.pattern, atol=1e-5)
            assert not together[part][:, row, :, :rows, columns:].any()


def pad(rows: list[tuple[int, ...]]) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (longest - len(row))] for row in rows])


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        ("decoder", HeadName("decoder", 1, 2)),
        ("encoder", HeadName("encoder", 0, 3)),
        ("encoder_decoder", HeadName("encoder", 1, 0)),
        ("encoder_decoder", HeadName("decoder", 0, 1)),
        ("encoder_decoder", HeadName("cross", 1, 3)),
    ],
)
def test_a_head_that_is_off_is_a_head_without_output_weights(architecture: str, name: HeadName) -> None:
    model = model_of(architecture=architecture, biases=True)
    without = copy.deepcopy(model)
    layer = without.get_submodule(place(model, name.part, name.layer))
    assert isinstance(layer, AttentionLayer)
    with torch.no_grad():
        layer.output.weight[:, 6 * name.head : 6 * (name.head + 1)] = 0
    reading = reading_of(model)
    off, expected, plain = see(model, reading, heads_off=[name]), see(without, reading), see(model, reading)
    np.testing.assert_allclose(off.logits, expected.logits, atol=1e-5)
    assert np.abs(off.logits - plain.logits).max() > 1e-2
    for part in parts(model):
        np.testing.assert_allclose(off.parts[part].pattern, expected.parts[part].pattern, atol=1e-5)
    assert np.array_equal(see(model, reading).logits, plain.logits)


@pytest.mark.parametrize("architecture", ["decoder", "encoder"])
def test_a_token_that_is_off_is_looked_at_by_itself_alone(architecture: str) -> None:
    model = model_of(architecture=architecture)
    plain, off = see(model, reading_of(model)), see(model, reading_of(model), tokens_off=[2, 4])
    part = parts(model)[0]
    scores = plain.parts[part].scores[0].copy()  # of the first layer, which nothing has reached yet
    for token in (2, 4):
        others = np.arange(6) != token
        scores[:, others, token] = -np.inf
        assert not off.parts[part].pattern[:, :, others, token].any()
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    np.testing.assert_allclose(off.parts[part].pattern[0], shares / shares.sum(-1, keepdims=True), atol=1e-5)
    np.testing.assert_allclose(off.parts[part].pattern.sum(-1), 1, atol=1e-5)
    # In every layer: put another token there, and no other position notices.
    for token in (2, 4):
        others = np.arange(6) != token
        assert differences(replaced(model, token, tokens_off=[2, 4]), off)[others].max() < 1e-4
        assert differences(replaced(model, token), plain)[others].max() > 1e-2


def test_a_source_token_that_is_off_is_seen_by_no_other_and_not_by_the_text() -> None:
    model = model_of(architecture="encoder_decoder")
    plain, off = see(model, reading_of(model)), see(model, reading_of(model), source_tokens_off=[1])
    assert not off.parts["cross"].pattern[..., 1].any()
    assert not off.parts["encoder"].pattern[:, :, [0, 2, 3], 1].any()
    assert off.parts["encoder"].pattern[:, :, 1, 1].all()
    np.testing.assert_allclose(off.parts["cross"].pattern.sum(-1), 1, atol=1e-5)
    reading = reading_of(model)
    assert reading.source is not None
    changed = Reading(reading.text, side_of(4, 13, 9, 0), 0)
    assert differences(see(model, changed, source_tokens_off=[1]), off).max() < 1e-4
    assert differences(see(model, changed), plain).max() > 1e-2
    # A text token that is off leaves the source alone.
    text_off = see(model, reading, tokens_off=[1])
    np.testing.assert_array_equal(text_off.parts["encoder"].pattern, plain.parts["encoder"].pattern)
    assert not text_off.parts["decoder"].pattern[:, :, 2:, 1].any()


def replaced(model: Model, place: int, **off: list[int]) -> Seen:
    """What is seen when another token stands at a place."""
    ids = list(reading_of(model).text.ids)
    ids[place] = (ids[place] + 7) % 19
    return see(model, Reading(side_of(*ids), None, 0), **off)


def differences(one: Seen, other: Seen) -> np.ndarray:
    """(T,) by how much the logits at each position differ at most."""
    return np.abs(one.logits - other.logits).max(-1)


@pytest.mark.parametrize(
    "off",
    [
        {"heads_off": [HeadName("decoder", 2, 0)]},
        {"heads_off": [HeadName("decoder", 0, 4)]},
        {"heads_off": [HeadName("cross", 0, 0)]},
        {"tokens_off": [6]},
        {"tokens_off": [-1]},
        {"source_tokens_off": [0]},
    ],
)
def test_what_is_not_there_cannot_be_switched_off(off: dict[str, Any]) -> None:
    model = model_of()
    with pytest.raises(UserError, match="There is no"):
        see(model, reading_of(model), **off)


def test_a_source_cannot_be_switched_off_as_a_whole() -> None:
    model = model_of(architecture="encoder_decoder")
    with pytest.raises(UserError, match="leave one on"):
        see(model, reading_of(model), source_tokens_off=[0, 1, 2, 3])


def test_other_families_have_no_parts() -> None:
    model = build(RecurrentConfig(vocabulary_size=19, width=8)).eval()
    assert parts(model) == parts(model_of(layers=0)) == ()
    assert see_patterns(model, Batch(torch.tensor([[1, 2]]))) == {}


def test_a_model_that_is_being_trained_is_not_looked_at() -> None:
    model = model_of()
    reading = reading_of(model)
    model.train()
    with pytest.raises(ValueError, match="eval mode"):
        see(model, reading)
    with pytest.raises(ValueError, match="eval mode"):
        see_patterns(model, Batch(torch.tensor([[1, 2]])))


def test_places_are_where_the_taps_stand() -> None:
    crossed = model_of(architecture="encoder_decoder")
    assert place(model_of(), "decoder", 1) == "blocks.1.attention"
    assert place(crossed, "encoder", 0) == "encoder.blocks.0.attention"
    assert place(crossed, "cross", 1) == "decoder.blocks.1.cross_attention"
    with pytest.raises(ValueError, match="no part cross"):
        place(model_of(), "cross", 0)


@pytest.mark.parametrize("part", ["decoder", "encoder", "cross"])
def test_a_head_is_named_and_found_again(part: Part) -> None:
    assert str(HeadName(part, 0, 11)) == f"{part}.0.11"
    assert HeadName.parse(f"{part}.0.11") == HeadName(part, 0, 11)


@pytest.mark.parametrize("text", ["", "decoder", "decoder.1", "decoder.1.2.3", "decoder.-1.2", "decoder.1.x", "other.1.2", "decoder.٣.1", "decoder.1.99999", "<b>.1.2"])  # fmt: skip
def test_what_names_no_head_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="names no head"):
        HeadName.parse(text)
