"""Can a small model learn the small world in minutes? The default recipe against the entropy floor.

    python -m benchmarks.learnable [--seconds 180] [--seeds 3] [--texts 200] [--corpora stories-en stories-zh] [--threads N]

Each run has `seconds` of wall time (evaluation included) and the defaults of recipe and corpus. Then, on the whole held-out
text: loss / floor; the excess per story, paired over the same stories, with its 95 % interval, whose upper end below 0
would mean a model below the floor; accuracy per skill; and the share of valid sentences and whole stories among texts
drawn at temperature 1 with nothing cut off.
"""

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from llm_core.config import RunConfig, load_recipe
from llm_core.data.corpora import with_corpus
from llm_core.devices import physical_cores
from llm_core.evaluate.language_model import score
from llm_core.runs.held_out import held_out
from llm_core.runs.store import Store
from llm_core.runs.truth import known_truth
from llm_core.runs.worker import work

RECIPE = Path(__file__).parents[1] / "assets" / "recipes" / "gpt.toml"
GOALS = {"stories-en": 1.25, "stories-zh": 1.15}
OTHER_GOAL = 1.25
SENTENCES_GOAL = 0.9


def settings(corpus: str, seconds: float, seed: int) -> RunConfig:
    """The default recipe on this text with the text's own defaults."""
    config = with_corpus(load_recipe(RECIPE), corpus)
    training = config.training.model_copy(update={"seconds": seconds, "seed": seed})
    return config.model_copy(update={"training": training})


def measure(corpus: str, seconds: float, seed: int, texts: int, threads: int, root: Path) -> dict[str, Any]:
    """One run, trained and held against the truth."""
    store = Store(root, bundled=root / "none")
    run = store.create(settings(corpus, seconds, seed), name=f"{corpus} {seed}", recipe="gpt", threads=threads)
    status = work(run)
    if status.state != "finished":
        sys.exit(f"{status.state}: {status.message}")
    run = store.find(run.id)
    torch.set_num_threads(threads)
    model, tokenizer = store.model(run)
    text = held_out(run, tokenizer)
    loss = score(model, text).loss
    truth = known_truth(run.config, model, text, loss, written=texts)
    if "no_floor" in truth:
        sys.exit(truth["no_floor"])
    below, above = (truth["excess_per_story"] + sign * 1.96 * truth["excess_error"] for sign in (-1, 1))
    goal, ratio = GOALS.get(corpus, OTHER_GOAL), loss / truth["entropy_floor"]
    return {
        "case": f"{corpus}, seed {seed}", "ours": round(loss, 4), "peer": round(truth["entropy_floor"], 4),
        "ratio": round(ratio, 4), "goal": goal, "steps": status.step, "seconds": round(status.seconds, 1),
        "gap_closed": round(truth["gap_closed"], 4), "ngram_loss": round(truth["ngram_loss"], 4),
        "excess_per_story": round(truth["excess_per_story"], 4), "interval": [round(below, 4), round(above, 4)],
        "below_the_floor": above < 0,
        "sentences_valid": round(truth["sentences_valid"], 4), "stories_valid": round(truth["stories_valid"], 4),
        "skills": {skill: round(found["accuracy"], 3) for skill, found in truth["skills"].items()},
        "reached": ratio <= goal and truth["sentences_valid"] >= SENTENCES_GOAL and above >= 0,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--corpora", nargs="+", default=list(GOALS))
    parser.add_argument("--threads", type=int, default=physical_cores())
    arguments = parser.parse_args()
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        for corpus in arguments.corpora:
            for seed in range(1, arguments.seeds + 1):
                cases.append(measure(corpus, arguments.seconds, seed, arguments.texts, arguments.threads, Path(folder)))
                print(json.dumps(cases[-1]), flush=True)
    worst = max(cases, key=lambda case: case["ratio"] / case["goal"])
    summary = {
        "name": "learnable", "ours": worst["ours"], "peer": worst["peer"], "peer_name": "entropy floor",
        "ratio": worst["ratio"], "unit": "nats/token", "cases": cases, "threads": arguments.threads,
        "machine": f"{platform.processor() or platform.machine()}, {physical_cores()} cores",
    }  # fmt: skip
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
