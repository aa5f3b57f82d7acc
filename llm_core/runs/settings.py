"""Settings as they are typed: `training.steps=200` on a command line, on top of a recipe."""

import json
import math
from collections.abc import Iterable
from typing import Any

from llm_core.config import RunConfig, parse
from llm_core.errors import UserError


def with_settings(config: RunConfig, assignments: Iterable[str]) -> RunConfig:
    """The config with `section.name=value` assignments laid over it, the last one winning.

    A value is strict JSON; a bare word is a string. Another `model.family` starts from that family's defaults.
    Raises UserError for an unknown setting, and for a value of the wrong kind or out of range.
    """
    values = config.model_dump(mode="json")
    typed = [_split(assignment) for assignment in assignments]
    for path, value in typed:
        if path == ["model", "family"] and value != values["model"]["family"]:
            values["model"] = {"family": value}
    for path, value in typed:
        section: Any = values
        for part in path[:-1]:
            section = section.get(part)
            if not isinstance(section, dict):
                raise UserError("There is no setting {field}.", field=".".join(path)[:100])
        section[path[-1]] = value
    return parse(RunConfig, values)


def _split(assignment: str) -> tuple[list[str], Any]:
    name, equals, text = assignment.partition("=")
    path = name.strip().split(".")
    if not equals or len(path) < 2 or not all(path):
        raise UserError("{text!r} is no setting; write it like training.steps=200.", text=assignment[:100])
    return path, _value(name, text)


def _value(name: str, text: str) -> Any:
    def refuse(constant: str) -> Any:
        raise UserError("{field} must be a finite number; it is {value}.", field=name[:100], value=constant[:50])

    def finite(number: str) -> float:
        value = float(number)
        return value if math.isfinite(value) else refuse(number)

    try:
        return json.loads(text, parse_constant=refuse, parse_float=finite)
    except (json.JSONDecodeError, RecursionError):
        if text[:1] in ("[", "{", '"'):
            raise UserError("{field} is not valid JSON: {value}", field=name[:100], value=text[:50]) from None
        return text
    except ValueError:  # a whole number of thousands of digits
        return refuse(text)
