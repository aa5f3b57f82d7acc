"""bertviz's head view, model view and neuron view of what is looked at, without a network.

The views are drawn in a frame whose document the browser fetches from the route `./bertviz`; a run of the script only
sends what is looked at.
"""

from functools import cache
from typing import Any

import streamlit as st

from pages.ui.attention.bertviz_routes import file_name
from pages.ui.attention.looking import VIEWS, Looking, choose_head
from pages.ui.attention.shape import Shape, shape_of
from pages.ui.live import copy_labels, script
from pages.ui.subject import Subject
from pages.ui.text import _, language

_KEY = "attention_bertviz"


@cache
def _component() -> Any:
    return st.components.v2.component(
        "terrarium_bertviz", js=script("format", "curve", "takeaway", "bertviz"), isolate_styles=False
    )


def show(looking: Looking, subject: Subject) -> None:
    """Draw the view that is looked at, `head_view`, `model_view` or `neuron_view`, beginning at its layer and head."""
    shape = shape_of(subject.run)

    def obey() -> None:
        chosen = _checked(st.session_state[_KEY].get("chosen"), shape)
        if chosen is not None:
            choose_head(*chosen)

    _component()(
        key=_KEY,
        data={
            "asked": {
                "run": looking.run, "step": looking.step, "text": looking.text, "source": looking.source,
                "heads_off": looking.heads_off, "tokens_off": looking.tokens_off,
                "source_tokens_off": looking.source_tokens_off, "view": looking.view,
            },
            # Where to begin is told to the frame, which is not drawn anew for it.
            "place": {"part": looking.part, "layer": looking.layer, "head": looking.head},
            "language": language(), "label": _(VIEWS[looking.view]), "name": file_name(looking), "code": code(looking),
            "labels": {
                "take_away": _("Take it away"), "looking": _("The model is looking …"),
                "lost": _("The server did not answer. Reload the page to try again."),
                **copy_labels(),
            },
        },
        on_chosen_change=obey,
    )  # fmt: skip


def _checked(chosen: Any, shape: Shape) -> tuple[str, int, int] | None:
    """Part, layer and head that a frame named, where they are there."""
    if not isinstance(chosen, dict):
        return None
    part, layer, head = (chosen.get(name) for name in ("part", "layer", "head"))
    if part not in shape.parts or type(layer) is not int or type(head) is not int:
        return None
    return (part, layer, head) if 0 <= layer < shape.layers and 0 <= head < shape.heads else None


def code(looking: Looking) -> str:
    """The same view as Python, for a notebook or a shell in the folder of this program."""
    source = f", source={looking.source!r}" if looking.source else ""
    heads = ", ".join(f"HeadName.parse({name!r})" for name in looking.heads_off)
    off = {"heads_off": f"[{heads}]"} if heads else {}
    off |= {
        name: str(list(places)) for name in ("tokens_off", "source_tokens_off") if (places := getattr(looking, name))
    }
    switches = "".join(f", {name}={value}" for name, value in off.items())
    return f"""\
from pathlib import Path

from llm_core.interpret.attention.attention import {"HeadName, see" if heads else "see"}
from llm_core.interpret.reading import read
from llm_core.runs.store import Store
from pages.ui.attention.bertviz_file import standalone  # needs no running Streamlit

store = Store()
model, tokenizer = store.model(store.find({looking.run!r}), {looking.step})
seen = see(model, read(model, tokenizer, {looking.text!r}{source}){switches})
page = standalone(seen, {looking.view!r}, part={looking.part!r}, layer={looking.layer}, head={looking.head})
Path({f"{file_name(looking)}.html"!r}).write_text(page, encoding="utf-8")
"""
