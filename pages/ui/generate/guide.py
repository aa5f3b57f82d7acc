"""What to look for on the Generate page, and what can be taken away of a text."""

from urllib.parse import quote

import streamlit as st

from llm_core.runs.run import Run
from pages.ui.generate.python import python_of
from pages.ui.generate.settings import key_of
from pages.ui.generate.views import choose_view
from pages.ui.panels import take_away, what_to_look_for
from pages.ui.state import PICK_KEY, STEP_KEY
from pages.ui.text import _, language
from pages.ui.writing import Writing


def look_for(run: Run) -> None:
    """Three things worth seeing."""
    steps = telling_steps(run)
    what_to_look_for(
        "generate_guide",
        [
            (
                _("The faintest token surprised the model most; the strongest was hardly a choice."),
                {"least": _("Show the surprise"), "most": _("Show the surest")},
            ),
            (
                _("Before training every token is as likely as any other. Words come first, then their order, then sense."),
                {f"step {step}": _("At step {step}", step=step) for step in steps},
            ),
            (
                _("A cold model repeats what is likeliest, a hot one loses the thread."),
                {"cold": _("Temperature {value}", value="0.2"), "hot": _("Temperature {value}", value="1.6")},
            ),
        ],
        _set_view,
    )  # fmt: skip


def telling_steps(run: Run) -> list[int]:
    """The first and the last step that a run has kept, and the middle one, which writes neither noise nor sense."""
    steps = run.steps()
    return sorted({steps[0], steps[len(steps) // 2], steps[-1]})


def _set_view(view: str) -> None:
    if view.startswith("step "):
        st.session_state[STEP_KEY] = int(view.removeprefix("step "))
        st.query_params["step"] = view.removeprefix("step ")
    elif view in ("cold", "hot"):
        st.session_state[key_of("method")] = "sample"
        st.session_state[key_of("temperature")] = 0.2 if view == "cold" else 1.6
    else:
        choose_view("text")
        number = st.session_state.get(PICK_KEY, {"number": 0})["number"] + 1
        st.session_state[PICK_KEY] = {"which": view, "number": number}


def give(writing: Writing) -> None:
    """The row at the foot: a table, the same as Python, the link."""
    address = f"./written.csv?lang={language()}&writing={quote(writing.model_dump_json())}"
    take_away(
        "generate_takeaway",
        files={"CSV": (address, f"terrarium-{writing.run}-{writing.step}.csv")},
        code=python_of(writing),
    )
