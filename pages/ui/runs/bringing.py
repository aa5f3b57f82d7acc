"""Bring a run: the panel in which a zip that a Terrarium has written becomes a run of one's own."""

import streamlit as st

from llm_core.errors import UserError
from pages.ui.bringing import LARGEST_UPLOAD
from pages.ui.faults import as_text, refuse
from pages.ui.state import RUNS_BROUGHT_KEY, RUNS_TURN_KEY, store
from pages.ui.text import _
from pages.ui.who import owner


def bring_a_run() -> None:
    """An uploader under a fold. What is wrong with a file is said under it; a run that is in stands in the table."""
    turn = st.session_state.get(RUNS_TURN_KEY, 0)
    with st.expander(_("Bring a run"), expanded=False, key="runs_bring"):
        st.caption(
            _("A zip that this page has given, of this computer or another: at most {size} MB. It is looked through, and becomes a new run of yours.",
              size=LARGEST_UPLOAD)
        )  # fmt: skip
        file = st.file_uploader(
            _("Zip file"), type=["zip"], key=f"runs_zip_{turn}", max_upload_size=LARGEST_UPLOAD,
            label_visibility="collapsed",
        )  # fmt: skip
        if file is not None:
            _take_in(file)
        elif RUNS_BROUGHT_KEY in st.session_state:
            st.caption(as_text(_("{name} is in the table.", name=st.session_state.pop(RUNS_BROUGHT_KEY))))


def _take_in(file: "st.runtime.uploaded_file_manager.UploadedFile") -> None:
    from llm_core.runs.unpacked_run import import_run

    label = _("Looking at every file, then keeping the run …")
    bar = st.progress(0.0, label)

    def tell(share: float) -> None:
        bar.progress(min(share, 1.0), label)

    try:
        run = import_run(store(), file, owner=owner(), progress=tell)
    except UserError as error:
        refuse(error)
        return
    finally:
        bar.empty()
    st.session_state[RUNS_BROUGHT_KEY] = run.name
    st.session_state[RUNS_TURN_KEY] = st.session_state.get(RUNS_TURN_KEY, 0) + 1
    st.rerun()
