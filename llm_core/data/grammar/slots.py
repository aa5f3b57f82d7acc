"""What stands in a template: words, and slots that show a variable in one of its forms. Each gives words and their truth."""

from dataclasses import dataclass, field
from typing import Protocol

from llm_core.data.grammar.distributions import Distribution
from llm_core.data.grammar.domains import Place, Values
from llm_core.data.grammar.lexicon import Word

NUMERALS = {
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    "zh": ("零", "一", "两", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三", "十四", "十五", "十六", "十七", "十八"),
}  # fmt: skip
REFER_BACK = Distribution(("name", "pronoun"), (0.3, 0.7))
"""How often the subject of two sentences in a row is a pronoun in the second."""

_PRONOUNS = {
    ("en", "he", "m"): ("he",), ("en", "he", "f"): ("she",), ("en", "him", "m"): ("him",), ("en", "him", "f"): ("her",),
    ("en", "his", "m"): ("his",), ("en", "his", "f"): ("her",), ("zh", "he", "m"): ("他",), ("zh", "he", "f"): ("她",),
    ("zh", "him", "m"): ("他",), ("zh", "him", "f"): ("她",), ("zh", "his", "m"): ("他", "的"), ("zh", "his", "f"): ("她", "的"),
}  # fmt: skip
_THINGS = {"it": ("it", "they"), "them": ("it", "them")}
PRONOUN_FORMS = ("he", "him", "his")
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """What is known of one word: part of speech, entity, the variable it shows, and what it is aligned with."""

    part: str
    entity: str | None = None
    variable: str | None = None
    mention: bool = False
    count: str = ""
    """The number that this word has, or agrees with, by its notation: "K", "N-M"."""
    agrees: bool = False
    aligned: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A skill item of a slot: after how many of its words it begins, and which words would stand there instead."""

    skill: str
    offset: int
    right: tuple[Words, ...]
    wrong: tuple[Words, ...]


class Op(Protocol):
    """One part of a template."""

    def words(self, values: Values, place: Place) -> Words: ...

    def marks(self, values: Values, place: Place) -> tuple[Mark, ...]: ...

    def questions(self, values: Values, place: Place) -> tuple[Question, ...]: ...


@dataclass(frozen=True, slots=True)
class Literal:
    """A word that always stands there."""

    text: Words
    mark: Mark
    skill: str = ""

    def words(self, values: Values, place: Place) -> Words:
        return self.text

    def marks(self, values: Values, place: Place) -> tuple[Mark, ...]:
        return (self.mark,)

    def questions(self, values: Values, place: Place) -> tuple[Question, ...]:
        return (Question(self.skill, 0, (self.text,), ()),) if self.skill else ()


@dataclass(frozen=True, slots=True)
class Count:
    """A number that a template speaks of: a variable, or the sum or difference of two."""

    notation: str
    first: str
    second: str = ""
    sign: int = 0

    def value(self, values: Values, place: Place) -> int:
        first: int = values.variable(self.first, place)
        return first + self.sign * values.variable(self.second, place) if self.sign else first


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number as a word."""

    language: str
    count: Count
    skill: str = ""

    def words(self, values: Values, place: Place) -> Words:
        return (NUMERALS[self.language][self.count.value(values, place)],)

    def marks(self, values: Values, place: Place) -> tuple[Mark, ...]:
        return (Mark("NUM", variable=self.count.notation, aligned=self.count.notation),)

    def questions(self, values: Values, place: Place) -> tuple[Question, ...]:
        if not self.skill:
            return ()
        right = self.words(values, place)
        wrong = tuple((word,) for word in NUMERALS[self.language][1:10] if word != right[0])
        return (Question(self.skill, 0, (right,), wrong),)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of two words, by a number: the first where it is one."""

    count: Count
    one: Words
    many: Words
    parts: tuple[str, str]
    skill: str = ""

    def words(self, values: Values, place: Place) -> Words:
        return self.one if self.count.value(values, place) == 1 else self.many

    def marks(self, values: Values, place: Place) -> tuple[Mark, ...]:
        one = self.count.value(values, place) == 1
        mark = Mark(self.parts[0 if one else 1], count=self.count.notation, agrees=self.one != self.many)
        return (mark,) * len(self.words(values, place))

    def questions(self, values: Values, place: Place) -> tuple[Question, ...]:
        if not self.skill or self.one == self.many:
            return ()
        right = self.words(values, place)
        return (Question(self.skill, 0, (right,), (self.many if right == self.one else self.one,)),)


@dataclass(frozen=True, slots=True)
class Slot:
    """A word of a class, in one of its forms.

    form: "" as it is · "s" the subject · "he", "him", "his", "it", "them" pronouns · "pl" plural · "m" measure word ·
    "article" with a or an (Chinese: one and the measure word) · any other: a column of its class.
    """

    language: str
    name: str
    form: str
    occurrence: int
    count: Count | None = None
    skill: str = ""
    parts: dict[str, str] = field(default_factory=dict, repr=False)

    def words(self, values: Values, place: Place) -> Words:
        form = self.form
        if form == "s":
            return self._subject(values, place)
        word: Word = values.variable(self.name, place)
        number = self.count.value(values, place) if self.count else 0
        if form == "article":
            return self._article(word) + self._noun(word, number)
        return self._formed(word, form, number)

    def _formed(self, word: Word, form: str, number: int) -> Words:
        if form == "":
            return self._noun(word, number)
        if form in PRONOUN_FORMS:
            return _PRONOUNS[self.language, form, word.gender or "m"]
        if form in _THINGS:
            if self.language == "zh":
                return ("它们",) if number > 1 else ("它",)
            return (_THINGS[form][number > 1],)
        if form == "pl":
            return word.plural if self.language == "en" else word.chinese
        if form == "m":
            return (word.measure,)
        return word.columns[form]

    def _noun(self, word: Word, number: int) -> Words:
        if self.language == "zh":
            return word.chinese
        return word.plural if number > 1 else word.english

    def _article(self, word: Word) -> Words:
        if self.language == "zh":
            return ("一", word.measure)
        return (article_of(word.english),)

    def _subject(self, values: Values, place: Place) -> Words:
        word: Word = values.variable(self.name, place)
        form = ""
        if values.memo.get("#subject") == self.name and self._refers(values, place) == "pronoun":
            form = "he"
        values.memo["#subject"] = self.name
        return self._formed(word, form, 0)

    def _refers(self, values: Values, place: Place) -> str:
        answer: str = values.choose(f"{place.path}{self.name}.{self.occurrence}", REFER_BACK)
        return answer

    def _was_pronoun(self, values: Values, place: Place) -> bool:
        return values.memo.get(f"{place.path}{self.name}.{self.occurrence}") == "pronoun"

    def _shown_form(self, values: Values, place: Place) -> str:
        """The form that stands in the text, once the words have been asked for."""
        if self.form != "s":
            return self.form
        return "he" if self._was_pronoun(values, place) else ""

    def marks(self, values: Values, place: Place) -> tuple[Mark, ...]:
        word: Word = values.variable(self.name, place)
        form = self._shown_form(values, place)
        number = self.count.value(values, place) if self.count else 0
        noun = Mark(
            word.part, word.entity, self.name, True, self.count.notation if self.count else "", aligned=self.name
        )
        if form == "article":
            lead = (Mark("NUM"), Mark("NOUN")) if self.language == "zh" else (Mark("DET"),)
            return lead + self._each(noun, self._noun(word, number))
        words = self._formed(word, form, number)
        if form in PRONOUN_FORMS:
            pronoun = Mark("PRON", variable=self.name, mention=True, aligned=self.name)
            return (pronoun, Mark("PART"))[: len(words)]
        if form in _THINGS:
            return (Mark("PRON", variable=self.name, mention=True, count=noun.count, aligned=self.name),)
        if form == "m":
            return (Mark("NOUN", variable=self.name, aligned=f"{self.name}.m"),)
        if form in ("", "pl"):
            return self._each(noun, words)
        return self._each(Mark(word.part, variable=self.name, aligned=self.name), words)

    def _each(self, mark: Mark, words: Words) -> tuple[Mark, ...]:
        """Function words inside a phrase have their own part of speech, its other words that of the class."""
        if len(words) == 1 and mark.mention:
            return (mark,)
        return tuple(
            Mark(self.parts.get(word, mark.part), mark.entity, mark.variable, mark.mention, mark.count, aligned=mark.aligned)
            for word in words
        )  # fmt: skip

    def questions(self, values: Values, place: Place) -> tuple[Question, ...]:
        form = self._shown_form(values, place)
        word: Word = values.variable(self.name, place)
        number = self.count.value(values, place) if self.count else 0
        if self.form == "s":
            return (self._pronoun("pronoun", word, "he"),) if form == "he" else ()
        if not self.skill:
            return ()
        if form in PRONOUN_FORMS:
            return (self._pronoun(self.skill, word, form),)
        domain = values.domain(self.name, place)
        possible = domain.distribution(values, place) if self.skill == "cause" else None
        key = (self.skill, self.language, form, number, word, possible)
        if key not in domain.questions:
            domain.questions[key] = self._among(word, domain.words, form, number, possible)
        found: tuple[Question, ...] = domain.questions[key]
        return found

    def _pronoun(self, skill: str, word: Word, form: str) -> Question:
        genders = {"m": "f", "f": "m"}
        right = _PRONOUNS[self.language, form, word.gender or "m"]
        return Question(skill, 0, (right,), (_PRONOUNS[self.language, form, genders[word.gender or "m"]],))

    def _among(
        self, word: Word, others: tuple[Word, ...], form: str, number: int, possible: Distribution | None
    ) -> tuple[Question, ...]:
        """What can stand here against what cannot.

        After an article (or a measure word) all nouns can that go with it; for a cause, the words that fit its
        ancestors; for any other skill, the word itself alone.
        """
        offset = 0
        if self.skill == "article":
            lead = self._article(word)
            shown = {other: self._noun(other, number) for other in others}
            fitting = [other for other in others if self._article(other) == lead]
            offset = len(lead) if form == "article" else 0
        elif form == "article":
            # What is asked for is the noun; its article would give it away in part.
            shown = {other: self._article(other) + self._noun(other, number) for other in others}
            fitting = [word]
        else:
            shown = {other: self._formed(other, form, number) for other in others}
            fitting = [other for other in others if other in possible.values] if possible else [word]
        right = tuple(dict.fromkeys(shown[other] for other in fitting))
        wrong = tuple(dict.fromkeys(words for words in shown.values() if words not in right))
        return (Question(self.skill, offset, right, wrong),) if wrong else ()


@dataclass(frozen=True, slots=True)
class Article:
    """`a` or `an` before the words of another part. English alone."""

    inner: Op
    aligned: str | None = None

    def words(self, values: Values, place: Place) -> Words:
        inner = self.inner.words(values, place)
        return (article_of(inner), *inner)

    def marks(self, values: Values, place: Place) -> tuple[Mark, ...]:
        return (Mark("DET", aligned=self.aligned), *self.inner.marks(values, place))

    def questions(self, values: Values, place: Place) -> tuple[Question, ...]:
        found = self.inner.questions(values, place)
        return tuple(Question(one.skill, one.offset + 1, one.right, one.wrong) for one in found)


def spelled(value: Word | int, language: str) -> str:
    """A variable's value as a person would write it: a word as it stands in its class, or a number word."""
    if not isinstance(value, Word):
        return NUMERALS[language][value]
    return " ".join(value.english) if language == "en" else "".join(value.chinese)


def article_of(words: Words) -> str:
    """`an` before a vowel letter; grammars avoid the words where sound and letter differ."""
    return "an" if words[0][0].lower() in "aeiou" else "a"
