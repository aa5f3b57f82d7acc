"""Which race the page looks at: a person's own, the newest first, or one that comes with the program; in the link, too."""

import streamlit as st

from llm_core.data.table_examples import EXAMPLES
from llm_core.errors import UserError
from llm_core.runs.run import Run
from pages.ui.faults import as_text
from pages.ui.state import CLASSIFY_RACE_KEY, store
from pages.ui.subject import titles
from pages.ui.text import _, explain, language


def races() -> list[Run]:
    """Those that can be shown; of the bundled ones that in the person's language first."""
    own = [run for run in store().runs(kind="race") if run.problem is None]
    whole = [run for run in store().bundled_races() if run.problem is None]
    return [*own, *sorted(whole, key=lambda run: not run.id.endswith(f"-{language()}"))]


def choose_race() -> Run | None:
    """Draw the choice; None where there is no race at all."""
    known = {run.id: run for run in races()}
    _follow_link(known)
    if not known:
        return None
    if st.session_state.get(CLASSIFY_RACE_KEY) not in known:
        st.session_state[CLASSIFY_RACE_KEY] = next(iter(known))
    labels = titles(known.values()) | {run.id: _bundled(run) for run in known.values() if run.read_only}
    chosen = st.selectbox(
        _("Race"), list(known), key=CLASSIFY_RACE_KEY, format_func=labels.__getitem__, persist_state="session",
        on_change=write_link, help=_("All that stands below belongs to this race."),
    )  # fmt: skip
    write_link()
    return known[chosen]


def _bundled(run: Run) -> str:
    example = EXAMPLES.get(run.id)
    return _("{name} (comes with Terrarium)", name=_(example.title) if example else run.name)


def _follow_link(known: dict[str, Run]) -> None:
    """A link, or going back, chooses the race. What it names may be gone, or may never have been."""
    reference = st.query_params.get("race")
    if not reference or reference == st.session_state.get(CLASSIFY_RACE_KEY):
        return
    if reference in known:
        st.session_state[CLASSIFY_RACE_KEY] = reference
        return
    try:
        run = store().find(reference)
        st.warning(as_text(_("{name} is no race of classifiers.", name=run.name)))
    except UserError as error:
        st.warning(as_text(explain(error)))


def write_link() -> None:
    """Put the race into the address, so that the link opens just what was seen."""
    chosen = st.session_state.get(CLASSIFY_RACE_KEY)
    if chosen is not None and st.query_params.get("race") != chosen:
        st.query_params["race"] = chosen
