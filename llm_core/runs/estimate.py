"""How long a training will take on this machine, and how much memory: in closed form, at once, before anything is made.

The work of a run is counted (`llm_core.models.work`): its updates, its looks at the held-out text with the last one at
all of it, its samples, its snapshots, and the preparation of its text where that is not there yet. What work costs here
was measured (`llm_core.runs.speed`).
"""

import math
from dataclasses import dataclass

from llm_core.config import ModelConfig, NgramConfig, RunConfig, TaskConfig, with_vocabulary_size
from llm_core.data.annotated import ASKED
from llm_core.data.corpora import CORPORA
from llm_core.models.size import count_parameters, estimate_memory
from llm_core.models.work import Work, forward, update, written
from llm_core.runs.slots import default_threads
from llm_core.runs.speed import Part, Speed, kind_of
from llm_core.runs.text_size import TextSize

_LOOK_LOGITS = 1 << 22
_LOOK_ROWS = 64
"""How many rows a look at the held-out text reads at once, as `llm_core.evaluate.language_model` does it."""
_MEASURED_TOKENS = 3072
_TRANSLATED = 128
_CHECKED_WINDOWS = 8
_FILLED = 4
_COUNTED, _SCORED = 5_000_000, 200_000
_BYTES_A_COUNTED_TOKEN = 60
_LOOK_BYTES = 5 * 4 * _LOOK_LOGITS
"""The logits of one look and what is made of them."""
_KEPT_FREE = 1.4
"""What the allocator holds of what training has given back, beside what it needs."""
_NGRAM_ALONE = 3.0
"""An n-gram that is the model itself is counted, looked at twice, and written."""


@dataclass(frozen=True)
class Estimate:
    """`seconds` from the start to the end, somewhere between `low` and `high`, `preparing` of them for the text.

    `memory`: bytes that the process takes at most. `tokens`: read in training, padding left out · `epochs`: how often the
    whole training text is read. `measured`: whether this machine's speed is known, without which the times are a guess.
    """

    seconds: float
    low: float
    high: float
    preparing: float
    memory: int
    parameters: int
    tokens: float
    epochs: float
    measured: bool


@dataclass(frozen=True)
class Item:
    """Some of the work of a run: `work`, done `times` times."""

    part: Part
    work: Work
    times: float


def estimate(config: RunConfig, text: TextSize, speed: Speed, threads: int | None = None) -> Estimate:
    """What a run with these settings takes on a text of this size. Takes far less than a thousandth of a second for each
    setting, so that it can follow a hand. `threads`: of the worker where the settings leave it open."""
    threads = config.training.threads or threads or default_threads()
    speed = speed.on(config.training.device)
    model = sized(config)
    preparing = preparing_seconds(config, text, speed)
    if isinstance(model, NgramConfig):
        counting = _NGRAM_ALONE * speed.rate("count") * (text.training + text.held_out)
        low, high = (counting + preparing) / 1.5, (counting + preparing) * 1.5
        memory = speed.resident + int(_BYTES_A_COUNTED_TOKEN * min(text.training, _COUNTED))
        return Estimate(counting + preparing, low, high, preparing, memory, 0, text.training, 1.0, speed.measured)
    kind = kind_of(model, config.training.objective)
    items = items_of(config, model, text)
    seconds = sum(item.times * speed.seconds(item.part, kind, item.work, threads) for item in items)
    steps = float(config.training.steps)
    if config.training.seconds is not None:  # as many steps as fit into the time
        each = speed.seconds("step", kind, items[0].work, threads)
        steps, seconds = config.training.seconds / each, config.training.seconds
    doubt = speed.doubt(kind, items[0].work, threads)
    tokens = steps * config.training.batch_size * config.training.accumulation * text.row_length(model.context)
    return Estimate(
        seconds=seconds + preparing, low=(seconds + preparing) / (1 + doubt), high=(seconds + preparing) * (1 + doubt),
        preparing=preparing, memory=worker_memory(config, text, speed), parameters=count_parameters(model), tokens=tokens,
        epochs=tokens / max(1.0, text.training), measured=speed.measured,
    )  # fmt: skip


def worker_memory(config: RunConfig, text: TextSize, speed: Speed) -> int:
    """Bytes that a worker takes at most: itself with its libraries, the tensors of a training, and what the n-gram beside it
    counts."""
    model = sized(config)
    row = max(2, round(text.row_length(model.context)))
    body = model.body if isinstance(model, TaskConfig) else model
    shorter: ModelConfig = body.model_copy(update={"context": row})
    if isinstance(model, TaskConfig):
        shorter = model.model_copy(update={"body": shorter})
    compared = 0 if config.data.rows in ASKED else int(_BYTES_A_COUNTED_TOKEN * min(text.training, _COUNTED))
    tensors = estimate_memory(shorter, config.training)
    return speed.resident + max(int(_KEPT_FREE * tensors) + _LOOK_BYTES, tensors + compared)


def sized(config: RunConfig) -> ModelConfig:
    """The model with as many tokens as it may have, and with two labels where the text has not said how many."""
    model = with_vocabulary_size(config.model, config.data.vocabulary_size)
    if isinstance(model, TaskConfig):
        return model.model_copy(update={"labels": model.labels or 2})
    return model


def items_of(config: RunConfig, model: ModelConfig, text: TextSize) -> list[Item]:
    """All the work of a training, its updates first."""
    training, row = config.training, text.row_length(model.context)
    looked_at = min(training.evaluation_tokens, text.held_out)
    step = update(model, training, training.batch_size, row)
    return [
        Item("step", step, training.steps),
        Item("evaluation", look(config, model, row, looked_at), 1 + (training.steps - 1) // training.evaluation_every),
        Item("evaluation", look(config, model, row, text.held_out), 1),
        Item("sample", sample(config, model, row), 2 + (training.steps - 1) // training.sample_every),
        Item("snapshot", snapshot(model), snapshots(training.steps, training.checkpoint_every)),
    ]


def look(config: RunConfig, model: ModelConfig, row: float, tokens: float) -> Work:
    """One look at so many held-out tokens, with what else is measured where the right answer is known."""
    together = _LOOK_ROWS
    if not isinstance(model, TaskConfig) and model.vocabulary_size:
        together = max(1, min(_LOOK_ROWS, int(_LOOK_LOGITS // (row * model.vocabulary_size))))
    batches = max(1, math.ceil(tokens / row / together))
    work = forward(model, tokens / row / batches, row).times(batches)
    known = CORPORA.get(config.data.corpus)
    if known is not None and known.kind in ("grammar", "task") and config.training.objective == "next_token":
        work += forward(model, _MEASURED_TOKENS / row, row)
    if config.data.rows == "pairs":
        work += written(model, row, _TRANSLATED)
    return work


def sample(config: RunConfig, model: ModelConfig, row: float) -> Work:
    """What a model writes, fills in or says of some texts."""
    if isinstance(model, TaskConfig) or config.training.objective not in ("next_token", "sequence_to_sequence"):
        return forward(model, _FILLED, row)
    tokens = row if config.data.rows == "pairs" else config.training.sample_tokens
    return written(model, min(tokens, row) if config.data.rows == "documents" else tokens)


def snapshot(model: ModelConfig) -> Work:
    """The look before a snapshot is kept, and writing it."""
    return forward(model, _CHECKED_WINDOWS, model.context) + Work(0, 4 * count_parameters(model), 0)


def snapshots(steps: int, every: int) -> int:
    """How many are kept: at the beginning, after 1, 2, 3, 4, 6, 8, 12, ... steps, after each `every` of them, at the end."""
    logarithmic = {1 << n for n in range(steps.bit_length())} | {3 << n for n in range(max(0, steps.bit_length() - 1))}
    alone = sum(step < steps and step % every != 0 for step in logarithmic)
    return 2 + alone + (steps - 1) // every


def preparing_seconds(config: RunConfig, text: TextSize, speed: Speed) -> float:
    """Cutting the text into tokens, and counting it for the n-gram beside the curve; nothing where both were done before."""
    known = CORPORA.get(config.data.corpus)
    kind = known.kind if known is not None else "text"
    seconds = 0.0 if text.folder is not None else speed.rate(f"prepare {kind}") * (text.training + text.held_out)
    counted = text.folder is not None and (text.folder / "baselines.json").is_file()
    if not counted and config.data.rows not in ASKED:
        seconds += speed.rate("count") * (min(text.training, _COUNTED) + min(text.held_out, _SCORED))
    return seconds
