"""Whether the heads that look at the subject are those that a story model needs for the verb: their rank among all sets.

    python -m benchmarks.subject_heads [--models stories-en stories-zh] [--heads 3] [--texts 200] [--threads 1] [--seed 0]

On one set of texts every head is scored by how often, where a word must show a number, most of its attention goes to what
decides (in English the subject of the verb, in Chinese where the number was told). The best three are taken away on
another set, in which a noun of the other number stands in the way, and so are *all* other triples. Reported is the share of
texts in which the right form (was, were; 很, 都) stays likelier than the wrong one, and how far it is ahead in logits, with the
heads set to zero and to their mean; and where the chosen triple ranks among all: 1 where no other hurts as much. A triple
that hurts just as much counts as one that hurts more. The chosen ones are what they are: nothing here is tuned.
"""

import argparse
import json
import platform
import tempfile
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from llm_core.devices import physical_cores
from llm_core.interpret.ablation.agreement_texts import AgreementText, agreement_texts, ahead, batch_of, chunks
from llm_core.interpret.ablation.all_sets import hidden_without
from llm_core.interpret.circuits.prove_heads import find_heads
from llm_core.interpret.components import Component
from llm_core.interpret.interventions import Ablation, Reference, reference
from llm_core.models.base import Model
from llm_core.models.transformer import Transformer
from llm_core.runs.store import Store

FRESH = 7919
"""Added to the seed of the texts on which heads are found, for those on which they are ranked."""
Floats = NDArray[np.float64]
Sets = list[tuple[Component, ...]]


def measure(model: Model, texts: list[AgreementText], count: int, method: Ablation, others: Reference | None) -> tuple[Sets, Floats]:  # fmt: skip
    """All sets, and how far the right form is ahead without each in each text, (sets, texts), in logits."""
    sets: Sets = []
    rows: list[list[Floats]] = []
    for some in chunks(texts):
        batch = batch_of(some)
        assert batch.lengths is not None
        places = torch.arange(len(some)), batch.lengths - 1
        found, sets = [], []
        for taken, hidden in hidden_without(model, batch, count, method, others):
            with torch.inference_mode():
                logits = cast(Transformer, model).head(hidden[places])
            found.append(ahead(logits, some).double().numpy())
            sets.append(taken)
        rows.append(found)
    return sets, np.concatenate([np.stack(found) for found in rows], axis=1)


def describe(values: Floats, chosen: int) -> dict[str, Any]:
    """Where one of these values stands among all, the lowest first, and the whole distribution."""
    others = np.delete(values, chosen)
    worse, tied = int((others <= values[chosen]).sum()), int((others == values[chosen]).sum())
    tens = {str(percent): round(float(np.percentile(values, percent)), 4) for percent in range(0, 101, 10)}
    return {
        "chosen": round(float(values[chosen]), 4), "rank": 1 + worse, "tied": tied, "of": len(values), "share": round((1 + worse) / len(values), 4),
        "mean": round(float(values.mean()), 4), "percentiles": tens,
    }  # fmt: skip


def measured(store: Store, name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Everything about one model."""
    begun = time.perf_counter()
    model, tokenizer = store.model(store.find(name))
    language = name.rpartition("-")[2]
    found = find_heads(model, tokenizer, "subject", language=language, texts=arguments.texts, seed=arguments.seed)
    order = np.argsort(-found.scores, kind="stable")
    chosen = tuple(sorted((found.heads[place] for place in order[: arguments.heads]), key=found.heads.index))
    scores = {str(found.heads[place]): round(float(found.scores[place]), 3) for place in order}
    print(f"{name}: looks at what decides (the best fixed offset {found.baseline or 0:.3f}): {scores}", flush=True)
    texts = agreement_texts(model, tokenizer, arguments.texts, arguments.seed + FRESH, language, attractor=True)
    sets, whole = measure(model, texts, 0, "zero", None)
    assert sets == [()]
    case: dict[str, Any] = {
        "case": name, "texts": len(texts), "heads": [str(head) for head in chosen], "scores": scores,
        "before": {"accuracy": float((whole > 0).mean()), "ahead": round(float(whole.mean()), 4)},
    }  # fmt: skip
    print(f"{name}: with all heads {case['before']['accuracy']:.3f} right, {case['before']['ahead']:.2f} ahead")
    methods: tuple[Ablation, ...] = ("zero", "mean")
    known = agreement_texts(model, tokenizer, arguments.texts, arguments.seed, language)
    others = reference(model, found.heads, [batch_of(some) for some in chunks(known)])
    for method in methods:
        sets, margins = measure(model, texts, arguments.heads, method, others)
        place = sets.index(chosen)
        accuracy, lead = (margins > 0).mean(1), margins.mean(1)
        case[method] = {"accuracy": describe(accuracy, place), "ahead": describe(lead, place)}
        for several in (False, True):
            mine = np.array([text.several == several for text in texts])
            case[method]["several" if several else "one"] = round(float((margins[place, mine] > 0).mean()), 4)
        worst = [([str(head) for head in sets[at]], round(float(accuracy[at]), 4)) for at in np.argsort(accuracy, kind="stable")[:5]]  # fmt: skip
        case[method]["hurt_most"] = worst
        for what in ("accuracy", "ahead"):
            told = case[method][what]
            print(f"{name}, {method}: without {', '.join(case['heads'])} {what} {told['chosen']}, rank {told['rank']} of {told['of']}, {told['tied']} of them just as low; percentiles of all {told['percentiles']}")  # fmt: skip
        print(f"{name}, {method}: of one thing {case[method]['one']}, of several {case[method]['several']}; hurt most by {worst}", flush=True)  # fmt: skip
    case |= {"ours": case["zero"]["accuracy"]["rank"], "peer": case["zero"]["accuracy"]["of"], "ratio": case["zero"]["accuracy"]["share"]}  # fmt: skip
    case["seconds"] = round(time.perf_counter() - begun, 1)
    return case


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["stories-en", "stories-zh"])
    parser.add_argument("--heads", type=int, default=3)
    parser.add_argument("--texts", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        cases = [measured(store, name, arguments) for name in arguments.models]
    worst = max(cases, key=lambda case: case["ratio"])
    summary = {
        "name": "subject_heads", "ours": worst["ours"], "peer": worst["peer"], "peer_name": "all sets of as many heads", "ratio": worst["ratio"],
        "unit": "rank of the heads that look at the subject, 1 is missed most", "cases": cases,
        "machine": f"{platform.processor() or platform.machine()}, {physical_cores()} cores, {arguments.threads} threads",
    }  # fmt: skip
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
