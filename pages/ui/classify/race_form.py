"""The form of a race: which families, in how much time."""

from llm_core.config import TableConfig


def show(table: TableConfig | None) -> None:
    """Draw the form; a race can be started when there is a table."""
