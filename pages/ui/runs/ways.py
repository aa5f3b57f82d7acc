"""Which page shows a run of each kind, and under which name its address has the run."""

import streamlit as st

from llm_core.runs.run import Run
from pages.ui.faults import refuse
from pages.ui.state import CLASSIFY_RACE_KEY
from pages.ui.subject import choose
from pages.ui.text import _

SHOWN = {
    "train": ("train", "run"), "import": ("generate", "run"), "race": ("classify", "race"), "sweep": ("sweep", "sweep"),
    "range_test": ("sweep", "sweep"),
}  # fmt: skip


def address_of(kind: str, identity: str) -> str:
    """The address, from any page, of the page that shows a run; of the list of runs for a kind that has none of its own."""
    page, name = SHOWN.get(kind, ("runs", "runs"))
    return f"./{page}?{name}={identity}"


def show_run(run: Run) -> None:
    """Go to the page that shows a run of its kind."""
    if run.problem is not None:
        refuse(run.problem)
    elif run.kind not in SHOWN:
        st.info(_("This run measures another one; what it found is shown on the page where it was begun."))
    else:
        if run.kind == "race":
            st.session_state[CLASSIFY_RACE_KEY] = run.id
        elif run.has_model:
            choose(run)
        page, name = SHOWN[run.kind]
        st.switch_page(f"{page}.py", query_params={name: run.id})
