"""What to look for on the page *Inside*: sentences, each with buttons that set the view."""

import streamlit as st

from llm_core.config import TaskConfig, network
from llm_core.errors import UserError
from llm_core.runs.run import Run
from pages.ui.inside.ablation.ablation import strongest
from pages.ui.inside.selection import Selection, choose_piece, choose_step, choose_view
from pages.ui.inside.views import VIEWS
from pages.ui.panels import what_to_look_for
from pages.ui.state import INSIDE_COLOUR_KEY, INSIDE_INSTEAD_KEY, INSIDE_MEASURE_KEY, INSIDE_TRAINING_KEY
from pages.ui.text import _


def look_for(selection: Selection, run: Run) -> None:
    """A few things worth seeing."""
    lines = [
        (
            _("A model makes up its mind late: in the first layers it says what often follows, and only near the end what fits this text."),
            {"lens": _("See each layer"), "entropy": _("Where it is unsure")},
        ),
        (
            _("One head can speak for a word and another against it. Take the one away that adds most: does the word fall, or do others stand in?"),
            {"direct": _("Who adds to it"), "strongest": _("The head that matters most")},
        ),
        (
            _("Carry what the model knows at one place into a text where another word is right: where the answer comes along, it was kept there."),
            {"patching": _("Patch it")},
        ),
        (
            _("One neuron can add more to a word than all others of its layer. Read the texts that excite it: what have they in common, and does the word fall without it?"),
            {"neurons": _("Look at neurons")},
        ),
        (
            _("Push the model in the direction in which two sets of texts differ: it says what the one set would have it say. A random direction of the same size does not."),
            {"steering": _("Steer it")},
        ),
        (
            _("Change a word, and see from which token on the model says something else, and where it does not care."),
            {"compare": _("Lay both side by side")},
        ),
    ]  # fmt: skip
    steps = run.steps()
    if len(steps) > 1:
        lines.append(
            (
                _("Early in training no layer knows better than the one before it."),
                {"early": _("Look at an early step"), "late": _("and at the last one")},
            )
        )
        lines.append(
            (
                _("A smooth loss hides what is learned all at once: see which words became easy when, and the step at which heads form."),
                {"words": _("Which words, when"), "form": _("When heads form")},
            )
        )  # fmt: skip
    what_to_look_for("inside_guide", lines, lambda view: _set_view(view, selection, run))


def _set_view(view: str, selection: Selection, run: Run) -> None:
    steps = run.steps()
    if view in VIEWS:
        choose_view(view)
    elif view == "entropy":
        choose_view("lens")
        st.session_state[INSIDE_COLOUR_KEY] = "entropy"
    elif view in ("words", "form"):
        choose_view("training")
        st.session_state[INSIDE_TRAINING_KEY] = _words_measure(run) if view == "words" else _heads_measure(run)
    elif view == "strongest":
        choose_view("ablation")
        st.session_state[INSIDE_MEASURE_KEY], st.session_state[INSIDE_INSTEAD_KEY] = "target", "zero"
        try:
            name = strongest(selection)
        except UserError:
            return  # the view says why
        if name is not None:
            part, layer, head = name.split(".")
            choose_piece(int(layer), int(head), part)
    else:
        choose_view("lens")
        choose_step(steps[-1] if view == "late" else next((step for step in steps if step), steps[0]))


def _words_measure(run: Run) -> str:
    """A model for a task says no tokens."""
    return "probability" if isinstance(run.model_config, TaskConfig) else "tokens"


def _heads_measure(run: Run) -> str:
    """An encoder has no induction heads."""
    return "previous_token" if getattr(network(run.model_config), "architecture", "") == "encoder" else "induction"
