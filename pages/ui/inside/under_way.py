"""What takes over a second to answer: the button that asks, how far it is, the picture as it grows, and the answer."""

from typing import Any

import streamlit as st

from llm_core.errors import UserError
from llm_core.runs import inquiry
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.inquiry import Answer
from pages.ui import measuring
from pages.ui.faults import refuse
from pages.ui.live import ask
from pages.ui.state import INSIDE_INQUIRY_FAULT_KEY, OWNER, store
from pages.ui.text import _, language


def answered(
    key: str, config: InquiryConfig, *, name: str, picture: str, code: str, button: str | None = None, empty: str = ""
) -> Answer | None:
    """The whole answer, else None: then the page shows how it comes about, and runs again when it is whole.

    `key`: of the part of the page · `name`: of the run that answers, shown in lists · `picture`: what is drawn, for a
    screen reader · `code`: the same as Python · `button`, `empty`: on the button, and beside it before anything is
    known. The picture of a method's rows is in `pages.ui.inside.inquiry_route`.
    """
    found = inquiry.known(store(), config, OWNER)
    if found is not None and found.finished:
        return found
    if (fault := st.session_state.pop(INSIDE_INQUIRY_FAULT_KEY, None)) is not None:
        refuse(fault)

    def obey() -> None:
        _obey(st.session_state[key].get("command"), config, name)

    measuring.component()(
        key=key,
        data={
            "address": f"inquiry/{config.digest}", "language": language(), "name": f"terrarium-{config.question.method}-{config.run}",
            "code": code, "ready": True, "most_seconds": 0, "least_width": 560, "labels": _labels(picture, button, empty),
            "tells_end": True,
        },
        on_command_change=obey,
    )  # fmt: skip
    return None


def _obey(command: object, config: InquiryConfig, name: str) -> None:
    """Begin, or stop; what comes from the browser is checked like anything else from outside. An end only runs the page."""
    wanted = command.get("command") if isinstance(command, dict) else None
    try:
        if wanted == "measure":
            inquiry.begin(store(), config, name=name, owner=OWNER)
        elif wanted == "stop" and (run := inquiry.find(store(), config.digest, OWNER)) is not None:
            ask(run.id, "stop")
    except UserError as error:
        st.session_state[INSIDE_INQUIRY_FAULT_KEY] = error


def _labels(picture: str, button: str | None, empty: str) -> dict[str, Any]:
    return {
        **measuring.labels(),
        "picture": picture,
        "empty": empty or _("This takes more than a second, so that it is worked out beside the page: you can go on meanwhile."),
        "measure": button or _("Work it out"),
        "running": _("{share} done, at most {time} remaining.", share="{share}", time="{time}"),
        "begun": _("Under way…"),
        "starting": _("Starting…"),
    }  # fmt: skip
