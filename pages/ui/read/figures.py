"""How good the model is at this step: what was measured on held-out texts while it was trained."""

from html import escape

import streamlit as st

from llm_core.runs import history
from llm_core.runs.run import Run
from pages.ui.text import _, number
from pages.ui.train.labels import skill_names


def show(run: Run, step: int) -> None:
    """The measures of the last look at or before this step; nothing where none is known."""
    looks = [row for row in history.records(run.folder) if row.get("kind") == "evaluation" and row.get("measures")]
    seen = [row for row in looks if row.get("step", 0) <= step]
    if not seen:
        return
    row, names = seen[-1], skill_names(run)
    st.subheader(_("On held-out texts"))
    facts = [(*names.get(key, (key, "")), share) for key, share in row["measures"].items()]
    cells = "".join(
        f"<div><dt title='{escape(sense, quote=True)}'>{escape(name)}</dt><dd>{100 * share:.1f} %</dd></div>"
        for name, sense, share in facts
    )
    title, loss = escape(_("Held-out loss (nats)")), escape(number(float(row["loss"])))
    st.html(
        f"<div class='t-host t-still'><dl class='t-facts'>{cells}<div><dt>{title}</dt><dd>{loss}</dd></div></dl></div>"
    )
    whole = _("Measured at step {step} on all held-out texts.", step=row["step"])
    part = _("Measured at step {step} on a part of the held-out texts.", step=row["step"])
    st.caption(whole if row.get("whole") else part)
