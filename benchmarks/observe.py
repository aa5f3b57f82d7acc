"""How fast a model is observed, all of it at once, against TransformerLens `run_with_cache` on the same weights.

    python -m benchmarks.observe [--rounds 200] [--threads N]

A GPT-2 of random weights reads one text; both sides collect every named place in it and the logits, in turns. What both
name is compared. The figure of a case is the median over the rounds of milliseconds for one text.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # before transformers is imported: the peer looks its models up

import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge

from llm_core import hub
from llm_core.devices import physical_cores
from llm_core.models.base import Batch, Model
from llm_core.models.build import build
from llm_core.models.presets import preset
from llm_core.taps import observe

CASES = {"4x128 at 64 tokens": (4, 128, 4, 64, 1 / 3), "6x384 at 128 tokens": (6, 384, 6, 128, 3 / 4)}
"""Layers, width, heads, tokens, and the goal: at most this share of the peer's time."""
VOCABULARY, CONTEXT = 1024, 256

# What both name, by our tap and their hook; theirs has heads after positions where `turned`.
SAME: dict[str, tuple[str, bool]] = {
    "residual_before": ("hook_resid_pre", False),
    "residual_middle": ("hook_resid_mid", False),
    "residual_after": ("hook_resid_post", False),
    "attention.queries": ("attn.hook_q", True),
    "attention.keys": ("attn.hook_k", True),
    "attention.values": ("attn.hook_v", True),
    "attention.scores": ("attn.hook_attn_scores", False),
    "attention.pattern": ("attn.hook_pattern", False),
    "attention.head_outputs": ("attn.hook_z", True),
    "feed_forward.activations": ("mlp.hook_post", False),
}


def observe_ours(model: Model, tokens: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
    with torch.inference_mode(), observe(model) as seen:
        logits = model(Batch(tokens))
    return logits, seen


def observe_theirs(peer: Any, tokens: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:
    with torch.inference_mode():
        logits, cache = peer.run_with_cache(tokens)
    return logits, cache


def measure(name: str, rounds: int) -> dict[str, object]:
    layers, width, heads, length, goal = CASES[name]
    model = build(preset("gpt2", vocabulary_size=VOCABULARY, context=CONTEXT, width=width, layers=layers, heads=heads)).eval()  # fmt: skip
    tokens = torch.randint(VOCABULARY, (1, length), generator=torch.Generator().manual_seed(0))
    with tempfile.TemporaryDirectory() as folder:
        hub.write_folder(model, Path(folder))
        peer = TransformerBridge.boot_transformers(folder)
    sides: dict[str, Callable[[], tuple[Tensor, Mapping[str, Tensor]]]] = {
        "ours": lambda: observe_ours(model, tokens),
        "peer": lambda: observe_theirs(peer, tokens),
    }
    difference = largest_difference(sides["ours"](), sides["peer"](), layers)  # also warms both up
    assert difference < 1e-4, f"values differ by {difference}"
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, look in sides.items():
            begin = time.perf_counter()
            look()
            times[side].append(1000 * (time.perf_counter() - begin))
    ours, theirs = (statistics.median(times[side]) for side in sides)
    return {"case": name, "ours": round(ours, 3), "peer": round(theirs, 3), "ratio": round(ours / theirs, 3), "goal": round(goal, 3), "largest_difference": difference}  # fmt: skip


def largest_difference(
    ours: tuple[Tensor, Mapping[str, Tensor]], theirs: tuple[Tensor, Mapping[str, Tensor]], layers: int
) -> float:
    """Over the logits and every place that both name, as far as a position may look."""
    differences = [float((ours[0] - theirs[0]).abs().max())]
    for layer in range(layers):
        for tap, (hook, turned) in SAME.items():
            one, other = ours[1][f"blocks.{layer}.{tap}"], theirs[1][f"blocks.{layer}.{hook}"]
            other = other.transpose(1, 2) if turned else other
            assert one.shape == other.shape, f"{tap} has the shape {tuple(one.shape)}, {hook} {tuple(other.shape)}"
            # Where nobody may look, our scores are -inf and theirs the least number.
            differences.append(float((one - other)[one.isfinite()].abs().max()))
    return max(differences)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--threads", type=int, default=physical_cores())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cases = [measure(name, arguments.rounds) for name in CASES]
    for case in cases:
        print(f"{case['case']}: {case['ours']} ms, TransformerLens {case['peer']} ms, {case['ratio']} of its time")
    worst = max(cases, key=lambda case: case["ratio"] / case["goal"])  # type: ignore[operator]
    summary = {
        "name": "observe", "ours": worst["ours"], "peer": worst["peer"],
        "peer_name": "TransformerLens run_with_cache", "ratio": worst["ratio"], "unit": "ms", "cases": cases,
        "threads": arguments.threads,
        "machine": f"{platform.processor() or platform.machine()}, {physical_cores()} cores",
    }  # fmt: skip
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
