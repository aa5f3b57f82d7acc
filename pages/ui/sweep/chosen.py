"""Which sweep the page looks at: a person's own, the newest first, or one that comes with the program; in the link, too."""

import streamlit as st

from llm_core.errors import N_, UserError
from llm_core.runs.run import Run, open_run
from pages.ui.faults import as_text
from pages.ui.state import SWEEP_KEY, store
from pages.ui.subject import titles
from pages.ui.text import _, explain

KINDS = ("sweep", "range_test")
MOST_OFFERED = 100
BUNDLED_NAMES = (
    N_("Width and learning rate of story models"),
    N_("Learning-rate range test of a story model"),
)
"""What those that come along are called in their folders."""


def choose_sweep() -> Run | None:
    """Draw the choice; None where there is nothing to choose."""
    known = {run.id: run for run in sweeps()}
    _follow_link(known)
    if not known:
        return None
    if st.session_state.get(SWEEP_KEY) not in known:
        st.session_state[SWEEP_KEY] = next(iter(known))
    bundled = {run.id: _("{name} (comes with Terrarium)", name=_(run.name)) for run in known.values() if run.read_only}
    labels = titles(known.values()) | bundled
    chosen = st.selectbox(
        _("Sweep"), list(known), key=SWEEP_KEY, format_func=labels.__getitem__, persist_state="session",
        on_change=write_link, help=_("Yours, or one that comes with the program."),
    )  # fmt: skip
    write_link()
    return known[chosen]


def sweeps() -> list[Run]:
    """Those that can be shown: one's own, the newest first, and then those that come along, the larger one first."""
    asked = (st.query_params.get("sweep"), st.session_state.get(SWEEP_KEY))
    own: list[Run] = []
    for one in store().listing.fixed():
        if one.kind in KINDS and not one.broken and (len(own) < MOST_OFFERED or one.id in asked):
            own.append(open_run(store().root / one.id, store().corpora))
    bundled = sorted(store().bundled_sweeps(), key=lambda run: run.kind != "sweep")
    return [run for run in (*own, *bundled) if run.problem is None]


def take(run: Run) -> None:
    """Look at this one; for callbacks, before any widget is drawn."""
    st.session_state[SWEEP_KEY] = run.id
    write_link()


def write_link() -> None:
    """Put the sweep into the address, so that the link opens just what was seen."""
    chosen = st.session_state.get(SWEEP_KEY)
    if chosen is not None and st.query_params.get("sweep") != chosen:
        st.query_params["sweep"] = chosen


def _follow_link(known: dict[str, Run]) -> None:
    """A link, or going back, chooses the sweep. What it names may be gone, or may never have been."""
    reference = st.query_params.get("sweep")
    if not reference or reference == st.session_state.get(SWEEP_KEY):
        return
    if reference in known:
        st.session_state[SWEEP_KEY] = reference
        return
    try:
        run = store().find(reference)
        st.warning(as_text(_("{name} is no sweep.", name=run.name)))
    except UserError as error:
        st.warning(as_text(explain(error)))
