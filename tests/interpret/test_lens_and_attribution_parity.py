"""The lens and direct attribution against another implementation of the same models: what `transformers` computes inside,
put through the formulas of TransformerLens (`accumulated_resid`, `decompose_resid`, `stack_head_results`,
`apply_ln_to_stack`, then the unembedding)."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import Tensor, nn

from llm_core import hub
from llm_core.interpret.attribution.logit_attribution import attribute_logit
from llm_core.interpret.components import Component
from llm_core.interpret.lenses.logit_lens import logit_lens
from llm_core.interpret.reading import Reading
from llm_core.interpret.target import Target
from llm_core.models.base import Model
from llm_core.models.build import build
from llm_core.models.formats import FORMATS
from llm_core.models.presets import preset
from tests.interpret.opened import shaken, side_of

TOKENS = [5, 19, 3, 41, 7, 19, 96, 0, 8]
WIDTH, LAYERS, HEADS = 16, 3, 2


def opened(name: str, folder: Path) -> tuple[Model, Any]:
    """A model of random weights, and the same in `transformers`."""
    shared = {"key_value_heads": 1} if name == "llama" else {}
    model = shaken(
        build(preset(name, vocabulary_size=97, width=WIDTH, layers=LAYERS, heads=HEADS, context=24, **shared))
    )
    model_class = getattr(transformers, FORMATS[hub.write_folder(model, folder)].class_name)
    return model, model_class.from_pretrained(folder, attn_implementation="eager").eval()


def unembed(name: str, peer: Any, x: Tensor) -> Tensor:
    """What the peer's own end makes of a vector of its stream."""
    match name:
        case "gpt2":
            return peer.lm_head(peer.transformer.ln_f(x))
        case "bert":
            return peer.cls(x)
        case _:
            return peer.lm_head(peer.model.norm(x))


def stream(name: str, peer: Any) -> tuple[list[Tensor], Tensor]:
    """(T, width) after the embedding and after each layer, before any final norm; and the logits."""
    layers = {"gpt2": "transformer.h", "bert": "bert.encoder.layer"}.get(name, "model.layers")
    seen: list[Tensor] = []
    for number, block in enumerate(peer.get_submodule(layers)):
        if number == 0:
            block.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0][0]))
        block.register_forward_hook(
            lambda _module, _inputs, out: seen.append(out[0] if isinstance(out, tuple) else out)
        )
    with torch.no_grad():
        logits = peer(torch.tensor([TOKENS])).logits[0]
    return [x.reshape(-1, WIDTH) for x in seen], logits


@pytest.mark.parametrize("name", ["gpt2", "bert", "llama", "qwen"])
def test_the_logit_lens_equals_that_of_transformers(name: str, tmp_path: Path) -> None:
    model, peer = opened(name, tmp_path)
    lens = logit_lens(model, Reading(side_of(*TOKENS), None, 0), top=97, pinned=range(97))
    rows = [place for place, row in enumerate(lens.rows) if row.kind in ("embedding", "residual_after")]
    there, logits = stream(name, peer)
    assert len(rows) == len(there) == LAYERS + 1
    output = logits.log_softmax(-1)
    for row, x in zip(rows, there, strict=True):
        with torch.no_grad():
            read = unembed(name, peer, x).log_softmax(-1)
        assert np.abs(lens.pinned_probabilities[row] - read.exp().numpy()).max() < 1e-4
        assert np.abs(lens.entropies[row] - -(read.exp() * read).sum(-1).numpy()).max() < 1e-3
        divergence = (output.exp() * (output - read)).sum(-1).numpy()
        np.testing.assert_allclose(lens.divergences[row], divergence, rtol=1e-3, atol=1e-3)
    assert np.abs(lens.pinned_probabilities[rows[1]] - lens.pinned_probabilities[rows[2]]).max() > 0.02


@pytest.mark.parametrize(("name", "target"), [("gpt2", Target(8, 7, 41)), ("gpt2", Target(4, 3)), ("llama", Target(8, 7, 41)), ("qwen", Target(2, 60, 1))])  # fmt: skip
def test_direct_attribution_equals_the_formula_of_transformer_lens(name: str, target: Target, tmp_path: Path) -> None:
    model, peer = opened(name, tmp_path)
    found = attribute_logit(model, Reading(side_of(*TOKENS), None, 0), target, neurons=1000)
    position = target.position
    base, final, unembedding = (peer.transformer, peer.transformer.ln_f, peer.lm_head.weight) if name == "gpt2" else (peer.model, peer.model.norm, peer.lm_head.weight)  # fmt: skip
    kept = keep(base.h if name == "gpt2" else base.layers)
    with torch.no_grad():
        peer(torch.tensor([TOKENS]))
    end = kept["end"][0, position]
    against = 0 if target.against is None else unembedding[target.against]
    direction = (unembedding[target.token] - against).detach().double()

    def logit(x: Tensor) -> float:
        """`apply_ln_to_stack`: the scale of the last norm is that of the whole stream, whatever the part."""
        x, whole = x.double(), end.double()
        if name == "gpt2":
            x, whole = x - x.mean(-1, keepdim=True), whole - whole.mean()
        epsilon = final.eps if name == "gpt2" else final.variance_epsilon
        return float(x / (whole.square().mean() + epsilon).sqrt() * final.weight.double() @ direction)

    expected = {"decoder.embedding": logit(kept["begin"][0, position])}
    for layer in range(LAYERS):
        inputs, output = kept[f"{layer}.heads"][0, position], kept[f"{layer}.output"]  # (width,), (width in, width out)
        for head in range(HEADS):
            mine = slice(head * WIDTH // HEADS, (head + 1) * WIDTH // HEADS)
            expected[f"decoder.{layer}.{head}"] = logit(inputs[mine] @ output[mine])
        expected[f"decoder.{layer}.feed_forward"] = logit(kept[f"{layer}.feed_forward"][0, position])
        activations, down = kept[f"{layer}.activations"][0, position], kept[f"{layer}.down"]
        for neuron in range(len(down)):
            expected[f"decoder.{layer}.feed_forward.{neuron}"] = logit(activations[neuron] * down[neuron])
    ours = dict(zip((*found.components, *found.neurons), (*found.contributions, *found.neuron_contributions), strict=True))  # fmt: skip
    assert {str(component) for component in ours} == set(expected)
    worst = max(abs(ours[Component.parse(name)] - value) for name, value in expected.items())
    assert worst < 1e-4 * max(1.0, max(map(abs, expected.values())))


def keep(layers: nn.ModuleList) -> dict[str, Tensor]:
    """What the peer's parts take in and give out while it reads, and the matrices they write with (in, out)."""
    kept: dict[str, Tensor] = {}

    def note(name: str, of_input: bool) -> Any:
        def hook(_module: nn.Module, inputs: Any, out: Any = None) -> None:
            kept.setdefault(name, (inputs[0] if of_input else out[0] if isinstance(out, tuple) else out).detach())

        return hook

    layers[0].register_forward_pre_hook(note("begin", True))
    layers[-1].register_forward_hook(note("end", False))
    for number, layer in enumerate(layers):
        gpt2 = hasattr(layer, "attn")
        output = layer.attn.c_proj if gpt2 else layer.self_attn.o_proj
        down = layer.mlp.c_proj if gpt2 else layer.mlp.down_proj
        output.register_forward_pre_hook(note(f"{number}.heads", True))
        layer.mlp.register_forward_hook(note(f"{number}.feed_forward", False))
        down.register_forward_pre_hook(note(f"{number}.activations", True))
        for name, module in (("output", output), ("down", down)):
            kept[f"{number}.{name}"] = (
                module.weight.detach() if gpt2 else module.weight.detach().T
            )  # Conv1D is (in, out)
    return kept
