"""How fast the recipe `characters` learns, against nanoGPT's published CPU recipe on the same text.

    python -m benchmarks.learning_speed --text FILE [--nanogpt DIR] [--threads N] [--peer-steps N]

DIR is a checkout of karpathy/nanoGPT: its own prepare.py and train.py run in a copy of it, with the flags of its README.
Without it, the same recipe on `transformers`' GPT-2 stands in, which does not count towards the goal. Same characters,
same split, same thread count; both are scored on the same 64-character windows of the held-out text, at all positions,
in fp32. Time is that of the training steps alone, without validation, on both sides. Ours runs before and after the
peer, since a machine's speed drifts; its time is the mean.

Two figures: our time to the validation loss at which the peer's recipe ends, and our validation loss when we may take
as long as the peer's recipe does. `--peer-steps` shortens both sides for a trial.
"""

import argparse
import json
import math
import platform
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.learning_speed_peers import Peer, run_nanogpt, run_transformers
from llm_core.config import RunConfig, load_recipe
from llm_core.data.prepare import TokenizedCorpus
from llm_core.data.tokenizers import train_tokenizer
from llm_core.devices import choose_precision, physical_cores
from llm_core.training.loop import train
from llm_core.training.records import Evaluation, Snapshot, Step

RECIPE = Path(__file__).parents[1] / "assets" / "recipes" / "characters.toml"
PEER_STEPS = 2000
TIME_GOAL, TIME_AIM, LOSS_GOAL = 0.25, 0.2, 1.65
NEVER = 10_000_000


@dataclass
class Curve:
    """Training seconds, without validation, and validation loss at each look."""

    points: list[tuple[float, float]]
    steps: int
    tokens: int
    seconds: float
    parameters: int

    def time_to(self, loss: float) -> float:
        """Seconds until the validation loss was first at most this; infinite where it never was."""
        return next((seconds for seconds, found in self.points if found <= loss), math.inf)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, required=True)
    parser.add_argument("--nanogpt", type=Path)
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--peer-steps", type=int, default=PEER_STEPS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    text = arguments.text.read_text(encoding="utf-8")
    cut = int(len(text) * 0.9)  # as nanoGPT's prepare.py splits
    corpus = tokenized(text[:cut], text[cut:])
    config = load_recipe(RECIPE)
    share = arguments.peer_steps / PEER_STEPS
    config = set_training(config, threads=arguments.threads, device="cpu", steps=max(1, round(config.training.steps * share)))  # fmt: skip
    precision = choose_precision(config.training.precision, torch.device("cpu"))
    print(f"ours: {config.training.steps} steps, {precision}, {arguments.threads} threads", flush=True)

    before = ours(config, corpus)
    report("ours, before", before)
    with tempfile.TemporaryDirectory() as folder:
        if arguments.nanogpt:
            peer = run_nanogpt(arguments.nanogpt, Path(folder), text, arguments.threads, arguments.peer_steps)
        else:
            peer = run_transformers(text, arguments.threads, arguments.peer_steps)
    print(f"{peer.name}: loss {peer.loss:.4f} after {peer.seconds:.1f} s, {peer.parameters:,} parameters", flush=True)
    torch.set_num_threads(arguments.threads)
    after = ours(config, corpus)
    report("ours, after", after)
    long = ours(set_training(config, seconds=peer.seconds), corpus)
    report("ours, the peer's time", long)
    summarise(arguments, precision, peer, [before, after], long)


def tokenized(training: str, held_out: str) -> TokenizedCorpus:
    """Both sides in the recipe's tokens, split where the peer splits."""
    data = load_recipe(RECIPE).data
    tokenizer = train_tokenizer(data.tokenizer, data.vocabulary_size, [training], data.byte_fallback)
    sides = [np.asarray(tokenizer.encode(side), dtype=np.uint16) for side in (training, held_out)]
    assert [len(side) for side in sides] == [len(training), len(held_out)], "a token is a character"
    lengths = len(training), len(held_out)
    return TokenizedCorpus(Path(), "", tokenizer, sides[0], sides[1], (1, 1), lengths)


def set_training(config: RunConfig, **settings: object) -> RunConfig:
    """The recipe with other settings, looked at only to find when a loss is reached."""
    looks = {"sample_every": NEVER, "sample_tokens": 1, "checkpoint_every": NEVER}
    if "seconds" in settings:
        looks |= {"evaluation_every": NEVER, "evaluation_tokens": 1024}
    else:  # the whole held-out text each time: it is what the peer's loss is measured on
        looks |= {"evaluation_every": 10, "evaluation_tokens": 100_000_000}
    return config.model_copy(update={"training": config.training.model_copy(update=looks | settings)})


def ours(config: RunConfig, corpus: TokenizedCorpus) -> Curve:
    """Train as the recipe says, taking the time of the steps alone."""
    curve = Curve([], 0, 0, 0.0, 0)
    state = None
    for record in train(config, corpus):
        if isinstance(record, Step):
            curve.seconds += (record.tokens - curve.tokens) / record.tokens_per_second
            curve.steps, curve.tokens = record.step, record.tokens
        elif isinstance(record, Evaluation):
            curve.points.append((curve.seconds, record.loss))
            if state is not None:
                state.final_evaluation_seconds = 0.0  # a time limit is for the steps here, not for validation
        elif isinstance(record, Snapshot):
            state = record.state
            curve.parameters = sum(parameter.numel() for parameter in state.model.parameters())
    return curve


def report(title: str, curve: Curve) -> None:
    print(
        f"{title}: loss {curve.points[-1][1]:.4f} after {curve.seconds:.1f} s, {curve.steps} steps, "
        f"{curve.tokens:,} tokens, {curve.parameters:,} parameters", flush=True
    )  # fmt: skip


def summarise(arguments: argparse.Namespace, precision: str, peer: Peer, curves: list[Curve], long: Curve) -> None:
    parameters = long.parameters / peer.parameters
    assert abs(parameters - 1) <= 0.05, f"{long.parameters} parameters against {peer.parameters}"
    times = [curve.time_to(peer.loss) for curve in curves]
    reached = all(math.isfinite(seconds) for seconds in times)
    mean = statistics.mean(times) if reached else None
    whole = arguments.peer_steps == PEER_STEPS
    cases = [
        {
            "case": "seconds to the peer's final validation loss", "ours": mean and round(mean, 2),
            "peer": round(peer.seconds, 2), "ratio": mean and round(mean / peer.seconds, 4), "unit": "s",
            "goal": TIME_GOAL, "aim": TIME_AIM, "validation_loss": round(peer.loss, 4),
            "each": [round(seconds, 2) if math.isfinite(seconds) else None for seconds in times],
            "final_losses": [round(curve.points[-1][1], 4) for curve in curves],
        },
        {
            "case": "validation loss after the peer's whole time", "ours": round(long.points[-1][1], 4),
            "peer": round(peer.loss, 4), "ratio": round(long.points[-1][1] / peer.loss, 4), "unit": "nats/character",
            "goal": LOSS_GOAL, "seconds": round(long.seconds, 2), "steps": long.steps, "tokens": long.tokens,
        },
    ]  # fmt: skip
    against_goal = [cases[0]["ratio"] / TIME_GOAL if reached else math.inf, long.points[-1][1] / LOSS_GOAL]  # type: ignore[operator]
    worst = cases[against_goal.index(max(against_goal))]
    for case in cases:
        print(f"{case['case']}: ours {case['ours']}, {peer.name} {case['peer']} {case['unit']}, ratio {case['ratio']}")
    print(
        json.dumps({
            "name": "learning_speed", "ours": worst["ours"], "peer": worst["peer"], "peer_name": peer.name,
            "ratio": worst["ratio"], "unit": worst["unit"], "counts_towards_the_goal": peer.counts and whole,
            "goals_met": [bool(value <= 1) for value in against_goal], "cases": cases, "threads": arguments.threads,
            "dtype": {"ours": precision, "peer": peer.dtype}, "windows": 64,
            "parameters": {"ours": long.parameters, "peer": peer.parameters}, "peer_steps": arguments.peer_steps,
            "machine": f"{platform.processor() or platform.machine()}, {physical_cores()} cores",
            "date": time.strftime("%Y-%m-%d"),
        })
    )  # fmt: skip


if __name__ == "__main__":
    main()
