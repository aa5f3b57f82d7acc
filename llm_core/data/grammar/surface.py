"""How words become text: spaces and capitals in English, neither in Chinese."""

from functools import lru_cache

from llm_core.errors import UserError

State = int
"""What the text before says about the next word: bit 0, no space before it; bit 1, it begins with a capital."""

START: State = 3
BREAK = "\\n"
"""The word that stands for a line break in a template."""

Shown = tuple[tuple[str, ...], State, str, tuple[State, ...]]
"""A piece for each word, the state after them, the pieces in one, and the state before each word."""

_CLOSING = frozenset(".,?!:;”)…")
_OPENING = frozenset("“(")
_ENDING = frozenset(".?!:")
_CHINESE_ENDING = frozenset("。？！")


class Surface:
    """Words of one language as pieces of text, remembered, since the same ones come again and again."""

    def __init__(self, language: str) -> None:
        if language not in ("en", "zh"):
            raise UserError("Grammars are written in {known}; there is no language {language!r}.", known="en, zh", language=language)  # fmt: skip
        self.language = language
        self._known: dict[tuple[tuple[str, ...], State], Shown] = {}

    def __call__(self, words: tuple[str, ...], state: State) -> Shown:
        """The pieces of these words after a text that has left `state`."""
        found = self._known.get((words, state))
        if found is None:
            pieces, states = [], [state]
            for word in words:
                piece, after = self._english(word, states[-1]) if self.language == "en" else _chinese(word, states[-1])
                pieces.append(piece)
                states.append(after)
            found = self._known[words, state] = (tuple(pieces), states[-1], "".join(pieces), tuple(states))
        return found

    @staticmethod
    def _english(word: str, state: State) -> tuple[str, State]:
        if word == BREAK:
            return "\n", 3
        glued, capital = bool(state & 1), bool(state & 2)
        if word in _CLOSING:
            return word, 2 if word in _ENDING or (word == "”" and capital) else 0
        space = "" if glued else " "
        if word in _OPENING:
            return space + word, 3 if word == "“" else 1
        return space + (word[0].upper() + word[1:] if capital else word), 0


@lru_cache
def surface_of(language: str) -> Surface:
    """The one surface of a language: what it remembers serves every text."""
    return Surface(language)


def _chinese(word: str, state: State) -> tuple[str, State]:
    return ("\n" if word == BREAK else word), state


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Where sentences begin and end: at `. ? !` outside quotes, at a closing quote right after one, and at line ends.

    The space between two sentences belongs to neither. What follows the last end is a sentence of its own.
    """
    spans: list[tuple[int, int]] = []
    start, quoted = 0, False
    ends = _ENDING - {":"} | _CHINESE_ENDING
    for place, character in enumerate(text):
        if character == "“":
            quoted = True
        elif character == "”":
            quoted = False
        over = character == "\n" or (character in ends and not quoted)
        over = over or (character == "”" and place > 0 and text[place - 1] in ends)
        if over:
            if text[start : place + 1].strip():
                spans.append((start + (text[start] == " "), place + 1))
            start, quoted = place + 1, False
    if text[start:].strip():
        spans.append((start + (text[start] == " "), len(text)))
    return spans
