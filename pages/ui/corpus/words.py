"""What the truth of a text is called on screen: parts of speech, skills, kinds of links. Codes stay in links and files."""

from llm_core.errors import N_
from pages.ui.glossary import SKILLS
from pages.ui.text import _

PARTS: dict[str, tuple[str, int]] = {
    "NOUN": (N_("noun"), 0), "PROPN": (N_("name"), 0), "VERB": (N_("verb"), 1), "AUX": (N_("auxiliary"), 1),
    "ADJ": (N_("adjective"), 2), "ADV": (N_("adverb"), 2), "PRON": (N_("pronoun"), 3), "DET": (N_("determiner"), 3),
    "NUM": (N_("number word"), 4), "CLF": (N_("measure word"), 4), "ADP": (N_("preposition"), 5), "PART": (N_("particle"), 5),
    "CCONJ": (N_("conjunction"), 5), "SCONJ": (N_("conjunction"), 5), "INTJ": (N_("interjection"), 6),
}  # fmt: skip
"""Universal part of speech to its name and its colour: one colour for parts that do like things."""

GROUPS = (
    N_("things and names"), N_("doing"), N_("describing"), N_("pointing"), N_("counting"), N_("joining"),
)  # fmt: skip
"""What each of those colours stands for."""


def part_name(code: str) -> str:
    """A part of speech in the language of this session; its code where it has no name here."""
    return _(PARTS[code][0]) if code in PARTS else code


def skill_name(skill: str) -> str:
    """A skill in the language of this session; its own name where it has none here."""
    return _(SKILLS[skill][0]) if skill in SKILLS else skill
