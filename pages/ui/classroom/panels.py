"""The panels of the page Class: who one is and what one may use, and for the teacher what holds for all."""

from collections.abc import Callable

import streamlit as st

from llm_core.errors import UserError
from llm_core.runs import classroom as kept
from llm_core.runs import people
from llm_core.runs.classroom import Classroom, Limits
from llm_core.runs.limits import MEGABYTE
from llm_core.runs.owners import STUDENT, is_teacher
from pages.ui import forms
from pages.ui.classroom import components
from pages.ui.classroom.announcement import addresses
from pages.ui.classroom.board_route import show, tag
from pages.ui.faults import as_text, show_fault
from pages.ui.state import (
    CLASS_FAULT_KEY,
    CLASS_FROZEN_KEY,
    CLASS_LIMITS_KEY,
    CLASS_LINK_KEY,
    CLASS_NAME_KEY,
    CLASS_PERSON_KEY,
    CLASS_PERSON_NAME_KEY,
    store,
)
from pages.ui.text import _
from pages.ui.who import owner


def fault() -> None:
    """What the last click came to, where it was refused."""
    found = st.session_state.pop(CLASS_FAULT_KEY, None)
    if found is not None:
        show_fault(found)


def myself(class_: Classroom) -> None:
    """Who this browser is, the name that others see, and what it may still use."""
    me = owner()
    names = people.names(store().root)
    role = (
        _("You are the teacher ({tag}).", tag=tag(me)) if is_teacher(me) else _("You are student {tag}.", tag=tag(me))
    )
    st.markdown(role)
    st.session_state[CLASS_NAME_KEY] = names.get(me, "")
    st.text_input(
        _("Your name, as all others see it"), key=CLASS_NAME_KEY, max_chars=people.LONGEST, on_change=_name_myself,
        placeholder=_("No name yet"),
    )  # fmt: skip
    limits = class_.limits_of(me)
    if limits is None:
        return
    used = store().taken_by(me) / MEGABYTE
    st.markdown(
        _(
            "You may have {running} runs at work and {waiting} waiting, with models of up to {parameters} parameters and "
            "{steps} steps, or {seconds} seconds. Your runs take {used} of {megabytes} MB.",
            running=limits.running, waiting=limits.waiting, parameters=limits.parameters, steps=limits.steps,
            seconds=limits.seconds, used=round(used), megabytes=limits.megabytes,
        )
    )  # fmt: skip
    if class_.frozen:
        st.info(_("No new runs for now: the teacher has paused them for the whole class. Runs under way go on."))


def door(class_: Classroom) -> None:
    """For the projector: where the class is found, and the code of students."""
    components.door(
        addresses(int(st.get_option("server.port")), st.get_option("server.sslCertFile")), class_.student_code
    )


def steering(class_: Classroom) -> None:
    """What the teacher decides for all."""
    st.session_state[CLASS_FROZEN_KEY] = class_.frozen
    st.toggle(
        _("No new runs"), key=CLASS_FROZEN_KEY, on_change=_freeze,
        help=_("Students can start nothing new until this is switched off. Runs under way go on; the teacher can always start one."),
    )  # fmt: skip
    with st.expander(_("Show a view to all")):
        st.markdown(_("On any page, press *Show this view to all*: every browser of the class then offers to open it. Or paste the link of a page here."))  # fmt: skip
        st.text_input(_("Link"), key=CLASS_LINK_KEY, max_chars=kept.LONGEST_LINK, placeholder="./…?…")
        first, second = st.columns(2)
        first.button(_("Show to all"), key="class_show", on_click=_show, width="stretch")
        second.button(_("Stop showing"), key="class_stop_showing", on_click=_stop_showing, disabled=class_.shown is None, width="stretch")  # fmt: skip
        if class_.shown is not None:
            st.code(class_.shown, language=None, wrap_lines=True)
    with st.expander(_("Limits for each student")), st.form("class_limits", border=False):
        if st.session_state.get(CLASS_LIMITS_KEY) != class_.limits:
            forms.fill(class_.limits)
            st.session_state[CLASS_LIMITS_KEY] = class_.limits
        forms.fields(class_.limits, Limits.model_fields)
        st.form_submit_button(_("Set the limits"), on_click=_limit, args=(class_.limits,))
    with st.expander(_("Names")):
        _naming()
    with st.expander(_("For another teacher")):
        st.markdown(_("Whoever types this code may change everything, as you may. Do not show it on the board."))
        st.code(class_.teacher_code, language=None)


def leaving() -> None:
    """The way out, with what it costs."""
    with st.expander(_("Leave the class")):
        st.markdown(_("This browser then forgets who you are. Your runs stay, but only the teacher can change them: when you join again you are somebody new."))  # fmt: skip
        components.leave()


def _naming() -> None:
    names = people.names(store().root)
    owners = list(
        dict.fromkeys(one.fixed.owner for one in store().listing.summaries() if one.fixed.owner.startswith(STUDENT))
    )
    known = list(dict.fromkeys([*names, *owners]))
    if not known:
        st.markdown(_("Here you can name people once they have a run or have typed a name."))
        return
    labels = {one: f"{names[one]} · {tag(one)}" if one in names else tag(one) for one in known}
    person = st.selectbox(_("Person"), known, key=CLASS_PERSON_KEY, format_func=labels.__getitem__)
    st.text_input(_("Name"), key=CLASS_PERSON_NAME_KEY, max_chars=people.LONGEST)
    st.button(_("Give this name"), key="class_name", on_click=_name, args=(person,))
    st.caption(as_text(labels[person]))


def _name_myself() -> None:
    _try(lambda: people.call(store().root, owner(), owner(), st.session_state[CLASS_NAME_KEY]))


def _name(person: str) -> None:
    _try(lambda: people.call(store().root, owner(), person, st.session_state[CLASS_PERSON_NAME_KEY]))


def _freeze() -> None:
    frozen = bool(st.session_state[CLASS_FROZEN_KEY])
    _try(lambda: kept.change(store().root, owner(), frozen=frozen))


def _limit(limits: Limits) -> None:
    _try(lambda: kept.change(store().root, owner(), limits=forms.read(limits)))


def _show() -> None:
    host = st.context.headers.get("Host") or ""
    _try(lambda: show(st.session_state[CLASS_LINK_KEY], host, owner()))


def _stop_showing() -> None:
    _try(lambda: show(None, "", owner()))


def _try(deed: Callable[[], object]) -> None:
    try:
        deed()
    except UserError as error:
        st.session_state[CLASS_FAULT_KEY] = error
