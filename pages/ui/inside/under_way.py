"""What takes over a second to answer: the button that asks, how far it is, the picture as it grows, and the answer."""

from functools import lru_cache
from typing import Any

import streamlit as st

from llm_core.errors import UserError
from llm_core.runs import inquiry
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.inquiry import Answer
from pages.ui import measuring
from pages.ui.faults import refuse
from pages.ui.inside.computed import KEPT, predicted, takes_long
from pages.ui.inside.computed import ask as ask_about
from pages.ui.inside.selection import Selection, intact
from pages.ui.live import ask
from pages.ui.state import INSIDE_INQUIRY_FAULT_KEY, inference, store
from pages.ui.text import _, language
from pages.ui.who import owner


@lru_cache(maxsize=4 * KEPT)
def at_once(config: InquiryConfig, moment: int) -> Answer:
    """The answer worked out here and now, for what takes a moment; `moment`: when the weights were written. Raises
    UserError."""
    with inference():
        from llm_core.runs.inquiry_job import answering
        from llm_core.runs.inquiry_subject import Subject

        run = store().find(config.run)
        model, tokenizer = store().model(run, config.step)
        subject = Subject(store(), run, config.step, model, tokenizer, run.folder, ())
        found = answering(config.question.method)(config.question, subject)
        return Answer(tuple(row for row in found if isinstance(row, dict)), True, None, "")


def ready(config: InquiryConfig, passes: float | None = None, tokens: int = 0) -> Answer | None:
    """The whole answer where it is known or takes a moment. Raises UserError where one that is made at once is refused."""
    if passes is not None and not takes_long(store().model(store().find(config.run), config.step)[0], passes, tokens):
        assert config.step is not None
        return at_once(config, ask_about(config.run, config.step, "").moment)
    found = inquiry.known(store(), config, owner())
    return found if found is not None and found.finished else None


def answered(
    key: str,
    config: InquiryConfig,
    *,
    name: str,
    picture: str,
    code: str,
    button: str | None = None,
    empty: str = "",
    passes: float | None = None,
    tokens: int = 0,
) -> Answer | None:
    """The whole answer, else None: then the page shows how it comes about, and runs again when it is whole.

    `key`: of the part of the page · `name`: of the run that answers, shown in lists · `picture`: what is drawn, for a
    screen reader · `code`: the same as Python · `button`, `empty`: on the button, and beside it before anything is
    known · `passes`: forward passes of so many `tokens` that it takes; few are made at once. The picture of a method's
    rows is in `pages.ui.inside.inquiry_route`. Raises UserError where an answer that is made at once is refused.
    """  # fmt: skip
    found = ready(config, passes, tokens)
    if found is not None:
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


def tokens_of(selection: Selection) -> int:
    """How many tokens the text that is looked at has."""
    return len(predicted(intact(selection)).tokens)


def _obey(command: object, config: InquiryConfig, name: str) -> None:
    """Begin, or stop; what comes from the browser is checked like anything else from outside. An end only runs the page."""
    wanted = command.get("command") if isinstance(command, dict) else None
    try:
        if wanted == "measure":
            inquiry.begin(store(), config, name=name, owner=owner())
        elif wanted == "stop" and (run := inquiry.find(store(), config.digest, owner())) is not None:
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
