"""Tokens as chips, coloured by probability; picking one shows at once what else could have stood there.

The drawing is done in the browser (`assets/browser/tokens.js`), and so is the picking: no rerun of a script. What a
model has written goes there as data and is shown as plain text.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Literal, TypedDict

import streamlit as st

from pages.ui.live import BROWSER, script
from pages.ui.text import _


class Pick(TypedDict):
    """A token to open: the least or the most likely one. It is opened whenever the number has changed."""

    which: Literal["least", "most"]
    number: int


@cache
def _component() -> Any:
    style = (BROWSER / "tokens.css").read_text(encoding="utf-8")
    return st.components.v2.component("terrarium_tokens", css=style, js=script("format", "chips", "tokens"))


def show_tokens(
    key: str,
    *,
    identity: str,
    shown: Mapping[str, Any] | None = None,
    request: Mapping[str, Any] | None = None,
    pick: Pick | None = None,
    on_chosen: Callable[[list[int]], None],
) -> None:
    """Show tokens. `identity` names what is shown: while it stays the same the browser leaves the picture alone.

    `shown` is there already, in one part as `pages.ui.writing` makes it (`prompt`, `tokens`, `done`); `request` is
    posted to the route `write`, which sends such parts one after another. `on_chosen` is called, before the script
    runs, with the ids to write on from when another token has been clicked.
    """

    def choose() -> None:
        chosen = st.session_state[key].get("chosen")
        if isinstance(chosen, list) and chosen and all(type(token) is int for token in chosen):
            on_chosen(chosen)

    data = {
        "identity": identity,
        "url": "./write",
        "shown": shown,
        "request": request,
        "pick": pick,
        "labels": _labels(),
    }
    _component()(key=key, data=data, on_chosen_change=choose)


def _labels() -> dict[str, str]:
    """Every word that the component says. Places are filled in the browser."""
    return {
        "text": _("What the model wrote, token by token. The arrow keys move from token to token."),
        "stop": _("Stop"),
        "starting": _("The model is being loaded…"),
        "waiting": _("Two texts are being written already; this one is next…"),
        "writing": _("Writing… {count} tokens"),
        "done": _("{count} tokens in {seconds} s · {speed} tokens/s"),
        "kept": _("{count} tokens"),
        "stopped": _("Stopped after {count} tokens"),
        "lost": _("The server did not answer. Reload the page to try again."),
        "unlikely": _("unlikely"),
        "certain": _("certain"),
        "legend": _("The colour and the line under a token show how likely the model thought it was."),
        "token": _("{token}, probability {probability}"),
        "heading": _("What could token {position} have been?"),
        "chosen": _("This is the one that was written."),
        "go": _("Write on from here with this one."),
        "others": _("all others"),
        "unsure": _(
            "As unsure as if it had to pick from {choices} equally likely tokens. Click one to write on from there."
        ),
    }
