"""Bring a model: the small panel in the subject bar where a zip of a Hugging Face folder becomes one's own run."""

import streamlit as st

from llm_core.config import MAXIMUM_PARAMETERS
from llm_core.errors import UserError
from pages.ui.faults import refuse
from pages.ui.state import BRING_COUNT_KEY, BRING_FAULT_KEY, BROUGHT_KEY, store
from pages.ui.text import _
from pages.ui.who import owner

LARGEST_UPLOAD = 50  # MB, as .streamlit/config.toml has it


@st.fragment
def bring_a_model() -> None:
    """A button that opens on an uploader. Only this runs again while a file is taken in; then the page shows the model."""
    # Once a model is in, panel and uploader are new ones: closed, and without a file.
    count = st.session_state.get(BRING_COUNT_KEY, 0)
    with st.popover(_("Bring a model"), icon=":material/upload:", width="stretch", key=f"bring_panel_{count}"):
        st.caption(
            _("A zip of a Hugging Face folder (GPT-2, BERT, Llama, Qwen): config.json, safetensors and a tokenizer. At most {size} MB, {parameters:,} parameters; everything stays on this computer.",
              size=LARGEST_UPLOAD, parameters=MAXIMUM_PARAMETERS)
        )  # fmt: skip
        file = st.file_uploader(
            _("Zip file"), type=["zip"], key=f"bring_zip_{count}",
            max_upload_size=LARGEST_UPLOAD, label_visibility="collapsed",
        )  # fmt: skip
        if file is None:
            st.caption(_("Larger models come in on the command line: `python -m llm_core import FOLDER`"))
            return
        tried, fault = st.session_state.get(BRING_FAULT_KEY, (None, None))
        if tried != file.file_id:
            fault = _take_in(file)
            st.session_state[BRING_FAULT_KEY] = (file.file_id, fault)
        if fault is not None:
            refuse(fault)
            return
    st.rerun()


def _take_in(file: "st.runtime.uploaded_file_manager.UploadedFile") -> UserError | None:
    """Make the run, and leave word that it is to be shown; or what is wrong with the file."""
    from llm_core.runs.importing import import_zip

    label = _("Looking at every file, then keeping the model …")
    bar = st.progress(0.0, label)

    def tell(share: float) -> None:
        bar.progress(min(share, 1.0), label)

    try:
        run = import_zip(store(), file, file.name, owner=owner(), progress=tell)
    except UserError as error:
        return error
    finally:
        bar.empty()
    st.session_state[BROUGHT_KEY] = run.id
    st.session_state[BRING_COUNT_KEY] = st.session_state.get(BRING_COUNT_KEY, 0) + 1
    return None
