"""What a button that makes something says to the store, so that a double click makes one thing of it."""

import secrets
import time

import streamlit as st

_MOMENTS = 2.0  # seconds


def form_token(key: str, contents: str) -> str:
    """The same token for the same form pressed twice within moments: the store makes one run of it. `key`: under which the
    session keeps it, one for each button."""
    token, before, pressed = st.session_state.get(key, ("", "", 0.0))
    if before != contents or time.monotonic() - pressed > _MOMENTS:
        token = secrets.token_hex(8)
    st.session_state[key] = (token, contents, time.monotonic())
    return str(token)
