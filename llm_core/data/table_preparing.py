"""A table becomes labelled texts: columns found, labels counted, trouble named, a part kept for the test."""

from llm_core.config import TableConfig
from llm_core.data.labelled import Prepared


def prepare_table(config: TableConfig) -> Prepared:
    """The labelled texts of a table, in two parts. The same settings and file give the same parts.

    Raises UserError for a table that cannot be read, columns that are not there, one class or more than 100.
    """
    raise NotImplementedError
