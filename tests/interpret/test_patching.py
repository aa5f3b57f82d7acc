"""Patching maps equal what comes out when a whole model is run anew for every cell, here and in `transformers`."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor

from llm_core import hub
from llm_core.config import TaskConfig, TransformerConfig
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Part
from llm_core.interpret.patching.pairs import Pair
from llm_core.interpret.patching.patching import Patching, Where, columns_of, rows_of
from llm_core.interpret.reading import Reading, Side, as_batch
from llm_core.interpret.target import Target
from llm_core.models.base import Model
from llm_core.models.build import build
from llm_core.models.formats import FORMATS
from llm_core.models.presets import preset
from llm_core.taps import observe
from tests.interpret.known_circuit import CIRCUIT, TOKENIZER, known_circuit, read_letters
from tests.interpret.opened import SIZE, side_of

KINDS: dict[str, dict[str, object]] = {
    "decoder": {},
    "post-norm": {"norm_position": "after", "norm": "layer", "biases": True, "position": "learned"},
    "grouped": {"key_value_heads": 2, "query_key_norm": True, "logit_softcap": 5.0, "embedding_norm": True},
    "attention-only": {"feed_forward_width": 0, "final_norm": False},
    "encoder": {"architecture": "encoder", "head_transform": True, "tied_embeddings": False, "position": "sinusoidal"},
    "encoder-decoder": {"architecture": "encoder_decoder"},
    "classify": {"task": "classify", "labels": 3},
    "tag": {"task": "tag", "labels": 4},
}


@cache
def made(kind: str) -> Model:
    options = dict(KINDS[kind])
    task = {name: options.pop(name) for name in ("task", "labels") if name in options}
    if task:
        body = TransformerConfig(**{**SIZE, "architecture": "encoder"})  # type: ignore[arg-type]
        model = build(TaskConfig(body=body, **task), seed=1)  # type: ignore[arg-type]
    else:
        model = build(TransformerConfig(**{**SIZE, **options}), seed=1)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    return model.eval().requires_grad_(False)


def pair_for(kind: str) -> Pair:
    """Texts of seven tokens that differ at places 2 and 4, asked at place 5; a translator's sources differ, too."""
    clean, corrupted = side_of(0, 3, 7, 3, 11, 5, 2), side_of(0, 3, 8, 3, 12, 5, 2)
    if kind == "encoder-decoder":
        sources = side_of(4, 2, 9, 0), side_of(4, 6, 9, 0)
        return Pair(Reading(clean, sources[0], 0), Reading(clean, sources[1], 0), Target(5, 3, 8), ("a", "b"))
    target = Target(None if kind == "classify" else 5, 2, 1)
    return Pair(Reading(clean, None, 0), Reading(corrupted, None, 0), target, ("a", "b"))


def tap_of(kind: str, part: Part, layer: int, name: str) -> str:
    before = {"classify": "reader.", "tag": "reader.", "encoder-decoder": "encoder." if part == "encoder" else "decoder."}  # fmt: skip
    inner = name.replace("attention", "cross_attention") if part == "cross" else name
    return f"{before.get(kind, '')}blocks.{layer}.{inner}"


NAMES = {"residual": "residual_before", "attention": "attention.added", "feed_forward": "feed_forward.added", "heads": "attention.head_outputs", "head": "attention.head_outputs"}  # fmt: skip


def one_by_one(kind: str, model: Model, pair: Pair, where: Where, part: Part) -> np.ndarray[Any, Any]:
    """A forward pass of the whole model for every cell, with the whole tap's tensor written by hand."""
    target = pair.target

    def asked(logits: Tensor) -> float:
        row = logits[0] if target.position is None else logits[0, target.position]
        assert isinstance(target.against, int)
        return float(row[target.token] - row[target.against])

    def run(reading: Reading, tap: str, change: Any = None) -> tuple[float, Tensor]:
        with torch.no_grad(), observe(model, only=[tap], edits={tap: change} if change else None) as seen:
            return asked(model(as_batch(reading))), seen[tap].clone()

    rows = []
    for layer in range(2):
        tap = tap_of(kind, part, layer, NAMES[where])
        clean_value, clean = run(pair.clean, tap)
        corrupted_value, _ = run(pair.corrupted, tap)
        length = clean.shape[-2]
        cells: list[list[tuple[Any, ...]]]
        if where == "heads":
            cells = [[(0, head) for head in range(4)]]
        elif where == "head":
            cells = [[(0, head, place) for place in range(length)] for head in range(4)]
        else:
            cells = [[(0, place) for place in range(length)]]
        for line in cells:
            values = []
            for cell in line:

                def change(x: Tensor, cell: tuple[Any, ...] = cell, clean: Tensor = clean) -> Tensor:
                    x = x.clone()
                    x[cell] = clean[cell]
                    return x

                values.append((run(pair.corrupted, tap, change)[0] - corrupted_value) / (clean_value - corrupted_value))
            rows.append(values)
    return np.array(rows)


CASES = [
    *(("decoder", where, "decoder") for where in ("residual", "attention", "feed_forward", "heads")),
    *(("post-norm", where, "decoder") for where in ("residual", "feed_forward", "heads")),
    *(("grouped", where, "decoder") for where in ("residual", "attention", "head")),
    *(("attention-only", where, "decoder") for where in ("residual", "attention", "heads")),
    *((kind, where, "encoder") for kind in ("encoder", "classify", "tag") for where in ("residual", "attention", "heads")),
    *(("encoder-decoder", where, part) for where in ("residual", "feed_forward", "heads") for part in ("encoder", "decoder")),
    *(("encoder-decoder", where, "cross") for where in ("attention", "heads", "head")),
    ("encoder", "feed_forward", "encoder"), ("encoder", "head", "encoder"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "where", "part"), CASES)
def test_each_cell_is_what_a_whole_forward_pass_gives(kind: str, where: Where, part: Part) -> None:
    model, pair = made(kind), pair_for(kind)
    patching = Patching(model, pair)
    found = patching.map(where, part)
    expected = one_by_one(kind, model, pair, where, part)
    assert found.values.shape == expected.shape == (len(found.rows), len(found.columns))
    np.testing.assert_allclose(found.values, expected, atol=2e-4)
    if not (kind == "encoder-decoder" and part == "decoder" and where == "residual"):
        assert np.abs(expected).max() > 0.01  # a map of zeros would agree with anything


def test_no_part_of_a_decoder_before_the_first_other_token_or_after_the_target_matters() -> None:
    found = Patching(made("decoder"), pair_for("decoder")).map("residual", "decoder").values
    assert (found[:, :2] == 0).all()
    assert (found[:, 6:] == 0).all()
    assert np.abs(found[0, [3, 5]]).max() < 1e-5  # the same tokens in both texts
    assert abs(found[1, 3]) > 1e-3


def test_a_whole_stream_brings_the_whole_answer_back() -> None:
    """A text that differs at one position: its first layer's stream is all that differs."""
    pair = pair_for("decoder")
    near = Reading(side_of(0, 3, 8, 3, 11, 5, 2), None, 0)
    found = Patching(made("decoder"), replace(pair, corrupted=near)).map("residual", "decoder")
    assert found.values[0, 2] == pytest.approx(1, abs=1e-4)


def test_rows_come_layer_by_layer_and_nothing_stays_open() -> None:
    model, pair = made("decoder"), pair_for("decoder")
    patching = Patching(model, pair)
    rows = patching.rows("head", "decoder")
    first = next(rows)
    assert str(first.component) == "decoder.0.0"
    with torch.no_grad():
        undisturbed = model(as_batch(pair.corrupted))
    rows.close()
    with torch.no_grad():
        torch.testing.assert_close(model(as_batch(pair.corrupted)), undisturbed)
    whole = patching.map("head", "decoder")
    assert whole.rows == tuple(str(row) for row in rows_of(model, "head", "decoder"))
    assert whole.columns == columns_of(model, pair, "head", "decoder") == pair.clean.text.tokens
    np.testing.assert_array_equal(whole.values[0], first.values)


def test_the_known_circuit_is_found_and_nothing_else() -> None:
    """After "a b d c e a" comes b: which head must be told that it was an a that stood before the b?"""
    model = known_circuit()
    readings = [read_letters(text) for text in ("abdcea", "cbdaea")]
    right, wrong = (1 + "abcdefghijk".index(letter) for letter in "be")
    pair = Pair(readings[0], readings[1], Target(6, right, wrong), (TOKENIZER.pieces[right], TOKENIZER.pieces[wrong]))
    found = Patching(model, pair).map("heads", "decoder")
    expected = np.zeros((2, 4))
    for name in CIRCUIT:
        expected[name.layer, name.head] = 1
    np.testing.assert_allclose(found.values, expected, atol=0.02)


@pytest.mark.parametrize(("where", "name"), [("residual", "h.{}"), ("attention", "h.{}.attn"), ("feed_forward", "h.{}.mlp")])  # fmt: skip
def test_maps_of_a_gpt2_equal_those_made_with_hooks_in_transformers(where: Where, name: str, tmp_path: Path) -> None:
    model = build(preset("gpt2", vocabulary_size=31, width=32, layers=3, heads=4, context=16), seed=3).eval()
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    peer_class = getattr(transformers, FORMATS[hub.write_folder(model, tmp_path)].class_name)
    peer = peer_class.from_pretrained(tmp_path, attn_implementation="eager").eval()
    ids = ([4, 9, 2, 17, 5, 6], [4, 9, 3, 17, 5, 6])
    sides = [Side(tuple(each), tuple(map(str, each)), ((0, 1),) * 6) for each in ids]
    pair = Pair(Reading(sides[0], None, 0), Reading(sides[1], None, 0), Target(5, 7, 8), ("7", "8"))
    found = Patching(model, pair).map(where, "decoder")

    @torch.no_grad()
    def difference(row: list[int]) -> float:
        logits = peer(torch.tensor([row])).logits[0, 5]
        return float(logits[7] - logits[8])

    clean, corrupted = difference(ids[0]), difference(ids[1])
    expected = np.zeros((3, 6))
    for layer in range(3):
        module = peer.transformer.get_submodule(name.format(layer))
        kept: list[Tensor] = []
        for place in [None, *range(6)]:

            def before(_module: Any, args: Any, place: int | None = place, kept: list[Tensor] = kept) -> Any:
                if place is None:
                    kept.append(args[0].clone())
                    return None
                changed = args[0].clone()
                changed[0, place] = kept[0][0, place]
                return (changed, *args[1:])

            def after(_module: Any, _args: Any, out: Any, place: int | None = place, kept: list[Tensor] = kept) -> Any:
                tensor = out[0] if isinstance(out, tuple) else out
                if place is None:
                    kept.append(tensor.clone())
                    return None
                changed = tensor.clone()
                changed[0, place] = kept[0][0, place]
                return (changed, *out[1:]) if isinstance(out, tuple) else changed

            handle = module.register_forward_pre_hook(before) if where == "residual" else module.register_forward_hook(after)  # fmt: skip
            value = difference(ids[0] if place is None else ids[1])
            handle.remove()
            if place is not None:
                expected[layer, place] = (value - corrupted) / (clean - corrupted)
    np.testing.assert_allclose(found.values, expected, atol=1e-4)
    assert found.clean == pytest.approx(clean, abs=1e-3)


def test_what_cannot_be_patched_says_why() -> None:
    pair = pair_for("decoder")
    with pytest.raises(UserError, match="no difference"):
        Patching(made("decoder"), replace(pair, corrupted=pair.clean))
    with pytest.raises(UserError, match="no part encoder"):
        Patching(made("decoder"), pair).map("residual", "encoder")
    with pytest.raises(UserError, match="attention alone"):
        Patching(made("attention-only"), pair).map("feed_forward", "decoder")
    with pytest.raises(UserError, match="choose the decoder"):
        Patching(made("encoder-decoder"), pair_for("encoder-decoder")).map("residual", "cross")
    with pytest.raises(ValueError, match="eval mode"):
        Patching(build(TransformerConfig(**SIZE), seed=0).train(), pair)  # type: ignore[arg-type]
