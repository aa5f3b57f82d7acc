"""Words on screen: translation, language and number format.

Templates are constant English; `assets/locale/<language>/messages.po` holds what they become. The language belongs to
one browser session and stands in its link (`?lang=zh`): nothing is installed globally, so that sessions of several
languages live side by side in one process. Widget keys, ids and links never go through here.
"""

import math
import threading
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from string import Formatter
from typing import Any

import streamlit as st
from babel.messages.pofile import read_po
from streamlit.runtime.scriptrunner import get_script_run_ctx

from llm_core.errors import UserError

LOCALE = Path(__file__).resolve().parents[2] / "assets" / "locale"
LANGUAGES = {"en": "English", "zh": "中文"}
"""Code in links and file names, and the name of the language in itself. English is the language of the templates."""

_SESSION_KEY = "language"
_QUERY_KEY = "lang"


def _(template: str, **values: Any) -> str:
    """The template in the language of this session, its places filled; numbers without a format of their own become
    `number(value)`."""
    text = translate(template, language())
    return _FORMATTER.vformat(text, (), values) if values else text


def said_in(code: str, template: str, **values: Any) -> str:
    """`_` in the language of that code, where there is no session."""
    return _FORMATTER.vformat(translate(template, code), (), values)


def explain(error: UserError) -> str:
    """The sentence of an error in the language of this session."""
    return explain_in(error, language())


def explain_in(error: UserError, code: str) -> str:
    """The sentence of an error in the language of that code. Values stay exact: a limit must not be rounded."""
    return _EXACT.vformat(translate(error.template, code), (), error.values)


def translate(template: str, code: str) -> str:
    """The template in the language of that code, places not yet filled; unchanged where there is no translation."""
    return catalogue(code).get(template, template)


@cache
def catalogue(code: str) -> dict[str, str]:
    """Template to translation, for one language; empty for English, which needs none."""
    path = LOCALE / code / "messages.po"
    if code not in LANGUAGES or not path.is_file():
        return {}
    with path.open("rb") as file:
        messages = read_po(file, locale=code)
    return {str(m.id): str(m.string) for m in messages if m.id and m.string and not m.fuzzy}


def known_language(code: object) -> str:
    """A language code that came from outside; English where it is none."""
    return code if isinstance(code, str) and code in LANGUAGES else "en"


def language() -> str:
    """The language of this session: what the link says, else what was chosen, else what the browser asks for."""
    context = get_script_run_ctx()
    if context is None:
        return "en"
    if _said.context is not context or _said.query != context.query_string:
        _said.code = _asked_language()
        _said.context, _said.query = context, context.query_string
    return _said.code


class _Said(threading.local):
    """The language of the script run in this thread, as long as its link stays what it is: a page has thousands of
    words, and asking the session for each took half of the time of its script."""

    context: Any = None
    query = ""
    code = ""


_said = _Said()


def _asked_language() -> str:
    code = st.query_params.get(_QUERY_KEY)
    if code not in LANGUAGES:
        code = st.session_state.get(_SESSION_KEY)
    return code if code in LANGUAGES else browser_language()


def browser_language() -> str:
    """The language that the browser asks for first, where there is a catalogue for it; else English."""
    code = (st.context.locale or "en").split("-")[0].lower()
    return code if code in LANGUAGES else "en"


def choose_language(code: str) -> None:
    """Switch this session to a language; for the callback of the switch."""
    _said.context = None
    st.session_state[_SESSION_KEY] = code
    st.query_params[_QUERY_KEY] = code


def keep_language() -> None:
    """Call once in each run of the shell: holds the language through page changes, which empty the query."""
    _said.context = None
    code = language()
    st.session_state[_SESSION_KEY] = code
    # An English page in an English browser keeps a clean address.
    if (code, browser_language()) != ("en", "en") and st.query_params.get(_QUERY_KEY) != code:
        st.query_params[_QUERY_KEY] = code


def number(value: float) -> str:
    """The one number format: whole numbers in groups of three digits, others with three significant digits.

    >>> number(12345), number(0.5), number(1234.5), number(0.0000123)
    ('12,345', '0.500', '1,230', '1.23 × 10⁻⁵')
    """
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "–"
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.2e}".split("e")
    power = int(exponent)
    if -4 <= power < 9:
        return f"{round(value, 2 - power):,.{max(0, 2 - power)}f}".replace("-", "−")
    return f"{mantissa} × 10{str(power).translate(_SUPERSCRIPTS)}".replace("-", "−")


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class _NumberFormatter(Formatter):
    """`str.format` in which a number of these kinds, without a format of its own, is shown by `number`."""

    def __init__(self, kinds: type) -> None:
        self.kinds = kinds

    def format_field(self, value: Any, format_spec: str) -> str:
        plain = not format_spec and isinstance(value, self.kinds) and not isinstance(value, bool)
        if plain:
            return number(value)
        return str(super().format_field(value, format_spec))


_FORMATTER = _NumberFormatter(Real)
_EXACT = _NumberFormatter(Integral)
