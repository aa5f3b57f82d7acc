"""Talk between two: turns, each on a line of its own with its speaker's name before it."""

from collections.abc import Sequence
from dataclasses import dataclass

from llm_core.data.grammar.grammar import Grammar
from llm_core.data.grammar.sampler import Drawing, write
from llm_core.data.grammar.surface import surface_of
from llm_core.errors import UserError

_MARKS = {"en": ": ", "zh": "："}


@dataclass(frozen=True)
class Turn:
    """What one of the two says."""

    speaker: str
    text: str


@dataclass(frozen=True)
class Talk:
    """The turns of a talk in order; the speakers take turns."""

    turns: tuple[Turn, ...]
    language: str

    @property
    def text(self) -> str:
        """The talk as the grammar writes it and a model learns it."""
        return write_turns(self.turns, self.language)

    @property
    def speakers(self) -> tuple[str, ...]:
        """Who speaks, in the order of their first turns."""
        return tuple(dict.fromkeys(turn.speaker for turn in self.turns))


def talk(grammar: Grammar, language: str, seed: int, index: int) -> Talk:
    """One talk of a grammar whose texts are turns."""
    return read_turns(write(grammar, Drawing(seed, index), surface_of(language)), language)


def read_turns(text: str, language: str) -> Talk:
    """A talk out of its text. Raises UserError at a line that does not begin with a name and a colon."""
    turns = []
    for number, line in enumerate(text.split("\n"), start=1):
        speaker, mark, said = line.partition(_MARKS[language])
        if not mark or not speaker or not said:
            raise UserError("Line {number} of the talk does not begin with a name and a colon.", number=number)
        turns.append(Turn(speaker, said))
    return Talk(tuple(turns), language)


def write_turns(turns: Sequence[Turn], language: str) -> str:
    """The text of a talk: what `read_turns` reads."""
    return "\n".join(f"{turn.speaker}{_MARKS[language]}{turn.text}" for turn in turns)
