"""The race that is looked at: its lanes, which move while it runs."""

from llm_core.runs.raced import Race


def show() -> Race | None:
    """Draw the race that the link, or the person, has chosen; None while there is none."""
    return None
