"""Tokens as chips, coloured by probability; picking one shows at once what else could have stood there.

The drawing is done in the browser (`assets/browser/tokens.js`), and so is the picking: no rerun of a script. What a
model has written goes there as data and is shown as plain text.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypedDict

import streamlit as st

from pages.ui.live import BROWSER, script
from pages.ui.text import _


class Pick(TypedDict):
    """A token to open: the least or the most likely one. It is opened whenever the number has changed."""

    which: Literal["least", "most"]
    number: int


class Step(TypedDict):
    """A branch on the way to the text that is shown: `token` was chosen at `place`; branch 0 is the trunk."""

    branch: int
    token: str
    place: int


@cache
def _component() -> Any:
    style = (BROWSER / "tokens.css").read_text(encoding="utf-8")
    return st.components.v2.component(
        "terrarium_tokens", css=style, js=script("format", "chips", "streaming", "tokens_panel", "tokens")
    )


def show_tokens(
    key: str,
    *,
    identity: str,
    shown: Mapping[str, Any] | None = None,
    request: Mapping[str, Any] | None = None,
    pick: Pick | None = None,
    chosen: Sequence[int] = (),
    path: Sequence[Step] = (),
    on_chosen: Callable[[int, int], None],
    on_branch: Callable[[int], None],
    on_settings: Callable[[int], None] | None = None,
) -> None:
    """Show tokens. `identity` names what is shown: while it stays the same the browser leaves the picture alone.

    `shown` is there already, in one part as `pages.ui.writing` makes it (`prompt`, `tokens`, `done`); `request` is
    posted to the route `write`, which sends such parts one after another. `chosen`: places, counted from the first
    written token, where a person has chosen; `path`: the way to this text, if it is a branch.
    Called before the script runs: `on_chosen` with a place and the token to write on from, when another one has been
    clicked; `on_branch` with one of the way; `on_settings` with a place where it is asked what the settings cut.
    """

    def said(name: str) -> Any:
        return st.session_state[key].get(name)

    def choose() -> None:
        wish = said("chosen")
        if isinstance(wish, list) and len(wish) == 2 and all(type(part) is int for part in wish):
            on_chosen(*wish)

    def go() -> None:
        if type(number := said("branch")) is int:
            on_branch(number)

    def see() -> None:
        if on_settings is not None and type(place := said("settings")) is int:
            on_settings(place)

    data = {
        "identity": identity,
        "url": "./write",
        "shown": shown,
        "request": request,
        "pick": pick,
        "chosen": list(chosen),
        "path": list(path),
        "settings": on_settings is not None,
        "labels": _labels(),
    }
    _component()(key=key, data=data, on_chosen_change=choose, on_branch_change=go, on_settings_change=see)


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
        "cut": _("What do the settings cut here?"),
        "led": _("You chose this token."),
        "trunk": _("Trunk"),
        "path": _("The way to this branch"),
        "at": _("{token} at {position}"),
        "unsure": _(
            "As unsure as if it had to pick from {choices} equally likely tokens. Click one to write on from there."
        ),
    }
