"""What an answer to an inquiry is worked out from."""

from dataclasses import dataclass
from pathlib import Path

from llm_core.interpret.names import names_of
from llm_core.interpret.reading import AnyTokenizer
from llm_core.models.base import Model
from llm_core.runs.history import Row
from llm_core.runs.run import Run
from llm_core.runs.store import Store


@dataclass(frozen=True)
class Subject:
    """What is asked about, and what an answer needs. `step`: None for a question about all steps; then the model is the
    newest. `folder`: where large arrays of the answer go. `known`: rows that were written before."""

    store: Store
    run: Run
    step: int | None
    model: Model
    tokenizer: AnyTokenizer
    folder: Path
    known: tuple[Row, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What the model chooses from: classes, tags or tokens."""
        return names_of(self.model, self.tokenizer, self.run.labels)
