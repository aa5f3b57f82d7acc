"""Links inside this program: nothing else is followed after joining, or shown to a class."""

import re
from urllib.parse import urlsplit

from llm_core.runs.classroom import LONGEST_LINK

_INSIDE = re.compile(r"/[a-z_]{0,40}(?:\?[A-Za-z0-9._~%!$&'()*+,;=:@/?-]*)?")


def inside(text: str) -> str | None:
    """A link to a page of this program, such as `/train?run=…`; None for anything else."""
    return text if len(text) <= LONGEST_LINK and _INSIDE.fullmatch(text) else None


def inside_of(text: str, host: str) -> str | None:
    """What a person pasted, as a link to a page of this program. host: the name and port under which they see it.

    The language is left out, so that everybody keeps their own. None where the link leads elsewhere.
    """
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return None
    whole = bool(parts.scheme or parts.netloc)
    if whole and (parts.scheme not in ("http", "https") or parts.netloc.lower() != host.lower()):
        return None
    path = "/" + parts.path.removeprefix(".").removeprefix("/")
    query = "&".join(each for each in parts.query.split("&") if each and not each.startswith("lang="))
    return inside(path + (f"?{query}" if query else ""))
