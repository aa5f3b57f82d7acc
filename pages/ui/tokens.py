"""Tokens as chips, coloured by probability; picking one shows at once what else could have stood there.

The drawing is done in the browser (`assets/browser/tokens.js`), and so is the picking: no rerun of a script. What a
model has written goes there as data and is shown as plain text.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from pages.ui.text import _

Which = Literal["least", "most", "first"]
"""A token to open: the least or the most likely one, or the first."""

_SCRIPTS = Path(__file__).resolve().parents[2] / "assets" / "browser"


@cache
def _component() -> Any:
    script = "\n".join((_SCRIPTS / name).read_text(encoding="utf-8") for name in ("format.js", "tokens.js"))
    return st.components.v2.component(
        "terrarium_tokens", css=(_SCRIPTS / "tokens.css").read_text(encoding="utf-8"), js=script
    )


def show_tokens(
    key: str,
    *,
    identity: str,
    shown: Mapping[str, Any] | None = None,
    request: Mapping[str, Any] | None = None,
    pick: Which | None = None,
    pick_number: int = 0,
) -> list[int] | None:
    """Show tokens; returns the ids to write on from when another token has just been chosen, else None.

    `identity` names what is shown: while it stays the same the browser leaves the picture alone. `shown` is there
    already, in the parts that `pages.ui.writing` makes (`prompt`, `tokens`, `done`); `request` is posted to the route
    `write`, which sends such parts one after another. `pick` opens a token whenever `pick_number` has changed.
    """
    data = {
        "identity": identity,
        "url": "./write",
        "shown": shown,
        "request": request,
        "pick": {"which": pick, "number": pick_number} if pick else None,
        "labels": _labels(),
    }
    result = _component()(key=key, data=data, on_chosen_change=lambda: None)
    chosen = result.chosen if result else None
    if not chosen or not all(isinstance(token, int) for token in chosen.get("ids", [None])):
        return None
    return list(chosen["ids"])


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
        ),  # fmt: skip
    }
