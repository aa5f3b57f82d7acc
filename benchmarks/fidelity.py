"""How far what is read inside a model differs from TransformerLens on the same weights: the largest difference per method.

    python -m benchmarks.fidelity [--threads N]

Models of random weights, all parameters drawn: a GPT-2 and a Llama. The logit lens at every place of the stream, direct
logit attribution of embedding, heads, feed-forward layers and neurons, zero ablation of every head and feed-forward layer,
patching maps of stream, feed-forward layers and heads at all positions, and composition scores. Fails above 1e-4.
"""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported: the peer looks its models up

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge
from transformers import PreTrainedTokenizerFast

from llm_core import hub
from llm_core.devices import physical_cores
from llm_core.interpret.ablation.ablation import map_ablations, target_of
from llm_core.interpret.attribution.logit_attribution import attribute_logit
from llm_core.interpret.circuits.composition import KINDS, composition
from llm_core.interpret.components import Component
from llm_core.interpret.lenses.logit_lens import logit_lens
from llm_core.interpret.patching.pairs import pair_of_readings
from llm_core.interpret.patching.patching import Patching
from llm_core.interpret.reading import Reading, Side
from llm_core.interpret.target import Target
from llm_core.models.base import Model
from llm_core.models.build import build
from llm_core.models.presets import preset

GOAL = 1e-4
VOCABULARY, WIDTH, LAYERS, HEADS = 97, 32, 3, 4
CLEAN = [5, 19, 3, 41, 7, 19, 96, 0, 8, 33]
CORRUPTED = [5, 19, 62, 41, 7, 19, 96, 11, 8, 33]
LAST, RIGHT, WRONG = len(CLEAN) - 1, 7, 41
TARGET = Target(LAST, RIGHT, WRONG)
Floats = NDArray[np.float64]
Compared = Iterator[tuple[str, Floats, Floats]]
"""What is compared, ours, and the peer's."""


def reading(ids: list[int]) -> Reading:
    return Reading(Side(tuple(ids), tuple(map(str, ids)), tuple((at, at + 1) for at in range(len(ids)))), None, 0)


def opened(name: str) -> tuple[Model, Any]:
    """A model, and the same in TransformerLens."""
    model = build(preset(name, vocabulary_size=VOCABULARY, context=24, width=WIDTH, layers=LAYERS, heads=HEADS), seed=3)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    with tempfile.TemporaryDirectory() as folder:
        hub.write_folder(model.eval().requires_grad_(False), Path(folder))
        words = WordLevel({str(token): token for token in range(VOCABULARY)}, unk_token="0")
        PreTrainedTokenizerFast(tokenizer_object=Tokenizer(words)).save_pretrained(folder)  # the peer asks for one
        peer = TransformerBridge.boot_transformers(folder)
    return model, peer


def lens(model: Model, peer: Any) -> Compared:
    ours = logit_lens(model, reading(CLEAN), pinned=range(VOCABULARY))
    _logits, cache = peer.run_with_cache(torch.tensor([CLEAN]))
    stream, labels = cache.accumulated_resid(incl_mid=True, return_labels=True)
    assert len(labels) == len(ours.rows), labels
    theirs = peer.unembed(peer.ln_final(stream))[:, 0].log_softmax(-1)  # (R, T, V)
    last = theirs[-1]
    yield "probabilities", as_array(ours.pinned_probabilities), as_array(theirs.exp())
    yield "entropies", as_array(ours.entropies), as_array(-(theirs.exp() * theirs).sum(-1))
    yield "divergences", as_array(ours.divergences), as_array((last.exp() * (last - theirs)).sum(-1))


def attribution(model: Model, peer: Any) -> Compared:
    ours = attribute_logit(model, reading(CLEAN), TARGET, neurons=100_000)
    found = dict(zip((*ours.components, *ours.neurons), (*ours.contributions, *ours.neuron_contributions), strict=True))
    _logits, cache = peer.run_with_cache(torch.tensor([CLEAN]))

    # `logit_attrs` takes it that the gain of the last norm is folded into the unembedding; it is multiplied in here.
    written = peer.ln_final.weight * (peer.W_U[:, RIGHT] - peer.W_U[:, WRONG])

    def theirs(stack: Tensor) -> Floats:
        return as_array(cache.apply_ln_to_stack(stack)[:, 0, LAST] @ written)

    feed_forwards, _labels = cache.decompose_resid(mode="mlp", incl_embeds=False, return_labels=True)
    embedding = cache["resid_pre", 0][None]
    heads = [found[Component("decoder", layer, "head", head)] for layer in range(LAYERS) for head in range(HEADS)]
    layers = [found[Component("decoder", layer, "feed_forward")] for layer in range(LAYERS)]
    neurons = [found[Component("decoder", layer, "neuron", neuron)] for layer in range(LAYERS) for neuron in range(4 * WIDTH)]  # fmt: skip
    yield "embedding", as_array([found[Component("decoder", None, "embedding")]]), theirs(embedding)
    yield "heads", as_array(heads), theirs(cache.stack_head_results())
    yield "feed-forward layers", as_array(layers), theirs(feed_forwards)
    yield "neurons", as_array(neurons), theirs(cache.stack_neuron_results(layer=LAYERS))


def ablation(model: Model, peer: Any) -> Compared:
    ours = [each.change for each in map_ablations(model, target_of(model, reading(CLEAN), TARGET))]
    plain = asked(peer, CLEAN, [])
    theirs = []
    for layer in range(LAYERS):
        for head in range(HEADS):
            theirs.append(asked(peer, CLEAN, [(f"blocks.{layer}.attn.hook_z", partial(put, values=0.0, head=head))]))
    theirs += [asked(peer, CLEAN, [(f"blocks.{layer}.hook_mlp_out", partial(put, values=0.0))]) for layer in range(LAYERS)]  # fmt: skip
    yield "heads and feed-forward layers", as_array(ours), as_array(theirs) - plain


def patching(model: Model, peer: Any) -> Compared:
    pair = pair_of_readings(model, reading(CLEAN), reading(CORRUPTED), [str(token) for token in range(VOCABULARY)], TARGET)  # fmt: skip
    ours = Patching(model, pair)
    clean, corrupted = asked(peer, CLEAN, []), asked(peer, CORRUPTED, [])
    _logits, cache = peer.run_with_cache(torch.tensor([CLEAN]))
    for where, hook in (("residual", "hook_resid_pre"), ("feed_forward", "hook_mlp_out"), ("heads", "attn.hook_z")):
        columns = [{"head": head} for head in range(HEADS)] if where == "heads" else [{"at": at} for at in range(len(CLEAN))]  # fmt: skip
        theirs = [
            [
                asked(peer, CORRUPTED, [(name, partial(put, values=cache[name], **column))])
                for column in columns
            ]
            for name in (f"blocks.{layer}.{hook}" for layer in range(LAYERS))
        ]  # fmt: skip
        values = (np.array(theirs) - corrupted) / (clean - corrupted)
        yield where, as_array(ours.map(where, "decoder").values), as_array(values)  # type: ignore[arg-type]


def composing(model: Model, peer: Any) -> Compared:
    ours = composition(model)
    peer.enable_compatibility_mode()  # norms folded in, what is written centred
    for kind in KINDS:
        theirs = peer.all_composition_scores(kind).flatten(2).flatten(0, 1)
        there = np.isfinite(ours.scores[kind])
        yield kind, as_array(ours.scores[kind])[there], as_array(theirs)[there]


def asked(peer: Any, ids: list[int], hooks: list[tuple[str, Callable[..., Tensor]]]) -> float:
    """The target, with hooks."""
    return float(TARGET.of(peer.run_with_hooks(torch.tensor([ids]), fwd_hooks=hooks)))


def put(
    tensor: Tensor, hook: object, *, values: Tensor | float, head: int | None = None, at: int | None = None
) -> Tensor:
    """The peer's tensor (B, T, ...) with these values of one head, at one position, or everywhere."""
    changed = tensor.clone()
    place = (slice(None), slice(None) if at is None else at, *(() if head is None else (head,)))
    changed[place] = values[place] if isinstance(values, Tensor) else values
    return changed


def as_array(values: Any) -> Floats:
    found: Floats = np.asarray(values.detach() if isinstance(values, Tensor) else values, dtype=np.float64)
    return found


METHODS: dict[str, tuple[Callable[[Model, Any], Compared], tuple[str, ...]]] = {
    "logit lens": (lens, ("gpt2", "llama")),
    "direct logit attribution": (attribution, ("gpt2", "llama")),
    "ablation": (ablation, ("gpt2", "llama")),
    "patching": (patching, ("gpt2", "llama")),
    "composition": (composing, ("gpt2",)),
}
"""Each with the presets it is compared on; composition comes last, because it changes the peer."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=physical_cores())
    torch.set_num_threads(parser.parse_args().threads)
    models = {name: opened(name) for name in ("gpt2", "llama")}
    cases = []
    for method, (compare, presets) in METHODS.items():
        for name in presets:
            with torch.no_grad():
                for what, ours, theirs in compare(*models[name]):
                    assert ours.shape == theirs.shape, f"{method}, {what}: {ours.shape} and {theirs.shape}"
                    # Of large numbers, as a share of the largest: they are sums in fp32.
                    difference = float(np.abs(ours - theirs).max()) / max(1.0, float(np.abs(theirs).max()))
                    case = {"case": f"{method}, {what}, {name}", "ours": difference, "peer": GOAL, "ratio": difference / GOAL}  # fmt: skip
                    cases.append(case | {"numbers": ours.size, "largest": float(np.abs(theirs).max())})
                    print(f"{case['case']}: {ours.size} numbers differ by at most {difference:.1e}", flush=True)
    worst = max(cases, key=lambda case: case["ratio"])
    summary = {
        "name": "fidelity", "ours": worst["ours"], "peer": GOAL, "peer_name": "the largest difference allowed to TransformerLens",
        "ratio": worst["ratio"], "unit": "difference", "cases": cases,
        "machine": f"{platform.processor() or platform.machine()}, {physical_cores()} cores",
    }  # fmt: skip
    print(json.dumps(summary))
    assert worst["ratio"] <= 1, f"{worst['case']} differs by {worst['ours']}"


if __name__ == "__main__":
    main()
