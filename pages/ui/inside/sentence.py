"""The text as chips, the position that is looked at, and what the model says there: what is explained, and against what.

Drawn in the browser (`assets/browser/inside.js`); a click comes back through the component and runs the script anew.
"""

from functools import cache
from typing import Any

import streamlit as st

from pages.ui.inside.computed import Predicted
from pages.ui.inside.places import listed
from pages.ui.inside.selection import Selection, choose_target, choose_token, put_back
from pages.ui.live import BROWSER, script
from pages.ui.text import _

KEY = "inside_sentence"
_OFFERED = 7
_AGAINST = 5


@cache
def _component() -> Any:
    style = (BROWSER / "inside.css").read_text(encoding="utf-8")
    return st.components.v2.component(
        "terrarium_inside", css=style, js=script("format", "chips", "inside"), isolate_styles=False
    )


def show(selection: Selection, predicted: Predicted) -> None:
    """Place the chips."""
    _component()(
        key=KEY,
        data={
            "tokens": list(predicted.tokens), "chosen": selection.token,
            "label": _("The text, token by token. A click looks at what the model says there."),
            "place": _("position {place}", place="{place}"),
            "rows": [_row(selection, predicted, "target"), _row(selection, predicted, "against")],
        },
        on_picked_change=lambda: obey(st.session_state[KEY].get("picked"), selection, predicted),
    )  # fmt: skip
    if predicted.left_out:
        st.caption(_("The text is longer than what can be looked at here: {count} tokens at its end are left out.", count=predicted.left_out))  # fmt: skip
    if selection.off:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(_("Taken away: {names}", names=listed(selection.off)), width="content")
            st.button(_("Put back"), key="inside_put_back", on_click=put_back)


def obey(picked: object, selection: Selection, predicted: Predicted) -> None:
    """A chip was clicked. What comes from the browser is checked like anything else from outside."""
    if not isinstance(picked, list) or len(picked) != 2:
        return
    what, value = picked
    named = type(value) is int and 0 <= value < len(predicted.names)
    if what == "token" and selection.token is not None and type(value) is int and 0 <= value < len(predicted.tokens):
        choose_token(value)
    elif what == "target" and named:
        # What it was held against becomes what is explained: the two change places.
        choose_target(value, selection.target if value == selection.against else None)
    elif what == "against" and (value in ("nothing", "others") or (named and value != selection.target)):
        choose_target(selection.target, value)


def _row(selection: Selection, predicted: Predicted, name: str) -> dict[str, Any]:
    row = 0 if selection.token is None else selection.token
    ids, shares, truth = predicted.ids[row], predicted.probabilities[row], predicted.truth[row]
    known = dict(zip(ids, shares, strict=True))
    chosen = selection.target if name == "target" else selection.against
    offered = [each for each in ids if name == "target" or each != selection.target]
    offered = offered[: _OFFERED if name == "target" else _AGAINST]
    for each in (truth, chosen):
        if isinstance(each, int) and each not in offered and (name == "target" or each != selection.target):
            offered.append(each)
    choices = [
        {
            "value": each, "text": predicted.names[each], "plain": False, "chosen": each == chosen, "true": each == truth,
            "share": known.get(each) if name == "target" else None,
            "label": _("This is what should be said.") if each == truth else "",
        }
        for each in offered
    ]  # fmt: skip
    if name == "against":
        plain = (("others", _("the mean of all others"), "others"), ("nothing", _("nothing"), None))
        choices += [
            {"value": value, "text": text, "plain": True, "chosen": chosen == of, "true": False, "share": None, "label": ""}
            for value, text, of in plain
        ]  # fmt: skip
        title, help_ = _("and not"), _("Held against another token, all that speaks for both alike falls away: what is left is why the one and not the other.")  # fmt: skip
    else:
        title, help_ = _("Why it says"), _("What the model says at the chosen position, with its probability. A click chooses what is explained; ✓ is what should be said.")  # fmt: skip
    return {"name": name, "title": title, "help": help_, "choices": choices}
