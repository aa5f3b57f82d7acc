"""Tags: short words that people put on runs, to find them again. They stand in `tags.json` of the run's folder."""

from collections.abc import Iterable
from pathlib import Path

from llm_core.errors import UserError
from llm_core.runs.files import read_object, replace_json
from llm_core.runs.locks import alone
from llm_core.runs.names import display_name
from llm_core.runs.owners import refuse_stranger
from llm_core.runs.run import Run

FILE = "tags.json"
LOCK = ".tags.lock"
"""What two windows that change the tags of a run take turns with."""
LONGEST = 24
MOST = 8


def tags_of(folder: Path) -> tuple[str, ...]:
    """The tags in a run's folder; none where the file is missing or broken."""
    path = folder / FILE
    if not path.exists():  # hardly any run has some, and opening what is not there takes longer
        return ()
    found = (read_object(path) or {}).get("tags")
    return cleaned(tag for tag in found if isinstance(tag, str)) if isinstance(found, list) else ()


def cleaned(tags: Iterable[str]) -> tuple[str, ...]:
    """Each once, whatever its capitals, without commas, in one line, at most 24 characters; at most eight."""
    kept: dict[str, str] = {}
    for tag in tags:
        text = " ".join(display_name(tag.replace(",", " "), "").split())[:LONGEST].strip()
        if text:
            kept.setdefault(text.casefold(), text)
    return tuple(kept.values())[:MOST]


def change_tags(run: Run, *, add: Iterable[str] = (), remove: Iterable[str] = (), owner: str) -> tuple[str, ...]:
    """Put tags on a run and take others off; what it has then.

    Raises UserError when `owner` may not change it, when it would have more than eight, or when it cannot be written.
    """
    refuse_stranger(run, owner)
    gone = {tag.casefold() for tag in cleaned(remove)}
    try:
        with alone(run.folder / LOCK):
            kept = [tag for tag in tags_of(run.folder) if tag.casefold() not in gone]
            known = {tag.casefold() for tag in kept}
            new = [tag for tag in cleaned(add) if tag.casefold() not in known]
            if len(kept) + len(new) > MOST:
                raise UserError("A run has at most {limit} tags; take one off first.", limit=MOST)
            replace_json(run.folder / FILE, {"tags": [*kept, *new]})
    except OSError as error:
        raise UserError("Run {run} cannot be written: {reason}.", run=run.id, reason=error.strerror or str(error)) from None  # fmt: skip
    return (*kept, *new)
