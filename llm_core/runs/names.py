"""Names, ids and places. A person's text is only ever shown; the names of folders are made here."""

import re
import secrets
import unicodedata
from pathlib import Path

ID = re.compile(r"[0-9a-f]{16}")
BUNDLED = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
LONGEST_NAME = 200
CHILDREN = "children"
"""The folder, in that of a run, where the runs stand that belong to it: they are listed, moved and deleted with it."""


def new_id() -> str:
    """16 hexadecimal characters that no other run has."""
    return secrets.token_hex(8)


def root_of(folder: Path) -> Path:
    """The folder of all runs that a run's folder stands in, be it a run of its own or the child of one."""
    return folder.parents[2] if folder.parent.name == CHILDREN else folder.parent


def display_name(text: str, otherwise: str) -> str:
    """A person's text as a name to show: one line, at most 200 characters, no control characters or lone surrogates.

    Characters that cannot be shown become U+FFFD, so that nothing disappears unseen. Empty text gives `otherwise`.
    """
    visible = "".join("\ufffd" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text.strip()[:LONGEST_NAME])
    return visible or otherwise
