"""How fast the cached generator writes, against `transformers.generate` on the same weights, one token after another.

    python -m benchmarks.generation [--tokens 200] [--rounds 5] [--threads N]

Both write greedily from the same prompt with a GPT-2 of random weights, in turns; the tokens must be identical.
The figure of a case is the median over the rounds of tokens per second.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from llm_core import hub
from llm_core.config import DecodingConfig
from llm_core.devices import physical_cores
from llm_core.inference.generate import generate
from llm_core.models.base import Model

CASES = {"4x128": (4, 128, 4, 2.5), "6x384": (6, 384, 6, 1.1)}  # layers, width, heads, the goal
VOCABULARY, PROMPT = 1024, [1, 2, 3, 4, 5, 6, 7, 8]


def write_ours(model: Model, tokens: int) -> list[int]:
    decoding = DecodingConfig(tokens=tokens, method="greedy", alternatives=0)  # the peer reports none either
    return [position[0].id for position in generate(model, [PROMPT], decoding)]


def write_theirs(peer: GPT2LMHeadModel, tokens: int) -> list[int]:
    prompt = torch.tensor([PROMPT])
    with torch.inference_mode():
        out = peer.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=tokens, do_sample=False, use_cache=True,
            pad_token_id=0,
        )  # fmt: skip
    return out[0, len(PROMPT) :].tolist()


def measure(name: str, tokens: int, rounds: int) -> dict[str, object]:
    layers, width, heads, goal = CASES[name]
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=VOCABULARY, n_positions=256, n_embd=width, n_layer=layers, n_head=heads, eos_token_id=None, bos_token_id=None)  # fmt: skip
    peer = GPT2LMHeadModel(config).eval()
    with tempfile.TemporaryDirectory() as folder:
        peer.save_pretrained(folder)
        model = hub.read_folder(Path(folder))
    assert write_ours(model, tokens) == write_theirs(peer, tokens), "greedy tokens differ"  # also warms both up
    speeds: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(rounds):
        for side, write in (("ours", lambda: write_ours(model, tokens)), ("peer", lambda: write_theirs(peer, tokens))):
            begin = time.perf_counter()
            write()
            speeds[side].append(tokens / (time.perf_counter() - begin))
    ours, theirs = (statistics.median(speeds[side]) for side in ("ours", "peer"))
    return {"case": name, "ours": round(ours, 1), "peer": round(theirs, 1), "ratio": round(ours / theirs, 3), "goal": goal, "identical_tokens": True}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1, help="the server writes with one thread")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    cases = [measure(name, arguments.tokens, arguments.rounds) for name in CASES]
    for case in cases:
        print(f"{case['case']}: {case['ours']} tokens/s, transformers {case['peer']}, {case['ratio']} times")
    worst = min(cases, key=lambda case: case["ratio"] / case["goal"])  # type: ignore[operator]
    summary = {
        "name": "generation", "ours": worst["ours"], "peer": worst["peer"], "peer_name": "transformers.generate",
        "ratio": worst["ratio"], "unit": "tokens/s", "cases": cases, "threads": arguments.threads,
        "machine": f"{platform.processor() or platform.machine()}, {physical_cores()} cores",
    }  # fmt: skip
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
