"""A still picture: a Plotly figure in both looks, and the quiet row under it with what can be taken away.

Drawn in the browser by `assets/browser/drawing.js` with the installed Plotly, as the live pictures are: it follows the
theme at once and never flickers when a script runs again.
"""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from pages.ui.charts import DARK, LIGHT, Colors
from pages.ui.live import copy_labels, script
from pages.ui.text import _, language


@cache
def _component() -> Any:
    return st.components.v2.component(
        "terrarium_drawing", js=script("format", "curve", "takeaway", "drawing"), isolate_styles=False
    )


def drawing(
    key: str,
    seen: object,
    make: Callable[[Colors], go.Figure],
    *,
    label: str,
    height: int,
    code: str,
    table: str | None = None,
    name: str,
    least_width: int | None = None,
    on_picked: Callable[[Any], None] | None = None,
) -> None:
    """Show the figure that `make` draws in a look; called for both looks when `seen`, all that it depends on, has
    changed.

    `label` says to a screen reader what is seen, `name` is that of saved files, `table` the same as CSV, `code` the
    same as Python. A picture narrower than `least_width` pixels scrolls. `on_picked` gets the customdata of a point
    that was clicked, as a callback.
    """
    identity, figures = _drawn(key, repr((seen, language())), make)

    def obey() -> None:
        picked = st.session_state[key].get("picked")
        if on_picked is not None and picked is not None:
            on_picked(picked)

    _component()(
        key=key,
        data={
            "figures": figures, "identity": identity, "label": label, "height": height, "least_width": least_width,
            "code": code, "table": table, "name": name, "picks": on_picked is not None,
            "labels": {"take_away": _("Take it away"), **copy_labels()},
        },
        on_picked_change=obey,
    )  # fmt: skip


def _drawn(key: str, seen: str, make: Callable[[Colors], go.Figure]) -> tuple[str, dict[str, Any]]:
    """A name for what is drawn, and the figures, kept for the next run of the script."""
    identity = hashlib.sha256(seen.encode("utf-8", "replace")).hexdigest()[:16]
    before, figures = st.session_state.get(f"{key}_drawn", ("", {}))
    if before != identity:
        figures = {look: json.loads(make(colors).to_json()) for look, colors in (("light", LIGHT), ("dark", DARK))}
        for figure in figures.values():
            figure["layout"].pop("template", None)
        st.session_state[f"{key}_drawn"] = identity, figures
    return identity, figures
