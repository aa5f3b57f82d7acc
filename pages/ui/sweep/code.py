"""The same sweep for a notebook or a shell."""

from llm_core.runs.run import Run
from llm_core.runs.sweep import open_range_test, open_sweep


def code_of(run: Run) -> str:
    """Python that makes and reads the same sweep, or range test."""
    if run.kind == "sweep":
        settings = open_sweep(run)
        axes = ", ".join(f"Axis(setting={axis.setting!r}, values={axis.values!r})" for axis in settings.axes)
        made = f"SweepConfig(base=base, axes=({axes},), seeds={settings.seeds})"
        names, read = "Axis, SweepConfig", _READ_SWEEP
    else:
        test = open_range_test(run)
        made = f"RangeTestConfig(base=base, lowest={test.lowest!r}, highest={test.highest!r}, steps={test.steps})"
        names, read = "RangeTestConfig", _READ_RATES
    return f"""\
from llm_core.config import RunConfig, parse
from llm_core.runs.store import Store
from llm_core.runs.swept import {names}
from llm_core.runs.worker import work

store = Store()
base = store.find({run.id!r}).settings.base
run = store.create({made}, name="a sweep")
work(run)
{read}"""


_READ_SWEEP = """\

from llm_core.runs.sweep import sweep_of

found = sweep_of(run)
for cell, end in zip(found.settings.cells, found.ends):
    print(cell, end)
"""
_READ_RATES = """\

from llm_core.evaluate.learning_rate import suggest
from llm_core.runs import history

rows = [row for row in history.records(run.folder) if row["kind"] == "rate"]
print(suggest([row["learning_rate"] for row in rows], [row["smoothed"] for row in rows]))
"""
