"""The pass of a browser in a class: who it is and until when, signed by the server.

`<owner>.<expires>.<signature>`, where the signature is HMAC-SHA256 (RFC 2104) under the key of the class over the two
others, and, for a teacher, over the teacher code too: with a new teacher code all old passes of teachers are void. The
role is part of the owner, so that none can be changed without the key.
"""

import hmac
import re
import secrets
import time
from collections.abc import Mapping

from llm_core.runs.classroom import Classroom, Role
from llm_core.runs.owners import STUDENT, TEACHER, is_owner, is_teacher
from pages.ui.classroom import standing

SECONDS = 180 * 24 * 3600
"""How long a pass is good: a term."""
_PASS = re.compile(r"([a-z]+-[0-9a-f]{16})\.([0-9]{1,12})\.([0-9a-f]{64})", re.ASCII)


def new_owner(role: Role) -> str:
    """An owner that no other browser has."""
    return (TEACHER if role == "teacher" else STUDENT) + secrets.token_hex(8)


def cookie_name(key: bytes) -> str:
    """The cookie that holds the pass: another class on the same machine has another, whatever its port."""
    return "terrarium_" + hmac.digest(key, b"terrarium cookie", "sha256").hex()[:12]


def sign(owner: str, expires: int, key: bytes, classroom: Classroom) -> str:
    """The pass of an owner. expires: seconds since 1970."""
    return f"{owner}.{expires}.{_signature(owner, expires, key, classroom)}"


def read(text: str, key: bytes, classroom: Classroom, now: float) -> str | None:
    """The owner that a pass stands for; None where it is forged, of another class, or no longer good.

    now: seconds since 1970.
    """
    found = _PASS.fullmatch(text)
    if found is None:
        return None
    owner, expires, signature = found[1], int(found[2]), found[3]
    right = hmac.compare_digest(signature, _signature(owner, expires, key, classroom))
    return owner if right and is_owner(owner) and now < expires else None


def holder(cookies: Mapping[str, str]) -> str | None:
    """Who sent these cookies to this server, None for a stranger. Raises UserError where the class cannot be read."""
    key = standing.key()
    text = cookies.get(cookie_name(key))
    return None if text is None else read(text, key, standing.classroom(), time.time())


def _signature(owner: str, expires: int, key: bytes, classroom: Classroom) -> str:
    code = classroom.teacher_code if is_teacher(owner) else ""
    return hmac.digest(key, f"terrarium pass\n{owner}\n{expires}\n{code}".encode(), "sha256").hex()
