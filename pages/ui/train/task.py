"""What a run learns to do, as far as the page Train says it in other words."""

from llm_core.config import READING, RunConfig, TaskConfig
from llm_core.data.corpora import CORPORA
from llm_core.runs.run import Run
from pages.ui.text import _


def no_floor(run: Run) -> str:
    """Why no curve of this run can have a floor, where that is known before its text is read; else empty."""
    from llm_core.evaluate.floor import HIDDEN, NO_TRANSLATIONS, NO_WRITING, UNKNOWN

    corpus = CORPORA.get(run.config.data.corpus)
    if reads(run):
        return _(HIDDEN.template)
    if answers(run):
        return _(NO_WRITING.template)
    if corpus is not None and corpus.kind == "parallel":
        return _(NO_TRANSLATIONS.template)
    return "" if corpus is not None and corpus.kind != "text" else _(UNKNOWN.template)


def reads(run: Run) -> bool:
    """Whether its model learns to fill in what is hidden from it, and does not write."""
    return isinstance(run.settings, RunConfig) and run.settings.training.objective in READING


def answers(run: Run) -> bool:
    """Whether its model learns to say something of a text: its class, its entities, the answer to a question."""
    return isinstance(run.settings, RunConfig) and isinstance(run.settings.model, TaskConfig)
