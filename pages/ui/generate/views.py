"""The views of the Generate page: what each is called, what to look at in it, and which models it fits."""

from dataclasses import dataclass

import streamlit as st

from llm_core.config import TaskConfig
from llm_core.data.foreign_tokenizers import load_tokenizer
from llm_core.errors import N_
from llm_core.runs.run import Run
from pages.ui.faults import as_text
from pages.ui.state import GENERATE_VIEW_KEY
from pages.ui.subject import name_of
from pages.ui.text import _
from pages.ui.writing import is_translator


@dataclass(frozen=True)
class View:
    """`look`: one sentence, what to look at."""

    title: str
    look: str = ""
    translates: bool = True


VIEWS = {
    "text": View(N_("Text")),
    "next": View(N_("The next token"), N_("What could come next, before the settings and after them. Grey is cut away; move a slider and see what it does."), translates=False),
    "tree": View(N_("Tree"), N_("Each line is a text that goes on from another token. Click one to read it; choose another token in its text to make one more."), translates=False),
    "beams": View(N_("Beam search"), N_("Every column is a step of a beam search: what is filled lives on, what is hollow was dropped, and the thick path is what was chosen at the end."), translates=False),
    "pair": View(N_("Side by side"), N_("The same prompt and the same dice, two models: from the marked token on, their texts go different ways.")),
    "samples": View(N_("Many samples"), N_("Many texts at once: how different are they, and how much does each repeat itself?"), translates=False),
}  # fmt: skip
"""Name in links to view."""


def only_reads(run: Run) -> bool:
    """Whether its model cannot write, since it reads a whole text at once; then the page says so."""
    if isinstance(run.model_config, TaskConfig):
        st.info(as_text(_("{name} does not write: it reads a whole text and says one thing of it. Choose another model here, or see what this one looks at.", name=name_of(run))))  # fmt: skip
        if run.model_config.task != "classify":
            st.page_link("read.py", label=_("Read"), query_params={"task": run.model_config.task, "run": run.id})
        st.page_link("attention.py", label=_("Attention"), query_params={"run": run.id})
        return True
    if getattr(run.model_config, "architecture", "") != "encoder":
        return False
    st.info(as_text(_("{name} does not write: it is an encoder, which reads a whole text at once and was trained to fill in hidden tokens. Choose another model here, or see what this one looks at.", name=name_of(run))))  # fmt: skip
    if load_tokenizer(run.folder / "tokenizer.json").mask is not None:
        st.page_link("fill_mask.py", label=_("Fill in"), query_params={"run": run.id})
    st.page_link("attention.py", label=_("Attention"), query_params={"run": run.id})
    return True


def chosen_view() -> str:
    """The switch between the views; only the chosen one is drawn."""
    if st.session_state.get(GENERATE_VIEW_KEY) not in VIEWS:
        st.session_state[GENERATE_VIEW_KEY] = "text"
    return str(
        st.pills(
            _("View"), list(VIEWS), key=GENERATE_VIEW_KEY, required=True, persist_state="session",
            format_func=lambda name: _(VIEWS[name].title), label_visibility="collapsed",
        )
    )  # fmt: skip


def fits(name: str, run: Run) -> bool:
    """What to look at in a view; or, where it does not fit the model, why, and then False."""
    if is_translator(run) and not VIEWS[name].translates:
        st.info(as_text(_("{name} translates: what it writes hangs on the sentence that it reads, and is no text of its own that could go on in other ways. This view is for models that write on from a prompt.", name=name_of(run))))  # fmt: skip
        return False
    if VIEWS[name].look:
        st.caption(_(VIEWS[name].look))
    return True


def choose_view(name: str) -> None:
    """Look at another view; for callbacks."""
    st.session_state[GENERATE_VIEW_KEY] = name
