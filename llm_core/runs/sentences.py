"""Sentences that a file of a run holds, as a template and its values: never trusted, for others may have brought the run.

`str.format` reads attributes and writes a number as wide as it is told. What stands in a file may ask for neither.
"""

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any

from llm_core.errors import UserError

_LONGEST = 2000
_MOST = 20
_FORMAT = re.compile(r"\+?,?(?:\.[0-9])?[defg%]?")


def sentence_in(told: Mapping[str, Any]) -> UserError | None:
    """The sentence in an object with a `template` and its `values`; None where there is none such as this program writes.

    Places are plain names, their formats those of numbers without a width, values single numbers or short texts.
    """
    template, values = told.get("template"), told.get("values", {})
    if not (isinstance(template, str) and 0 < len(template) <= _LONGEST and isinstance(values, dict)):
        return None
    if not all(value is None or isinstance(value, int | float | str) for value in values.values()):
        return None
    if any(isinstance(value, str) and len(value) > _LONGEST for value in values.values()):
        return None
    try:
        places = [
            (name, form or "") for _text, name, form, _conversion in Formatter().parse(template) if name is not None
        ]
        if len(places) > _MOST or not all(name in values and name.isidentifier() and _FORMAT.fullmatch(form) for name, form in places):  # fmt: skip
            return None
        return UserError(template, **values)
    except (ValueError, TypeError, ArithmeticError):  # a stray brace, a format that fits no text, a number too large
        return None
