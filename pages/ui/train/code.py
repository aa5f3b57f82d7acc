"""What the panels of a training show, as a few lines of Python each."""

from llm_core.runs.run import Run

_ROWS = """from llm_core.runs import history
from llm_core.runs.store import Store

run = Store().find("{run}")
rows = history.records(run.folder)
"""

_PANELS = {
    "samples": """for row in rows:
    if row["kind"] == "sample":
        print(row["step"], row["prompt"], "|", row["text"])""",
    "text": """from llm_core.evaluate.easy_tokens import easy_tokens

text = next(row for row in rows if row["kind"] == "fixed_text")
looks = [row for row in rows if row["kind"] == "text"]
found = easy_tokens([look["step"] for look in looks], [look["losses"] for look in looks], text["unigram"])
for piece, since in zip(text["pieces"], found.since, strict=True):
    print(repr(piece), since)""",
    "layers": """for row in rows:
    if row["kind"] == "layers":
        print(row["step"], dict(zip(row["names"], row["gradient"], strict=True)))""",
    "opened": """from llm_core.runs import opened

for step in opened.steps(run.folder):
    look = opened.read(run.folder, step)
    print(step, look["loss_before"], look["loss_after"])""",
    "measures": """for row in rows:
    if row["kind"] == "step":
        print(row["step"], row["learning_rate"], row["gradient_norm"], row["tokens_per_second"])""",
}


def bench_code(run: Run) -> dict[str, str]:
    """The code of each panel, by its name."""
    return {name: _ROWS.format(run=run.id) + code for name, code in _PANELS.items()}
