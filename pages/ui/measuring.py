"""A measuring that a button starts and a worker does, drawn in the browser as it comes: what all of them have in common."""

import hashlib
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from starlette.requests import Request

from llm_core.errors import UserError
from llm_core.runs.owners import may_change
from llm_core.runs.run import Run
from pages.ui.charts import DARK, LIGHT, Colors
from pages.ui.live import BROWSER, copy_labels, duration_labels, script
from pages.ui.text import _, explain_in
from pages.ui.who import owner_of


@cache
def component() -> Any:
    """The part of the page. Its data: `address` to ask, `ready` to begin, `labels`, and what is taken away."""
    return st.components.v2.component(
        "terrarium_measuring",
        css=(BROWSER / "measuring.css").read_text(encoding="utf-8"),
        js=script("format", "polling", "curve", "takeaway", "measuring"),
        isolate_styles=False,
    )


def labels() -> dict[str, str]:
    """What every measuring says. Places are filled in the browser."""
    return {
        "waiting": _("Waits for a worker: one is starting, or all are busy with other runs."),
        "begun": _("Measuring…"),
        "starting": _("Starting to measure…"),
        "stop": _("Stop"),
        "offline": _("The server does not answer. Trying again."),
        **duration_labels(),
        "take_away": _("Take it away"),
        **copy_labels(),
    }


def reply(
    request: Request,
    run: Run | None,
    seen: object,
    points: int,
    make: Callable[[Colors], go.Figure],
    csv: Callable[[], str],
    code: str,
) -> dict[str, Any]:
    """What a route answers to this request: how the measuring stands, and the figure in both looks unless the browser
    has just this one.

    seen: all that the figure depends on but the language `code` · points: how much is drawn; nothing is for 0.
    """
    measuring = None if run is None else _standing(run, code, owner_of(request))
    version = hashlib.sha256(repr((seen, code)).encode()).hexdigest()[:16]
    told: dict[str, Any] = {
        "version": version, "points": points, "measuring": measuring,
        "poll_milliseconds": 700 if measuring and measuring["lively"] else None,
    }  # fmt: skip
    if request.query_params.get("have") != version:
        drawn = {look: json.loads(make(colors).to_json()) for look, colors in (("light", LIGHT), ("dark", DARK))}
        for each in drawn.values():
            each["layout"].pop("template", None)
        told |= {"figures": drawn, "csv": csv()}
    return told


def _standing(run: Run, code: str, owner: str) -> dict[str, Any]:
    status = run.status()
    return {
        "state": status.state, "lively": status.under_way, "progress": status.progress if status.state == "running" else None,
        "remaining": status.remaining_seconds, "controls": may_change(run, owner),
        "message": explain_in(UserError(status.template, **status.values), code) if status.template else "",
    }  # fmt: skip
