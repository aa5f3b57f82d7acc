"""What pre-training is worth where labels are few: the bundled encoder against the same network from random weights.

    python -m benchmarks.pretraining [--seeds 5] [--labelled 100] [--tested 500] [--languages en zh] [--threads N] [--keep]

Each learns from `labelled` reviews and is tested on reviews whose words of praise and blame were in none of them (the share
is counted and printed; at least half is asked for). Mean and standard deviation over seeds; the difference is paired by
seed. TF-IDF + logistic regression stands beside them. `--keep` writes the figures beside the bundled encoder, where the
Classify page finds them.
"""

import argparse
import json
import platform
import sys
from collections import defaultdict
from typing import Any

import numpy as np
import torch

from llm_core.devices import physical_cores
from llm_core.runs.files import replace_text
from llm_core.transfer.encoder import BUNDLED
from llm_core.transfer.held_out_words import (
    FILE,
    LABELLED,
    TESTED,
    Trial,
    ceiling,
    families,
    held_out_part,
    labelled_part,
    never_labelled,
    trials,
)

LEAST_SHARE = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--labelled", type=int, default=LABELLED)
    parser.add_argument("--tested", type=int, default=TESTED)
    parser.add_argument("--languages", nargs="+", default=["en", "zh"], choices=["en", "zh"])
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    shares: dict[str, float] = {}
    for language in asked.languages:
        test = held_out_part(language, asked.tested)
        parts = [labelled_part(language, seed, asked.labelled) for seed in range(asked.seeds)]
        shares[language] = min(never_labelled(language, part, test).share for part in parts)
        if shares[language] < LEAST_SHARE:
            sys.exit(f"{language}: only {shares[language]:.0%} of the telling words were never labelled")
    done: list[Trial] = []
    for trial in trials(families(), asked.languages, range(asked.seeds), asked.labelled, asked.tested):
        done.append(trial)
        print(f"{trial.language} seed {trial.seed} {trial.start:10} {trial.accuracy:.3f} in {trial.seconds:.0f} s", file=sys.stderr)  # fmt: skip
    cases = [case(done, language, shares[language]) for language in asked.languages]
    worst = min(cases, key=lambda one: float(one["ours"]) - float(one["peer"]))
    machine = f"{platform.machine()}, {asked.threads} threads, torch {torch.__version__}"
    if asked.keep:
        kept = {
            "labelled": asked.labelled, "tested": asked.tested, "seeds": asked.seeds, "never_labelled": shares, "machine": machine,
            "ceiling": {language: ceiling(language) for language in asked.languages},
            "trials": [[one.language, one.start, one.seed, round(one.accuracy, 4)] for one in done],
        }  # fmt: skip
        replace_text(BUNDLED / FILE, json.dumps(kept, indent=1) + "\n")
    print(json.dumps({**worst, "name": "pretraining", "machine": machine, "cases": cases}))


def case(done: list[Trial], language: str, share: float) -> dict[str, Any]:
    """One language: means over seeds, and the difference between pre-trained and random, seed by seed."""
    by_start: dict[str, list[float]] = defaultdict(list)
    for one in done:
        if one.language == language:
            by_start[one.start].append(one.accuracy)
    ours, peer = (np.array(by_start[start]) for start in ("pretrained", "random"))
    return {
        "name": language, "ours": float(ours.mean()), "peer": float(peer.mean()), "peer_name": "the same network from random weights",
        "ratio": float(ours.mean() / peer.mean()), "unit": "accuracy", "never_labelled": share, "ceiling": ceiling(language),
        "difference": float((ours - peer).mean()),
        "spread": {start: float(np.std(found, ddof=1)) if len(found) > 1 else 0.0 for start, found in by_start.items()},
        "means": {start: float(np.mean(found)) for start, found in by_start.items()},
        "better_in": int((ours > peer).sum()), "seeds": len(ours),
    }  # fmt: skip


if __name__ == "__main__":
    main()
