"""A run folder written by hand with all that a training records beside its curve: norms by part, a fixed text, samples
of several prompts, opened steps."""

import json
import math
from pathlib import Path
from typing import Any

from tests.pages.recorded import write, write_run

PARTS = ("embedding", "block 0", "block 1", "block 2", "head")
PIECES = ("Once", " upon", " a", " time", ",", " there", " was", " a", " little", " cat", " named", " Lily", ".", "\n", "She", " liked", " to", " play", " with", " a", " red", " ball", " in", " the", " garden", ".")  # fmt: skip
UNIGRAM = tuple(2.0 + 5.5 * ((place * 7) % len(PIECES)) / len(PIECES) for place in range(len(PIECES)))
PROMPTS = ("Once upon a time", "The little cat", "Lily said")


def write_watched(folder: Path, *, until: int = 1000, steps: int = 1000, opened: tuple[int, ...] = (400, 401), **settings: Any) -> Path:  # fmt: skip
    """`write_run` with these rows among its others. Returns the folder."""
    write_run(folder, until=until, steps=steps, texts=("",), **settings)
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if row["kind"] != "sample"]
    rows.insert(1, {"kind": "baseline", "name": "unigram", "loss": 5.1})
    threshold = [None if not place else min(1.0, nats / 2) for place, nats in enumerate(UNIGRAM)]
    unigram = [None if not place else nats for place, nats in enumerate(UNIGRAM)]
    rows.append({"kind": "fixed_text", "step": 0, "pieces": PIECES, "ids": list(range(len(PIECES))), "unigram": unigram, "threshold": threshold})  # fmt: skip
    for step in looks(until):
        rows.append({"kind": "text", "step": step, "losses": losses_at(step)})
        rows.append({"kind": "layers", "step": step, **norms_at(step)})
        for prompt in PROMPTS:
            rows.append({"kind": "sample", "step": step, "prompt": prompt, "text": sample_at(step, prompt)})
    if opened:
        (folder / "opened").mkdir()
    for step in opened:
        rows.append({"kind": "opened", "step": step})
        write(folder / "opened" / f"{step:08d}.json", opened_at(step))
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def looks(until: int) -> list[int]:
    """Close together at first, then every fiftieth step."""
    return sorted({step for step in (0, 1, 2, 4, 8, 16, 32, *range(50, until, 50), until - 1) if step < until})


def losses_at(step: int) -> list[float | None]:
    """Nats per token: what is frequent falls first; the first token is not asked for."""
    falling = [
        max(0.08, math.log(1024) * math.exp(-step / (20 + 25 * nats**2)) + 0.15 * math.sin(place + step))
        for place, nats in enumerate(UNIGRAM)
    ]
    return [None, *(round(loss, 4) for loss in falling[1:])]


def norms_at(step: int) -> dict[str, Any]:
    """Norms by part, as `Layers` has them."""
    count = range(len(PARTS))
    return {
        "names": list(PARTS),
        "gradient": [round(0.6 * math.exp(-step / 200) + 0.05 * (part + 1), 5) for part in count],
        "weight": [round(8 + 3 * part + step / 150, 5) for part in count],
        "update": [round((0.02 + 0.01 * part) * math.exp(-step / 900), 6) for part in count],
    }


def sample_at(step: int, prompt: str) -> str:
    """Worse early, better late."""
    words = (
        " zqk ee w;t on Thx ,, nn",
        " the the was and a . the Lily to",
        " there was a the ball. Lily was and said to the garden.",
        " there was a little cat. She liked to play with a red ball in the garden, and she was happy.",
    )
    return f"{words[min(3, round(step / 250))]} ({prompt.split()[-1]}, {step})"


def opened_at(step: int) -> dict[str, Any]:
    """One step as `Opened` has it."""
    norms = norms_at(step)
    rows = [
        {
            "pieces": list(PIECES), "losses": [None if loss is None else round(loss * (1 + 0.2 * math.sin(number + place)), 4) for place, loss in enumerate(losses_at(step))],
            "read": None, "source": None, "wanted": None, "label": None, "label_loss": None,
        }
        for number in range(5)
    ]  # fmt: skip
    return {
        "step": step, "learning_rate": 2.4e-3, "schedule": "linear", "share": 0.8, "progress": step / 1000,
        "gradient_norm": 1.31, "clipping": 1.0, "cut": 0.763, **norms,
        "relative": [update / weight for update, weight in zip(norms["update"], norms["weight"], strict=True)],
        "loss_before": 3.412, "loss_after": 3.366, "rows_in_batch": 24, "asked": 3072, "rows": rows,
    }  # fmt: skip
