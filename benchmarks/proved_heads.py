"""Whether the heads that were found on some texts are those without which a model fails on others: before, after, and beside others.

    python -m benchmarks.proved_heads [--models induction-en stories-en stories-zh] [--texts 200] [--draws 200] [--threads 1] [--seed 0]

Every kind of head that a model can have is looked for (`llm_core/interpret/circuits/prove_heads.py`), those that reach 0.4 are taken away,
set to zero, and so are other sets of as many heads: all there are, or as many as are drawn. Reported are the share of right
answers before and after, the loss, the distribution without the others, and how much of it is due to sets that contain a head
of another kind: to break copying it is enough to take away the heads that induction heads listen to.
"""

import argparse
import json
import platform
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from llm_core.devices import physical_cores
from llm_core.errors import UserError
from llm_core.interpret.circuits.prove_heads import KINDS, Found, Kind, find_heads, prove_found
from llm_core.interpret.outcome import outcome
from llm_core.runs.store import Store
from llm_core.runs.used_tokens import spoken_language, used_tokens


def measured(store: Store, name: str, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """A case for each kind that this model has."""
    run = store.find(name)
    model, tokenizer = store.model(run)
    vocabulary, language = used_tokens(run, tokenizer), spoken_language(run) or "en"
    found: dict[Kind, Found] = {}
    for kind in KINDS:
        if kind == "subject" and not name.startswith("stories"):
            continue
        try:
            found[kind] = find_heads(model, tokenizer, kind, vocabulary=vocabulary, language=language, texts=arguments.texts, seed=arguments.seed)  # fmt: skip
        except UserError as error:
            print(f"{name}, {kind}: {error}")
    return [_case(model, tokenizer, name, each, found, vocabulary, language, arguments) for each in found.values() if each.chosen] + [
        {"case": f"{name}, {kind}", "heads": [], "highest": round(float(each.scores.max()), 3), "ours": None, "peer": None, "ratio": None}
        for kind, each in found.items() if not each.chosen
    ]  # fmt: skip


def _case(
    model: Any, tokenizer: Any, name: str, each: Found, found: dict[Kind, Found], vocabulary: list[int], language: str, arguments: argparse.Namespace
) -> dict[str, Any]:  # fmt: skip
    proof = outcome(prove_found(
        model, tokenizer, each, vocabulary=vocabulary, language=language, texts=arguments.texts, draws=arguments.draws, seed=arguments.seed
    ))  # fmt: skip
    after = np.array([other.after.mean() for other in proof.accuracy.others])
    case: dict[str, Any] = {
        "case": f"{name}, {each.kind}", "heads": [str(head) for head in each.chosen], "baseline": each.baseline, "items": proof.items,
        "before": round(float(proof.accuracy.chosen.before.mean()), 4), "after": round(float(proof.accuracy.chosen.after.mean()), 4),
        "loss_before": round(float(proof.loss.before.mean()), 4), "loss_after": round(float(proof.loss.after.mean()), 4),
        "others": len(after), "exhaustive": proof.accuracy.exhaustive, "rank": proof.rank, "others_mean": round(float(after.mean()), 4),
        "percentiles": {str(percent): round(float(np.percentile(after, percent)), 4) for percent in range(0, 101, 10)},
        "ours": round(float(proof.accuracy.chosen.after.mean()), 4), "peer": round(float(after.mean()), 4), "ratio": proof.share,
    }  # fmt: skip
    for kind, known in found.items():
        heads = set(known.chosen) - set(each.chosen)
        inside = np.array([bool(heads & set(other.components)) for other in proof.accuracy.others])
        if heads and inside.any() and not inside.all():
            case[f"with {kind}"] = round(float(after[inside].mean()), 4)
            case[f"without {kind}"] = round(float(after[~inside].mean()), 4)
    print(f"{case['case']}: {', '.join(case['heads'])}: right {case['before']}, without them {case['after']}, without {case['others']} other sets {case['others_mean']} on average, rank {case['rank']}; {case['percentiles']}", flush=True)  # fmt: skip
    for kind in found:
        if f"with {kind}" in case:
            print(
                f"    other sets with a head for {kind}: {case[f'with {kind}']}, all others {case[f'without {kind}']}"
            )
    return case


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["induction-en", "stories-en", "stories-zh"])
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        cases = [case for name in arguments.models for case in measured(store, name, arguments)]
    first = next((case for case in cases if case["case"] == "induction-en, induction"), cases[0])
    summary = {
        "name": "proved_heads", "ours": first["ours"], "peer": first["peer"], "peer_name": "as many other heads", "ratio": first["ratio"],
        "unit": "share of right answers without the heads; ratio: rank among all sets as a share", "cases": cases,
        "machine": f"{platform.processor() or platform.machine()}, {physical_cores()} cores, {arguments.threads} threads",
    }  # fmt: skip
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
