"""What people in a class are called: display text beside their owner ids, which nobody can read.

Everybody may name themselves, a teacher anybody. A name proves nothing: who may do what hangs on the owner alone.
"""

from pathlib import Path

from llm_core.errors import UserError
from llm_core.runs.files import read_object, replace_json
from llm_core.runs.locks import alone
from llm_core.runs.names import display_name
from llm_core.runs.owners import is_owner, is_teacher

FILE = ".classroom.people.json"
LONGEST = 40
MOST = 2000
LOCK = ".classroom.people.lock"


def names(root: Path) -> dict[str, str]:
    """Owner to name, of those who have one; empty where the file is missing or damaged."""
    found = read_object(root / FILE) or {}
    return {owner: name[:LONGEST] for owner, name in found.items() if is_owner(owner) and isinstance(name, str)}


def call(root: Path, owner: str, person: str, name: str) -> None:
    """Give a person this name, or none where it is empty. Raises UserError where `owner` may not, where all places are
    taken, or where the file cannot be written."""
    if person != owner and not is_teacher(owner):
        raise UserError("Only they themselves and the teacher may change the name of {person}.", person=person)
    if not is_owner(person):
        raise UserError("There is nobody called {person} in this class.", person=display_name(person, "-"))
    try:
        with alone(root / LOCK):
            known = names(root)
            known.pop(person, None)
            shown = display_name(name[:LONGEST], "")
            if shown:
                known[person] = shown
            if len(known) > MOST:
                raise UserError("There are already {limit} names in this class.", limit=MOST)
            replace_json(root / FILE, known, private=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError("The names in {folder} cannot be kept: {reason}.", folder=str(root), reason=reason) from None
