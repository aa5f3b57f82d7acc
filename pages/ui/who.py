"""Who asks: the owner that a script run or a request belongs to. Without a class everybody sits at this computer."""

from collections.abc import Mapping

import streamlit as st
from starlette.requests import HTTPConnection
from streamlit.runtime.scriptrunner import get_script_run_ctx

from llm_core.errors import UserError
from llm_core.runs.owners import LOCAL
from pages.ui.classroom import passes
from pages.ui.classroom.standing import in_class
from pages.ui.state import OWNER_KEY


def owner() -> str:
    """The owner of the browser whose page runs now. Raises UserError in a class for one without a valid pass."""
    if not in_class():
        return LOCAL
    cookies = _cookies()
    if get_script_run_ctx() is None:
        return _known(cookies)
    if not cookies and OWNER_KEY in st.session_state:
        return str(st.session_state[OWNER_KEY])  # the tab has just been closed; what it began comes to its end
    st.session_state[OWNER_KEY] = found = _known(cookies)
    return found


def owner_of(request: HTTPConnection) -> str:
    """The owner of the browser that sent this request. Raises UserError in a class for one without a valid pass."""
    return _known(request.cookies) if in_class() else LOCAL


def _cookies() -> Mapping[str, str]:
    return st.context.cookies


def _known(cookies: Mapping[str, str]) -> str:
    found = passes.holder(cookies)
    if found is None:
        raise UserError("You are not in this class any more. Load the page again and type the code.")
    return found
