"""How long activation patching maps take, against a whole forward pass for every cell, as usual libraries do it.

    python -m benchmarks.patching [--layers 6] [--width 384] [--tokens 64] [--threads N] [--rounds 3]

A decoder of random weights reads two texts that differ from the first token on, so that nothing can be left out: the worst
case. The figure is seconds for the map of the residual stream (layers × positions), and for three sites: the stream, what
attention adds, what feed-forward layers add; the best of the rounds. Both sides must give the same map.
"""

import argparse
import json
import platform
import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.config import TransformerConfig
from llm_core.devices import physical_cores
from llm_core.interpret.components import Component, site
from llm_core.interpret.patching.pairs import Pair
from llm_core.interpret.patching.patching import Patching, Where
from llm_core.interpret.reading import Reading, Side, as_batch
from llm_core.interpret.target import Target
from llm_core.models.base import Model
from llm_core.models.build import build
from llm_core.taps import observe

CASES: dict[str, tuple[tuple[Where, ...], float]] = {
    "residual": (("residual",), 5.0),
    "three sites": (("residual", "attention", "feed_forward"), 15.0),
}
"""What is patched, and the goal in seconds on two cores."""
VOCABULARY = 1024


def make(layers: int, width: int, tokens: int) -> tuple[Model, Pair]:
    config = TransformerConfig(vocabulary_size=VOCABULARY, context=128, width=width, layers=layers, heads=6)
    model = build(config, seed=0).eval().requires_grad_(False)
    random = torch.Generator().manual_seed(0)
    clean = torch.randint(2, VOCABULARY, (tokens,), generator=random).tolist()
    corrupted = [clean[0] - 1, *clean[1:]]
    sides = [Side(tuple(ids), tuple(map(str, ids)), ((0, 1),) * tokens) for ids in (clean, corrupted)]
    return model, Pair(Reading(sides[0], None, 0), Reading(sides[1], None, 0), Target(tokens - 1, 1, 2), ("1", "2"))


def ours(model: Model, pair: Pair, wheres: Sequence[Where]) -> tuple[float, float, list[NDArray[np.float32]]]:
    """Seconds, seconds until the first row, and the maps."""
    begin = time.perf_counter()
    patching = Patching(model, pair)
    first, maps = 0.0, []
    for where in wheres:
        rows = []
        for row in patching.rows(where, "decoder"):
            first = first or time.perf_counter() - begin
            rows.append(row.values)
        maps.append(np.stack(rows))
    return time.perf_counter() - begin, first, maps


def cell_by_cell(model: Model, pair: Pair, wheres: Sequence[Where]) -> tuple[float, list[NDArray[np.float64]]]:
    """Seconds and maps of a whole forward pass of one row for every cell."""
    kinds = {"residual": "residual_before", "attention": "attention", "feed_forward": "feed_forward"}
    config = model.config
    assert isinstance(config, TransformerConfig)
    begin = time.perf_counter()
    maps = []
    with torch.inference_mode():
        for where in wheres:
            taps = [site(model, Component("decoder", layer, kinds[where])).tap for layer in range(config.layers)]  # type: ignore[arg-type]
            with observe(model, only=taps) as seen:
                clean_value = float(pair.target.of(model(as_batch(pair.clean)))[0])
            clean = dict(seen)
            corrupted_value = float(pair.target.of(model(as_batch(pair.corrupted)))[0])
            found = np.zeros((len(taps), len(pair.clean.text.ids)))
            for layer, tap in enumerate(taps):
                for place in range(found.shape[1]):

                    def edit(x: Tensor, tap: str = tap, place: int = place, clean: dict[str, Tensor] = clean) -> Tensor:
                        changed = x.clone()
                        changed[:, place] = clean[tap][:, place]
                        return changed

                    with observe(model, only=(), edits={tap: edit}):
                        value = float(pair.target.of(model(as_batch(pair.corrupted)))[0])
                    found[layer, place] = (value - corrupted_value) / (clean_value - corrupted_value)
            maps.append(found)
    return time.perf_counter() - begin, maps


def measure(name: str, model: Model, pair: Pair, rounds: int) -> dict[str, object]:
    wheres, goal = CASES[name]
    peer_seconds, expected = cell_by_cell(model, pair, wheres)
    runs = [ours(model, pair, wheres) for _ in range(rounds)]
    seconds, first, maps = min(runs, key=lambda run: run[0])
    difference = max(float(np.abs(one - other).max()) for one, other in zip(maps, expected, strict=True))
    assert difference < 1e-3, f"the maps differ by {difference}"
    return {
        "case": name, "ours": round(seconds, 3), "first_row": round(first, 3), "peer": round(peer_seconds, 3),
        "ratio": round(seconds / peer_seconds, 3), "goal": goal, "largest_difference": difference,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model, pair = make(arguments.layers, arguments.width, arguments.tokens)
    ours(model, pair, ("residual",))  # warms up
    cases = [measure(name, model, pair, arguments.rounds) for name in CASES]
    for case in cases:
        print(f"{case['case']}: {case['ours']} s (first row after {case['first_row']} s, goal {case['goal']} s); cell by cell {case['peer']} s")  # fmt: skip
    worst = max(cases, key=lambda case: case["ours"] / case["goal"])  # type: ignore[operator]
    summary = {
        "name": "patching", "ours": worst["ours"], "peer": worst["peer"], "peer_name": "a whole forward pass for every cell",
        "ratio": worst["ratio"], "unit": "s", "cases": cases,
        "model": f"{arguments.layers} x {arguments.width}, {arguments.tokens} positions", "threads": arguments.threads,
        "machine": f"{platform.processor() or platform.machine()}, {physical_cores()} cores",
    }  # fmt: skip
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
