"""The text as chips, what is expected behind its masks, and what the masks look at.

Drawn in the browser (`assets/browser/fill_mask.js`), which asks the route `fill`: hiding and showing tokens costs no run
of the script. Where it has come to rest, the page is told, so that the link follows.
"""

from functools import cache
from typing import Any

import streamlit as st

from pages.ui import charts
from pages.ui.fill_mask.first_text import Span
from pages.ui.fill_mask.looking import Looking
from pages.ui.fill_mask.painted import asked_of, painted
from pages.ui.fill_mask.words import words_in
from pages.ui.live import BROWSER, copy_labels, script
from pages.ui.state import FILL_HIDDEN_KEY, FILL_LAYER_KEY, FILL_LED_KEY, FILL_PICKED_KEY, FILL_TEXT_KEY, store
from pages.ui.subject import Subject, titles
from pages.ui.text import _, language

KEY = "fill_picture"
_SCRIPTS = ("format", "chips", "curve", "takeaway", "fill_mask_parts", "fill_mask_column", "drawn_sheet", "fill_mask_picture", "fill_mask")  # fmt: skip


@cache
def _component() -> Any:
    style = (BROWSER / "fill_mask.css").read_text(encoding="utf-8")
    return st.components.v2.component("terrarium_fill", css=style, js=script(*_SCRIPTS), isolate_styles=False)


def show(looking: Looking, subject: Subject) -> None:
    """Draw what is looked at."""
    runs = {subject.run.id: subject.run}
    if looking.other is not None:
        runs[looking.other[0]] = store().find(looking.other[0])
    _component()(
        key=KEY,
        data={
            "request": request(looking), "ready": painted(looking), "hidden": looking.hidden, "picked": looking.picked, "layer": looking.layer,
            "led": st.session_state.get(FILL_LED_KEY, 0), "names": titles(runs.values()), "language": language(), "themes": charts.themes(),
            "words": words_in(language()), "labels": {"take_away": _("Take it away"), **copy_labels()}, "code": as_python(looking),
        },
        on_moved_change=lambda: follow_picture(st.session_state[KEY].get("moved")),
    )  # fmt: skip


def request(looking: Looking) -> dict[str, Any]:
    """What the route is asked for, but for what is hidden, which the browser knows."""
    return asked_of(looking).model_dump(mode="json", exclude={"hidden", "top"})


def follow_picture(moved: object) -> None:
    """Take over where the picture has come to rest. What comes from the browser is checked like anything from outside."""
    state = st.session_state
    if not isinstance(moved, dict) or moved.get("text") != state.get(FILL_TEXT_KEY):
        return
    spans, text, layer = moved.get("hidden"), state[FILL_TEXT_KEY], moved.get("layer")
    if isinstance(spans, list) and len(spans) <= 200:
        hidden = {span for each in spans if (span := _span(each, len(text))) is not None}
        state[FILL_HIDDEN_KEY] = tuple(sorted(hidden))
    state[FILL_PICKED_KEY] = _span(moved.get("picked"), len(text))
    state[FILL_LAYER_KEY] = layer if type(layer) is int and 0 <= layer < 1000 else None


def _span(value: object, length: int) -> Span | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    start, end = value
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= length:
        return None
    return start, end


def as_python(looking: Looking) -> str:
    """What the picture shows, for a notebook or a script; the browser fills in `{places}`, which tokens are hidden."""
    preamble = f"""\
from llm_core.inference.fill_mask import predict, predict_everywhere, pseudo_perplexity
from llm_core.runs.store import Store

store = Store()
model, tokenizer = store.model(store.find({looking.run!r}), step={looking.step})
text = {looking.text!r}
"""
    if looking.view == "everywhere":
        return f"""\
{preamble}found = predict_everywhere(model, tokenizer, text)  # each token hidden alone
for token, pieces, shares in zip(found.given_pieces, found.pieces, found.probabilities):
    print(f"{{token!r:16}} {{pieces[0]!r:16}} {{shares[0]:.3f}}")
print(pseudo_perplexity(model, tokenizer, text).perplexity)  # of a text without masks
"""
    alone = ", one_at_a_time=True" if looking.way == "single" else ""
    return f"""\
{preamble}found = predict(model, tokenizer, text, places={{places}}{alone})
for pieces, shares in zip(found.pieces, found.probabilities):
    print(", ".join(f"{{piece!r}} {{share:.3f}}" for piece, share in zip(pieces, shares)))
"""
