"""What a run of the kind "classify_file" is: every text of a table classified by one family of a race."""

from llm_core.config import Config, setting
from llm_core.errors import N_
from llm_core.runs.race import Family


class ClassifyFileConfig(Config):
    """race: the id of the race, or the name of a bundled one · file: a table that is kept beside the runs."""

    race: str
    family: Family
    file: str
    encoding: str | None = None
    text_column: str
    threads: int | None = setting(None, N_("Threads"), N_("Processor threads; empty lets the program choose."), ge=1, le=256)  # fmt: skip
