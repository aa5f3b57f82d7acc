"""The notation of templates: words with spaces between them, and slots in braces.

`{A}` a variable of the frame · `{v:activity}` one of the sentence's own, `{v}` again · `{A.s}` the subject, by chance a
pronoun where it was the last one · `{A.he}`, `.him`, `.his`, `.it`, `.them` pronouns · `{O.a}` with an article (Chinese:
one and its measure word) · `{O.pl}` plural · `{O.m}` measure word · `{O*K}` in the number K · `{O.x}` column x of its class ·
`{N}`, `{N-M}`, `{N+M}` numbers · `{K?is|are}` the first where K is one · `!skill` before the closing brace marks a skill item ·
`word^1` is aligned with the words of mark 1 in the other language · `a` before anything becomes a or an.

Domains: `class`, `class!A` (not the word of A), `class@A` (tags share one with the fits of A), `number`, `count`, `below N`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from llm_core.data.grammar.domains import Domain, read_domain
from llm_core.data.grammar.lexicon import WordClass
from llm_core.data.grammar.slots import Article, Choice, Count, Literal, Mark, Numeral, Op, Slot
from llm_core.errors import UserError

_PART = re.compile(r"(?:\{[^}]*\}|[^\s{}]+)(?:\^\w+)?")
_SLOT = re.compile(
    r"(?P<name>\w+(?:[-+]\w+)?)"
    r"(?::(?P<domain>below \w+|\w+(?:[!@]\w+)*))?"
    r"(?:\.(?P<form>\w+))?"
    r"(?:\*(?P<count>\w+(?:[-+]\w+)?))?"
    r"(?:\?(?P<one>[^|]*)\|(?P<many>[^!]*))?"
    r"(?:!(?P<skill>\w+))?$"
)
_PUNCTUATION = frozenset(".,?!:;“”()…，。？！：；、")
_FORMS = {"a": "article", "name": ""}


@dataclass(frozen=True)
class Template:
    """One language's side of a sentence."""

    ops: tuple[Op, ...]
    names: frozenset[str]
    """All variables it shows, the sentence's own among them."""
    own: Mapping[str, Domain]


class TemplateReader:
    """Reads templates of one language against the classes and parts of speech of a grammar."""

    def __init__(self, language: str, classes: dict[str, WordClass], parts: Mapping[str, str], numbers: frozenset[str]) -> None:  # fmt: skip
        """numbers: the frame variables that are numbers in some frame."""
        self.language, self._classes, self._parts, self._numbers = language, classes, parts, numbers
        self.unknown: set[str] = set()
        """Words without a part of speech."""

    def read(self, text: str) -> Template:
        """Raises UserError where the notation is broken or names what is not there."""
        found = _PART.findall(text)
        if "".join(found) != "".join(text.split()) and " ".join(found) != " ".join(text.split()):
            raise UserError("The template {text!r} has braces that do not close, or no space around a slot.", text=text)
        own = self._own(found, text)
        ops: list[Op] = []
        names: set[str] = set()
        subjects: dict[str, int] = {}
        pending: str | None = None
        for part in found:
            body, _, link = part.partition("^")
            if self.language == "en" and body == "a" and pending is None:
                pending = f"^{link}" if link else ""
                continue
            op = (
                self._slot(body[1:-1], text, own, names, subjects)
                if body.startswith("{")
                else self._literal(body, link)
            )
            if pending is not None:
                op = Article(op, pending or None)
                pending = None
            ops.append(op)
        if pending is not None:
            raise UserError("The template {text!r} ends with an article.", text=text)
        return Template(tuple(ops), frozenset(names), own)

    def _own(self, found: list[str], text: str) -> dict[str, Domain]:
        own: dict[str, Domain] = {}
        for part in found:
            match = _SLOT.match(part.partition("^")[0][1:-1]) if part.startswith("{") else None
            if match and match["domain"]:
                notation, _ = self._split(match["domain"], found)
                if not match["name"][0].islower():
                    raise UserError("In {text!r}, {name} is declared by a sentence; such names begin with a small letter.", text=text, name=match["name"])  # fmt: skip
                own[match["name"]] = read_domain(notation, self._classes)
        return own

    @staticmethod
    def _split(notation: str, found: list[str]) -> tuple[str, str]:
        """A domain and a skill that looked like one of its limits: skills are no variable's name."""
        head, sign, tail = notation.rpartition("!")
        if sign and tail[0].islower() and not any(part.startswith("{" + tail + ":") for part in found):
            return head, tail
        return notation, ""

    def _slot(self, body: str, text: str, own: Mapping[str, Domain], names: set[str], subjects: dict[str, int]) -> Op:
        match = _SLOT.match(body)
        if not match:
            raise UserError("The slot {slot!r} of {text!r} cannot be read.", slot=body, text=text)
        name, form = match["name"], _FORMS.get(match["form"] or "", match["form"] or "")
        skill = match["skill"] or self._split(match["domain"] or "", [f"{{{other}:" for other in own])[1]
        count = _count(match["count"]) if match["count"] else None
        for counted in (count, _count(name)):
            if counted:
                names.update(filter(None, (counted.first, counted.second)))
        if match["one"] is not None:
            one, many = match["one"], match["many"]
            return Choice(_count(name), tuple(one.split()), tuple(many.split()), (self._part(one), self._part(many)), skill)  # fmt: skip
        numeric = "-" in name or "+" in name or name in self._numbers or (name in own and not own[name].words)
        if numeric:
            return Numeral(self.language, _count(name), skill)
        if name[0].islower() and name not in own:
            raise UserError("In {text!r}, {name} is not declared.", text=text, name=name)
        occurrence = subjects.get(name, 0)
        if form == "s":
            subjects[name] = occurrence + 1
        return Slot(self.language, name, form, occurrence, count, skill, dict(self._parts))

    def _literal(self, body: str, link: str) -> Literal:
        word, _, skill = body.partition("!") if len(body) > 1 and not body.startswith("!") else (body, "", "")
        return Literal((word,), Mark(self._part(word), aligned=f"^{link}" if link else None), "quote" if word == "”" else skill)  # fmt: skip

    def _part(self, word: str) -> str:
        if word in _PUNCTUATION or word == "\\n":
            return "PUNCT"
        if word not in self._parts and word:
            self.unknown.add(word)
        return self._parts.get(word, "X")


def _count(notation: str) -> Count:
    for sign, factor in (("-", -1), ("+", 1)):
        first, found, second = notation.partition(sign)
        if found:
            return Count(notation, first, second, factor)
    return Count(notation, notation)
