"""Tables that come with the program: headlines and reviews in both languages, written by the grammars.

Their labels are known, and so is what the best possible classifier would reach: some texts leave a doubt.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from llm_core.config import TableConfig
from llm_core.data.grammar.labelled import label_names, labelled_grammar, labelled_text
from llm_core.data.splits import normalised
from llm_core.data.synonyms import Synonyms, synonyms_of
from llm_core.data.table_reading import Table
from llm_core.errors import N_

ROWS = 3_000
SEED = 20_000
"""Far from the seeds of the texts that models are trained on, so that a model trained on those has not read these."""


@dataclass(frozen=True)
class Example:
    """An included table: no text comes in it twice.

    ceiling: the accuracy that no classifier can exceed in the long run, the mean over all its texts of the largest
    P(label | text), computed by the grammar's exact filter.
    """

    name: str
    title: str
    description: str
    grammar: str
    language: str
    columns: tuple[str, str]
    ceiling: float

    @property
    def config(self) -> TableConfig:
        """The settings that prepare it."""
        return TableConfig(file=self.name)

    @property
    def labels(self) -> tuple[str, ...]:
        """Its labels in the order of the grammar: sports and technology before the other topics."""
        return tuple(label_names(self.grammar, self.language).values())

    @cached_property
    def table(self) -> Table:
        """The table, always the same; written in less than a second."""
        grammar = labelled_grammar(self.grammar)
        names = label_names(self.grammar, self.language)
        rows: dict[str, tuple[str, str]] = {}
        index = 0
        while len(rows) < ROWS:
            made = labelled_text(grammar, self.language, SEED, index)
            rows.setdefault(normalised(made.text), (made.text, names[made.label]))
            index += 1
        return Table(self.name, self.columns, tuple(rows.values()), tuple(range(2, ROWS + 2)))

    @cached_property
    def synonyms(self) -> Synonyms:
        """Words that can stand for each other without changing a label: those of one class with the same tags."""
        return synonyms_of(self.grammar, self.language)


EXAMPLES: Mapping[str, Example] = {
    example.name: example
    for example in (
        Example(
            "headlines-zh", N_("Headlines in Chinese"),
            N_("Sports, technology and four other topics: 3,000 headlines written by a grammar of this program."),
            "headlines", "zh", ("标题", "类别"), 0.944,
        ),
        Example(
            "headlines-en", N_("Headlines in English"),
            N_("Sports, technology and four other topics: 3,000 headlines written by a grammar of this program."),
            "headlines", "en", ("headline", "topic"), 0.944,
        ),
        Example(
            "reviews-en", N_("Reviews in English"),
            N_("Positive or negative: 3,000 reviews of meals, films, books, toys and hotels, written by a grammar of this program."),
            "reviews", "en", ("review", "sentiment"), 0.971,
        ),
        Example(
            "reviews-zh", N_("Reviews in Chinese"),
            N_("Positive or negative: 3,000 reviews of meals, films, books, toys and hotels, written by a grammar of this program."),
            "reviews", "zh", ("评论", "情感"), 0.971,
        ),
    )
}  # fmt: skip
"""The included tables by name, in the order in which they are offered."""
