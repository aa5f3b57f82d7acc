"""Rows about the heads of a run, made by hand: two layers of four heads, in which known heads do known things.

Head 1.2 comes to do induction between step 100 and step 400. Head 0.1 looks at the previous token from step 10 on. Head 1.0
finds the subject, but no better than a fixed offset does. No head finds a place.
"""

import json
from pathlib import Path
from typing import Any

from tests.pages.recorded import write, write_run

LAYERS, HEADS = 2, 4
STEPS = (0, 10, 100, 400)
INDUCTION = {0: 0.02, 10: 0.03, 100: 0.05, 400: 0.91}
PREVIOUS = {0: 0.04, 10: 0.6, 100: 0.81, 400: 0.84}


def made_rows(part: str = "decoder", steps: tuple[int, ...] = STEPS) -> list[dict[str, Any]]:
    """All rows of those steps, as a measuring writes them."""
    rows = []
    for step in steps:
        rows += [
            row(step, "induction", {(1, 2): INDUCTION[step]}, baseline=0.03, baseline_name="offset -1", part=part),
            row(step, "previous_token", {(0, 1): PREVIOUS[step]}, part=part),
            row(step, "subject", {(1, 0): 0.62}, baseline=0.61, baseline_name="offset -2", part=part),
            row(step, "place", {(1, 3): 0.12}, baseline=0.02, baseline_name="offset -9", part=part),
            row(step, "entropy", {(0, 0): 1.9}, part=part),
        ]
    return rows


def row(
    step: int, score: str, does: dict[tuple[int, int], float], *, baseline: float | None = None,
    baseline_name: str = "", part: str = "decoder", layers: int = LAYERS, heads: int = HEADS,
) -> dict[str, Any]:  # fmt: skip
    """One row, in which a few heads do something and the rest nearly nothing; intervals reach 0.02 to both sides."""
    mean = [[does.get((layer, head), 0.01) for head in range(heads)] for layer in range(layers)]
    return {
        "kind": "heads", "step": step, "part": part, "score": score, "mean": mean,
        "low": [[value - 0.02 for value in line] for line in mean],
        "high": [[value + 0.02 for value in line] for line in mean],
        "items": 4200, "texts": 512, "baseline": baseline, "baseline_name": baseline_name,
    }  # fmt: skip


def write_measuring(folder: Path, watched: str, rows: list[dict[str, Any]]) -> Path:
    """A run that has measured the heads of another one. Returns its folder."""
    write_run(folder, steps=4)
    written = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    write(folder / "run.json", written | {"kind": "head_scores", "config": {"run": watched}})
    steps = sorted({each["step"] for each in rows})
    ends = [
        {"kind": "scored", "step": step, "done": done, "of": len(steps), "seconds": 1.0}
        for done, step in enumerate(steps, 1)
    ]
    lines = [json.dumps(each) + "\n" for each in (*rows, *ends)]
    (folder / "history.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder
