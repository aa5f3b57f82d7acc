"""What is refused before a run folder is made. A refused input leaves nothing behind."""

import contextlib
import shutil
import tempfile
from pathlib import Path

from llm_core.config import DataConfig, ModelConfig, NgramConfig, RunConfig, TaskConfig, with_vocabulary_size
from llm_core.data.corpora import CORPORA
from llm_core.data.generated import check_rows, counts, generated
from llm_core.data.prepare import TokenizedCorpus, prepare, require_length, with_vocabulary
from llm_core.data.sides import Progress
from llm_core.data.source import pieces
from llm_core.models.size import check_size

SMALL = 200_000
LOOKED_AT = 2_000_000
FEW = {"documents": 200, "pairs": 2000, "labelled": 500, "tagged": 400, "questions": 200}
"""By what a row is: so many that hardly a word stands there only once, to be spelled out and make a text longer."""


def refuse_impossible(config: RunConfig, corpora: Path) -> None:
    """What a page checks, within about a second, before it makes a run. Raises UserError with the first fault.

    A small text of one's own is prepared outright. Of a larger one the first two million characters are looked at, of
    one that is written here some documents; a fault further back, or a context longer than the text, comes out when
    the worker prepares it.
    """
    if not isinstance(config.model, NgramConfig):
        check_size(_smallest(config.model))
    check_rows(config.data)
    if generated(config.data) and config.data.rows != "windows":
        with tempfile.TemporaryDirectory(prefix="terrarium-") as trial:
            require_length(prepare(few_documents(config.data), Path(trial)), config.model.context)
    if config.data.corpus in CORPORA:
        return
    seen = 0
    for _, text in pieces(config.data):
        seen += len(text)
        if seen > LOOKED_AT:
            return
    if seen <= SMALL:
        prepared(config, corpora)


def few_documents(data: DataConfig) -> DataConfig:
    """The same text, written by this program, with a few documents."""
    return data.model_copy(update={"documents": min(sum(counts(data)), FEW[data.rows])})


def _smallest(model: ModelConfig) -> ModelConfig:
    """The model as small as it can become, where its text decides how large it is."""
    if isinstance(model, TaskConfig):
        model = model.model_copy(update={"labels": model.labels or 1})
    return with_vocabulary_size(model, model.vocabulary_size or 2)


def prepared(config: RunConfig, corpora: Path, progress: Progress | None = None) -> TokenizedCorpus:
    """The tokenized corpus, once it is sure that it fits the model. Raises UserError where it does not."""
    missing = [folder for folder in (corpora, corpora.parent) if not folder.exists()]
    known = {path.name for path in corpora.iterdir()} if not missing else set()
    corpus = None
    try:
        corpus = prepare(config.data, corpora, progress)
        require_length(corpus, config.model.context)
        model = with_vocabulary(config.model, corpus)
        if not isinstance(model, NgramConfig):
            check_size(model)
        return corpus
    except BaseException:
        if corpus is not None and corpus.folder.name not in known:
            shutil.rmtree(corpus.folder, ignore_errors=True)
        for folder in missing:
            with contextlib.suppress(OSError):  # not empty: somebody else needs it
                folder.rmdir()
        raise
