"""What one head looks at, large, and all heads beside it, small; and the same of a difference.

Drawn in the browser (`assets/browser/attention.js`), which asks the route `patterns`: choosing a head or a step, playing
the steps and following a run that trains cost no run of the script. Where it has come to rest, the page is told.
"""

import sys
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from typing import Any

import streamlit as st

from llm_core.errors import UserError
from pages.ui import charts
from pages.ui.attention.looking import PARTS, Looking, choose_head, choose_step
from pages.ui.attention.seen import patterns
from pages.ui.attention.shape import shape_of
from pages.ui.attention.words import words_in
from pages.ui.live import BROWSER, copy_labels, script
from pages.ui.state import ATTENTION_HEARD_KEY, ATTENTION_PLAY_KEY, store
from pages.ui.subject import Subject
from pages.ui.text import _, language

KEY = "attention_picture"
_REQUEST = ("run", "step", "text", "source", "part", "layer", "head", "heads_off", "tokens_off", "source_tokens_off")
_SCRIPTS = ("scale", "patterns", "difference", "heatmap", "grid", "time", "window", "projector", "follower", "files")


@cache
def _component() -> Any:
    style = (BROWSER / "attention.css").read_text(encoding="utf-8")
    scripts = script("format", "chips", "curve", "takeaway", *(f"attention_{name}" for name in _SCRIPTS), "attention")
    return st.components.v2.component("terrarium_attention", css=style, js=scripts, isolate_styles=False)


def show(looking: Looking, subject: Subject) -> None:
    """Draw the head that is looked at, and all others small."""
    draw(looking, subject, code=as_python(looking))


def draw(looking: Looking, subject: Subject, *, other: dict[str, Any] | None = None, code: str) -> None:
    """Place the component. `other`: what is subtracted, as `assets/browser/attention.js` takes it."""
    run = subject.run
    _prepare(looking)
    _component()(
        key=KEY,
        data={
            "request": request(looking), "other": other, "steps": run.steps(), "live": not run.read_only and run.status().under_way,
            "language": language(), "themes": charts.themes(), "words": words_in(language()) | {"parts": {part: _(name) for part, name in PARTS.items()}}, "labels": {"take_away": _("Take it away"), **copy_labels()},
            "code": code, "play": st.session_state.get(ATTENTION_PLAY_KEY, 0), "heard": st.session_state.get(ATTENTION_HEARD_KEY),
        },
        on_moved_change=lambda: follow_picture(st.session_state[KEY].get("moved")),
    )  # fmt: skip


def _prepare(looking: Looking) -> None:
    """Have the patterns ready when the browser asks, before other parts of the page compute theirs; not where the model
    would have to wait for torch, for then the picture says that it is being loaded."""
    if "torch" in sys.modules:
        with suppress(UserError):  # the picture says it
            patterns(looking)


def request(looking: Looking) -> dict[str, Any]:
    """What the route is asked for."""
    return {name: value for name, value in asdict(looking).items() if name in _REQUEST}


def follow_picture(moved: object) -> None:
    """Take over where the picture has come to rest. What comes from the browser is checked like anything from outside."""
    if not isinstance(moved, dict):
        return
    st.session_state[ATTENTION_HEARD_KEY] = moved.get("name")
    try:
        run = store().find(str(moved.get("run")))
        shape = shape_of(run)
    except UserError:
        return
    part, layer, head, step = (moved.get(name) for name in ("part", "layer", "head", "step"))
    there = part in shape.parts and layer in range(shape.layers) and head in range(shape.heads)
    if there and type(layer) is int and type(head) is int:
        choose_head(str(part), layer, head)
    if type(step) is int and step in run.steps():
        choose_step(step)


def play() -> None:
    """Have the picture play the steps of the run from the start; for callbacks."""
    st.session_state[ATTENTION_PLAY_KEY] = st.session_state.get(ATTENTION_PLAY_KEY, 0) + 1


def as_python(looking: Looking) -> str:
    """What the picture shows, for a notebook or a script."""
    return f"""\
{preamble(looking)}
attention = {seen_code(looking)}.parts[{looking.part!r}]
pattern = attention.pattern[{looking.layer}, {looking.head}]  # layer, head: (T, S), each row sums to 1
for token, row in zip(attention.query_tokens, pattern):
    key = row.argmax()
    print(f"{{token!r:16}} looks at {{attention.key_tokens[key]!r:16}} {{row[key]:.3f}}")
"""


def preamble(looking: Looking) -> str:
    """Imports, and the model."""
    return f"""\
from llm_core.interpret.attention.attention import HeadName, see
from llm_core.interpret.reading import read
from llm_core.runs.store import Store

store = Store()
model, tokenizer = store.model(store.find({looking.run!r}), step={looking.step})"""


def seen_code(looking: Looking, model: str = "model") -> str:
    """The call that sees this."""
    source = f", {looking.source!r}" if looking.source else ""
    switched = [f"heads_off=[{', '.join(f'HeadName.parse({name!r})' for name in looking.heads_off)}]"] if looking.heads_off else []  # fmt: skip
    for name in ("tokens_off", "source_tokens_off"):
        if places := getattr(looking, name):
            switched.append(f"{name}={list(places)}")
    return f"see({', '.join([model, f'read({model}, tokenizer, {looking.text!r}{source})', *switched])})"
