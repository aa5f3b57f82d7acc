"""Takes down the truth of a text while it is being made."""

from llm_core.data.grammar.domains import Place
from llm_core.data.grammar.grammar import Sentence
from llm_core.data.grammar.machine import Draws
from llm_core.data.grammar.slots import Mark, Op, spelled
from llm_core.data.grammar.surface import START, State, Surface
from llm_core.data.grammar.truth import Chain, Item, Link, Node, Truth, Word


class Teller:
    """Grows a text and its truth part by part."""

    def __init__(self, language: str, surface: Surface) -> None:
        self.language, self._surface = language, surface
        self.text = ""
        self.state: State = START
        self._words: list[Word] = []
        self._marks: list[Mark] = []
        self._sentences: list[tuple[str, int, int]] = []  # name, first word, word after the last
        self._states: list[tuple[int, dict[str, str]]] = []
        self._where: dict[str, str] = {}
        self._items: list[Item] = []

    def add(self, op: Op, draws: Draws, place: Place) -> None:
        """The words of one part of a template."""
        words = op.words(draws, place)
        pieces, after, _, states = self._surface(words, self.state)
        marks = op.marks(draws, place)
        start = len(self.text)
        offsets = []
        for piece, mark in zip(pieces, marks, strict=True):
            offsets.append(start)
            begin = start + (piece[0] == " ")
            start += len(piece)
            self._words.append(Word(begin, start, mark.part, mark.entity, mark.variable, mark.aligned))
            self._marks.append(mark)
        self.text += "".join(pieces)
        self.state = after
        for asked in op.questions(draws, place):
            begin, before = offsets[asked.offset], states[asked.offset]
            right = tuple(self._surface(candidate, before)[2] for candidate in asked.right)
            wrong = tuple(self._surface(candidate, before)[2] for candidate in asked.wrong)
            end = next(begin + len(one) for one in right if self.text.startswith(one, begin))
            self._items.append(Item(asked.skill, begin, end, right, wrong))

    def close(self, sentence: Sentence, draws: Draws) -> None:
        """A sentence is over."""
        first = self._sentences[-1][2] if self._sentences else 0
        self._sentences.append((sentence.name, first, len(self._words)))
        for who, how, where in sentence.facts:
            name = self._shown(draws, who)
            if how == "gone":
                self._where.pop(name, None)
            else:
                self._where[name] = self._shown(draws, where)
        self._states.append((len(self.text), dict(self._where)))

    def truth(self, draws: Draws) -> Truth:
        """What has been taken down."""
        leaves = [Node(word.part, word.start, word.end) for word in self._words]
        children = tuple(
            Node(name, self._words[first].start, self._words[last - 1].end, tuple(leaves[first:last]))
            for name, first, last in self._sentences
            if last > first
        )
        frame = draws.memo["#frame"]
        values = {name: str(draws.memo[name]) for name in frame.variables if name in draws.memo}
        return Truth(
            frame.name, Node(frame.name, 0, len(self.text), children), tuple(self._words), self._agreements(),
            self._chains(draws), tuple(self._states), tuple(self._items), values,
        )  # fmt: skip

    def _shown(self, draws: Draws, name: str) -> str:
        return spelled(draws.memo[name], self.language)

    def _agreements(self) -> tuple[Link, ...]:
        """Each word that agrees, with the nearest noun of its sentence that has this number, before it if there is one."""
        links = []
        for _, first, last in self._sentences:
            for place in range(first, last):
                if not self._marks[place].agrees:
                    continue
                count = self._marks[place].count
                near = [
                    other for other in range(last) if self._marks[other].mention and self._marks[other].count == count
                ]
                near = [other for other in near if other >= first] or near
                if near:
                    nearest = max((other for other in near if other < place), default=near[0])
                    here, there = self._words[place], self._words[nearest]
                    links.append(Link(here.start, here.end, there.start, there.end))
        return tuple(links)

    def _chains(self, draws: Draws) -> tuple[Chain, ...]:
        """Mentions by variable of the frame; words of a phrase that follow each other are one mention."""
        spans: dict[str, list[tuple[int, int]]] = {}
        before: str | None = None
        for word, mark in zip(self._words, self._marks, strict=True):
            name = mark.variable if mark.mention and mark.variable and mark.variable[0].isupper() else None
            if name is not None:
                mentions = spans.setdefault(name, [])
                if name == before and mentions and word.start - mentions[-1][1] <= 1:
                    mentions[-1] = (mentions[-1][0], word.end)
                else:
                    mentions.append((word.start, word.end))
            before = name
        return tuple(Chain(name, draws.memo[name].kind, tuple(mentions)) for name, mentions in spans.items())
