"""What is known to be impossible before a run is asked for: quick enough to be looked at with every turn of a knob.

`llm_core.runs.check` looks again, at the text itself, before a folder is made.
"""

import functools
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from llm_core.config import Config, DataConfig, NgramConfig, RunConfig, TaskConfig, TrainingConfig, network
from llm_core.data.corpora import CORPORA
from llm_core.data.generated import check_rows, generated
from llm_core.data.prepare import TokenizedCorpus, prepare, require_length
from llm_core.data.tokenizers import check_vocabulary
from llm_core.errors import Setting, UserError
from llm_core.models.size import check_size, smaller
from llm_core.nearest import largest
from llm_core.runs.check import FEW, SMALL, few_documents
from llm_core.runs.estimate import sized, worker_memory
from llm_core.runs.memory import SHARE
from llm_core.runs.speed import Speed
from llm_core.runs.text_size import TextSize

Outcome = tuple[TokenizedCorpus | None, UserError | None]


@dataclass(frozen=True)
class Trial:
    """What preparing a small text, or a part of one, has shown: `vocabulary`, how many tokens it has."""

    vocabulary: int
    fault: UserError | None = None


def refuse_settings(config: RunConfig, text: TextSize, speed: Speed) -> None:
    """What a look at the settings alone shows. Raises UserError with the nearest values that work; takes milliseconds."""
    check_rows(config.data)
    data, training = config.data, config.training
    check_vocabulary(data.tokenizer, data.vocabulary_size, data.byte_fallback, data.mask_token)
    if isinstance(config.model, NgramConfig):
        return
    check_size(sized(config))
    refuse_overlap(training)
    refuse_memory(config, text, speed, int(psutil.virtual_memory().total * SHARE))


def refuse_overlap(training: TrainingConfig) -> None:
    """Raises UserError where a learning rate is to fall before it has risen, so that it never gets to its height."""
    if training.schedule != "warmup_stable_decay" or training.warmup + training.decay <= 1 + 1e-9:
        return
    raise UserError(
        "Warm-up ({warmup}) and decay ({decay}) are together longer than the run, so that the learning rate would never reach its height; together they may be 1 at most.",
        warmup=training.warmup, decay=training.decay,
    ).suggesting({
        "training.warmup": (_tidy(1 - training.decay),), "training.decay": (_tidy(1 - training.warmup),),
        "training.schedule": ("cosine",),
    })  # fmt: skip


def refuse_memory(config: RunConfig, text: TextSize, speed: Speed, limit: int) -> None:
    """Raises UserError where a worker would take more than `limit` bytes."""
    need = worker_memory(config, text, speed)
    if need <= limit:
        return

    def fits(section: str, **changes: Setting) -> bool:
        part: Config = getattr(config, section)
        if isinstance(part, TaskConfig):
            changes = {"body": part.body.model_copy(update=changes)}  # type: ignore[dict-item]
        changed = config.model_copy(update={section: part.model_copy(update=changes)})
        return worker_memory(changed, text, speed) <= limit

    rows = largest(1, config.training.batch_size - 1, lambda rows: fits("training", batch_size=rows))
    context = largest(2, network(config.model).context - 1, lambda context: fits("model", context=context))
    ways: dict[str, tuple[Setting, ...]] = {}
    if rows is not None:
        ways["training.batch_size"] = (_round(rows),)
    if context is not None and text.row is None:
        ways["model.context"] = (_round(context),)
    ways |= smaller(sized(config), lambda model: worker_memory(config.model_copy(update={"model": model}), text, speed) <= limit)  # fmt: skip
    raise UserError(
        "Training would take about {need} MB of memory; this computer has {have} MB for it. Use fewer rows in a batch, a shorter context or a smaller model.",
        need=round(need / 1e6), have=round(limit / 1e6),
    ).suggesting(ways)  # fmt: skip


def tried(
    config: RunConfig, raw: bytes | None, name: str, encoding: str | None = None, column: str | None = None
) -> Trial | None:
    """What a trial shows of a text that is quickly prepared; None where nothing has to be tried, or it would take long.

    `raw`, `name`, `encoding`, `column`: a person's own text as it came, None for an embedded one. The text is prepared once for all settings
    of the model; the length of its rows is compared each time.
    """
    data, context = config.data, config.model.context
    if raw is not None:
        if len(raw) > SMALL:
            return None
        own = data.model_copy(update={"corpus": name, "encoding": encoding, "text_column": column})
        return _compared(_tried_own(own, raw), context)
    if generated(data) is None or data.rows == "windows" or _as_it_comes(data, context):
        return None
    return _compared(_tried_few(few_documents(data)), context)


def _as_it_comes(data: DataConfig, context: int) -> bool:
    """Whether a text is cut as it wants to be, into rows that are known to fit."""
    defaults = CORPORA[data.corpus].defaults
    model: Any = defaults.get("model", {})
    fits: int = model.get("context") or model.get("body", {}).get("context", 1 << 30)
    usual = defaults.get("data", {})
    same = all(getattr(data, name) == usual.get(name) for name in ("tokenizer", "rows"))
    same = same and (data.documents or FEW[data.rows]) >= FEW[data.rows]
    return same and data.vocabulary_size >= usual["vocabulary_size"] and context >= fits


def _compared(outcome: Outcome, context: int) -> Trial:
    corpus, fault = outcome
    if corpus is None:
        return Trial(0, fault)
    try:
        require_length(corpus, context)
    except UserError as error:
        return Trial(corpus.tokenizer.vocabulary_size, error)
    return Trial(corpus.tokenizer.vocabulary_size)


@functools.lru_cache(maxsize=8)
def _tried_few(data: DataConfig) -> Outcome:
    return _in_passing(data)


@functools.lru_cache(maxsize=8)
def _tried_own(data: DataConfig, raw: bytes) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="terrarium-") as folder:
        path = Path(folder) / f"text{Path(data.corpus).suffix.lower()}"
        path.write_bytes(raw)
        return _in_passing(data.model_copy(update={"corpus": str(path)}))


def _in_passing(data: DataConfig) -> Outcome:
    """A text prepared where nobody sees it, its tokens in memory, or why it cannot be."""
    try:
        with tempfile.TemporaryDirectory(prefix="terrarium-") as place:
            corpus = prepare(data, Path(place))
            return replace(corpus, training=corpus.training.copy(), held_out=corpus.held_out.copy()), None
    except UserError as error:
        return None, error


def _tidy(share: float) -> float:
    return round(max(0.0, share), 4)


def _round(number: int) -> int:
    """The largest number not above it of which all digits but two in binary are zero: 1, 2, 3, 4, 6, 8, 12, 16, ..."""
    power = 1 << (number.bit_length() - 1)
    return power + power // 2 if power >= 2 and number >= power + power // 2 else power
