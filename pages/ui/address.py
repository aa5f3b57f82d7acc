"""A view in the address of its page: language-free codes, checked like anything else from outside.

A page names what it puts there, as a table of `Linked`, and reads the address before any widget is drawn. What it wrote
itself is kept in the session, so that only another address, of a link or of going back, changes what is shown.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

import streamlit as st

Linked = Mapping[str, tuple[str, Callable[[str], Any]]]
"""Name in the address to session key and reader; a reader gives None for what it does not take."""


def text_of(most: int) -> Callable[[str], str]:
    """A reader of text, of which so many characters at the most are taken."""
    return lambda text: text[:most]


def whole(least: int = 0, most: int = 99_999_999) -> Callable[[str], int | None]:
    """A reader of whole numbers within these bounds."""

    def read(text: str) -> int | None:
        fits = text.isascii() and text.isdigit() and len(text) < 9 and least <= int(text) <= most
        return int(text) if fits else None

    return read


def one_of(*values: Any) -> Callable[[str], Any]:
    """A reader of these values, each by what it is written as."""
    return {str(value): value for value in values}.get


def like(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    """A reader of text that matches as a whole."""
    return lambda text: text if pattern.fullmatch(text) else None


def asked_for(linked: Linked, link_key: str) -> dict[str, str]:
    """What the address names, by name; empty where it names nothing, or just what the page wrote itself."""
    asked = {name: st.query_params[name] for name in linked if name in st.query_params}
    return {} if asked == st.session_state.get(link_key) else asked


def follow_address(linked: Linked, link_key: str) -> bool:
    """Take the view from the address when it is not the one that the page wrote itself; whether it was taken.

    What such an address does not name is as the page begins, so that going back, and a link, show just what was seen.
    """
    asked = asked_for(linked, link_key)
    if not asked:
        return False
    for name, (key, read) in linked.items():
        value = read(asked[name]) if name in asked else None
        if value is not None:
            st.session_state[key] = value
        else:
            st.session_state.pop(key, None)
    return True


def write_address(names: Collection[str], link: Mapping[str, str], link_key: str) -> None:
    """Have the address say this of all that the page may name, and nothing else of it."""
    for name in names:
        if name not in link and name in st.query_params:
            del st.query_params[name]
    if any(st.query_params.get(name) != value for name, value in link.items()):
        st.query_params.update(link)
    st.session_state[link_key] = dict(link)
