"""A run folder written by hand: what a page needs to show a run, without training one."""

import json
import math
import time
from pathlib import Path
from typing import Any

from llm_core.config import DataConfig, RunConfig, TrainingConfig, TransformerConfig
from llm_core.data.tasks import TASKS

TEXTS = (
    "vq)w;kQ zz0pe\x07 tkx==eu}o nnw qpl",
    "the the of a in, se the tion an of to ing the is",
    "The object is a the function of the list, and is called in the argument.",
    "If the expression is not a class, the method is called with the arguments of the function.",
    "The assignment statement is evaluated from left to right, and the value of the expression is returned.",
)


SKILLS = (("agreement", 1), ("measure", 2), ("pronoun", 4), ("place", 9), ("strange-one", 6))


def write_run(
    folder: Path, *, steps: int = 1000, until: int | None = None, state: str = "finished", name: str = "A recorded run",
    bundled: bool = False, texts: tuple[str, ...] = TEXTS, owner: str = "local", corpus: str = "python-reference",
) -> Path:  # fmt: skip
    """A run that has come to step `until` of `steps`, its loss falling as losses fall. Returns the folder."""
    until = steps if until is None else until
    folder.mkdir(parents=True)
    config = RunConfig(
        model=TransformerConfig(), data=DataConfig(corpus=corpus), training=TrainingConfig(steps=steps, threads=1)
    )
    run: dict[str, Any] = {
        "format": 1, "kind": "train", "config": config.model_dump(mode="json"), "owner": owner, "created": time.time(),
        "recipe": "gpt", "threads": 1, "versions": {},
    }  # fmt: skip
    write(folder / "run.json", run)
    (folder / "name.txt").write_text(name, encoding="utf-8")
    write(folder / "wanted.json", {"state": "running", "until_step": None, "at": 0.0, "owner": owner})
    rows = list(history(until, texts, corpus.startswith("stories-"), corpus in TASKS))
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    final = [row for row in rows if row["kind"] == "evaluation"][-1]
    status = {
        "state": state, "step": until, "steps": steps, "tokens": until * 3072, "seconds": until * 0.08,
        "remaining_seconds": (steps - until) * 0.08, "tokens_per_second": 38_400.0, "loss": final["loss"],
        "validation_loss": final["loss"], "bits_per_character": final["bits_per_character"], "progress": None,
        "template": None, "values": {}, "heartbeat": time.time(), "pid": None, "started": None,
    }  # fmt: skip
    write(folder / "status.json", status)
    return folder


def history(until: int, texts: tuple[str, ...], grammar: bool = False, task: bool = False) -> Any:
    """The rows of a history: a curve with a bend, and samples that grow better; with a floor and skills from a grammar,
    with right answers from a toy task."""
    yield {"kind": "baseline", "name": "uniform", "loss": math.log(1024)}
    samples = 12
    for step in range(until):
        falling = 2.9 + 4.03 * (0.55 * math.exp(-step / 22) + 0.45 * math.exp(-step / 260))
        noise = 0.12 * math.sin(step * 12.9898) * math.cos(step * 78.233)
        rate = (
            3e-3 * min(1.0, (step + 1) / 50) * (1 if step < 0.3 * until else max(0.01, (until - step) / (0.7 * until)))
        )
        yield {
            "kind": "step", "step": step, "tokens": step * 3072, "seconds": step * 0.08, "loss": falling + noise,
            "learning_rate": rate, "gradient_norm": 0.4 + 2.2 * math.exp(-step / 40) + abs(noise),
            "tokens_per_second": 38_000 + 900 * math.sin(step / 7),
        }  # fmt: skip
        if step % 50 == 0 or step == until - 1:
            loss = falling + 0.09 + 0.05 * step / until
            yield {
                "kind": "evaluation", "step": step, "tokens": step * 3072, "seconds": step * 0.08, "loss": loss,
                "perplexity": math.exp(loss), "bits_per_character": loss / math.log(2) / 3.1, "whole": False,
                "measures": {f"skill.{name}": 1 / (1 + math.exp(late - step / 40)) for name, late in SKILLS} if grammar else {"accuracy": 1 / (1 + math.exp(4 - step / 40))} if task else {},
            }  # fmt: skip
        if step == 50:
            yield {"kind": "baseline", "name": "ngram", "loss": 3.62, "bits_per_character": 1.68}
            if grammar:
                yield {"kind": "baseline", "name": "floor", "loss": 2.71}
            else:
                yield {
                    "kind": "no_floor",
                    "template": "There is no floor: the longest text has {longest} tokens and the context only {context}.",
                    "values": {"longest": 300, "context": 128},
                }
        if step % max(1, until // samples) == 0:
            text = texts[min(len(texts) - 1, round((len(texts) - 1) * (step / until) ** 0.5))]
            yield {"kind": "sample", "step": step, "prompt": "", "text": text}


def write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
