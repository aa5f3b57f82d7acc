"""The shell that st.App runs for every page: page list and language."""

import streamlit as st

from pages.ui.classroom.components import bar
from pages.ui.classroom.standing import in_class
from pages.ui.text import LANGUAGES, _, choose_language, keep_language, language


def _switch_language() -> None:
    choose_language(st.session_state.language_switch)
    # A choice is remembered by its label, which is about to change: what was chosen is set anew.
    for key, value in st.session_state.items():
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            st.session_state[key] = value


keep_language()
st.set_page_config(
    page_title="Terrarium", page_icon="🌱", layout="wide",
    # With an entry of its own the menu shows, and with it the choice of light or dark.
    menu_items={"About": _("Terrarium grows small language models under glass. Everything stays on this computer.")},
)  # fmt: skip

page = st.navigation(
    [
        st.Page("home.py", title=_("Home"), default=True),
        st.Page("corpus.py", title=_("Corpus")),
        st.Page("train.py", title=_("Train")),
        st.Page("sweep.py", title=_("Sweep")),
        st.Page("generate.py", title=_("Generate")),
        st.Page("fill_mask.py", title=_("Fill in")),
        st.Page("read.py", title=_("Read")),
        st.Page("attention.py", title=_("Attention")),
        st.Page("inside.py", title=_("Inside")),
        st.Page("classify.py", title=_("Classify")),
        st.Page("runs.py", title=_("Runs")),
        *([st.Page("board.py", title=_("Classroom"), url_path="class")] if in_class() else []),
    ],
    position="top",
)
with st.container(key="language", width="content"):
    st.session_state.language_switch = language()
    st.segmented_control(
        _("Language"), list(LANGUAGES), format_func=LANGUAGES.__getitem__, key="language_switch",
        label_visibility="collapsed", required=True,
        on_change=_switch_language,
    )  # fmt: skip
if in_class():
    with st.container(key="class_bar"):
        bar()
page.run()
