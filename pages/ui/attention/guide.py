"""What to look for on the Attention page: sentences, each with buttons that set the view."""

import streamlit as st

from llm_core.runs.run import Run
from pages.ui.attention.looking import Looking, choose_head, choose_step, choose_view
from pages.ui.attention.picture import play
from pages.ui.attention.seen import patterns
from pages.ui.panels import what_to_look_for
from pages.ui.state import ATTENTION_AGAINST_KEY, ATTENTION_OTHER_STEP_KEY
from pages.ui.text import _


def look_for(looking: Looking, run: Run) -> None:
    """Three things worth seeing."""
    lines = [
        (
            _("Some heads always look at the token before, as if to remember what they have just read; others keep to the first token, where attention rests when there is nothing to find."),
            {"previous": _("Show the one that looks at the token before"), "first": _("Show the one that rests on the first token")},
        )
    ]  # fmt: skip
    if looking.part == "cross":
        lines = [
            (
                _("With each token that it writes the decoder looks at the source, often at the very word that it is turning over."),
                {"sharpest": _("Show the head that looks most sharply")},
            )
        ]  # fmt: skip
    steps = run.steps()
    if len(steps) > 1:
        lines += [
            (
                _("Before training the heads look about at random. Patterns come in the course of it, each at its own time."),
                {"play": _("Play from the start")},
            ),
            (
                _("What has a head learnt since the start? What it has turned to is blue, what it has turned away from is brown."),
                {"learnt": _("Show the difference")},
            ),
        ]  # fmt: skip
    what_to_look_for("attention_guide", lines, lambda view: _set_view(view, looking, steps))


def _set_view(view: str, looking: Looking, steps: list[int]) -> None:
    if view == "play":
        choose_view("heads")
        play()
    elif view == "learnt":
        choose_view("difference")
        choose_step(steps[-1])
        st.session_state[ATTENTION_AGAINST_KEY] = "step"
        st.session_state[ATTENTION_OTHER_STEP_KEY] = steps[0]
    else:
        choose_view("heads")
        choose_head(looking.part, *_strongest(view, looking))


def _strongest(view: str, looking: Looking) -> tuple[int, int]:
    """The head that does this most in the text that is looked at: (layer, head)."""
    import numpy as np

    pattern = patterns(looking).parts[looking.part]  # type: ignore[index]
    if view == "sharpest":
        does = pattern.max(-1).mean(-1)
    elif view == "first":
        does = pattern[..., 1:, 0].mean(-1)
    else:
        does = np.diagonal(pattern, -1, -2, -1).mean(-1)
    layer, head = np.unravel_index(int(does.argmax()), does.shape)
    return int(layer), int(head)
