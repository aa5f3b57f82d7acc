"""Other texts of a model's own world, to put what its pieces do there in place of what they do here."""

from typing import TYPE_CHECKING

from llm_core.config import RunConfig
from llm_core.data.corpora import CORPORA
from llm_core.data.generated import documents
from llm_core.runs.run import Run

if TYPE_CHECKING:
    from llm_core.interpret.components import Component
    from llm_core.interpret.interventions import Reference
    from llm_core.interpret.reading import AnyTokenizer
    from llm_core.models.base import Model

COUNT = 24
_FROM = 3_000_000
"""Far beyond what any training has read."""


def has_others(run: Run) -> bool:
    """Whether the program can write texts like those that the models of a run have read."""
    if not isinstance(run.settings, RunConfig):
        return False
    corpus = CORPORA.get(run.settings.data.corpus)
    return corpus is not None and corpus.kind != "text"


def reference_of(
    run: Run, model: "Model", tokenizer: "AnyTokenizer", components: "tuple[Component, ...]"
) -> "Reference":
    """What these components do in such texts."""
    from llm_core.interpret.interventions import reference
    from llm_core.interpret.reading import as_batch, read

    assert isinstance(run.settings, RunConfig)
    corpus = CORPORA[run.settings.data.corpus]
    pairs = [text.partition("\t") for text in documents(corpus, _FROM, COUNT)]
    parallel = corpus.kind == "parallel"
    readings = [read(model, tokenizer, other if parallel else text, text if parallel else None) for text, _tab, other in pairs]  # fmt: skip
    return reference(model, components, [as_batch(reading) for reading in readings])
