"""How well entities are found: precision, recall and F1 over whole entities, as CoNLL 2003 and seqeval count them.

An entity counts as found where its kind, its first and its last word are all right; a half of one is a miss and a false
find at once (Tjong Kim Sang & De Meulder 2003).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from llm_core.data.tag_spans import tag_spans

Tags = Sequence[str]


@dataclass(frozen=True)
class Found:
    """Counts of entities, and what follows from them: `expected` stand in the texts, `named` were named, `right` both."""

    expected: int
    named: int
    right: int

    @property
    def precision(self) -> float:
        """The share of what was named that is right; 0 where nothing was."""
        return self.right / self.named if self.named else 0.0

    @property
    def recall(self) -> float:
        """The share of what stands there that was named; 0 where nothing does."""
        return self.right / self.expected if self.expected else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 where one of them is."""
        both = self.expected + self.named
        return 2 * self.right / both if both else 0.0


@dataclass(frozen=True)
class EntityScores:
    """`overall` counts all entities alike (the micro average), `kinds` those of each kind, in alphabetical order."""

    overall: Found
    kinds: dict[str, Found]

    @property
    def macro_f1(self) -> float:
        """The mean F1 over the kinds; 0 without any."""
        return sum(found.f1 for found in self.kinds.values()) / len(self.kinds) if self.kinds else 0.0


def entity_scores(expected: Sequence[Tags], named: Sequence[Tags]) -> EntityScores:
    """The scores of tags that were given to the words of some texts, beside the right ones.

    Raises ValueError where a text has not as many tags as words.
    """
    counts = (Counter[str](), Counter[str](), Counter[str]())
    for right, ours in zip(expected, named, strict=True):
        if len(right) != len(ours):
            raise ValueError(f"{len(ours)} tags for {len(right)} words")
        there, told = set(tag_spans(right)), set(tag_spans(ours))
        for count, spans in zip(counts, (there, told, there & told), strict=True):
            count.update(kind for kind, _, _ in spans)
    kinds = sorted(counts[0].keys() | counts[1].keys())
    return EntityScores(
        overall=Found(*(count.total() for count in counts)),
        kinds={kind: Found(*(count[kind] for count in counts)) for kind in kinds},
    )
