"""What a training run yields. Plain frozen data: a test is `list(train(...))`, a history file is these as lines."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from llm_core.training.state import TrainingState


@dataclass(frozen=True, slots=True)
class Step:
    """One optimizer update.

    `loss` in nats per token over its batch, before the update; `seconds` of training so far; `gradient_norm` before
    clipping, 0 where fp16 overflowed and no update was made. Every number is finite.
    """

    step: int
    tokens: int
    seconds: float
    loss: float
    learning_rate: float
    gradient_norm: float
    tokens_per_second: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A look at the held-out text. `loss` in nats per token. `whole`: all of it was scored, not a part.

    `perplexity` and `bits_per_character` are None where the objective has none: hidden tokens do not make up a text.
    `measures`: shares from 0 to 1 of what is right, by name, where the truth is known: "accuracy" of a task or of
    hidden tokens, "skill.agreement" and so on of a grammar; "exact_match" and "chrf" of translations.
    """

    step: int
    tokens: int
    seconds: float
    loss: float
    perplexity: float | None
    bits_per_character: float | None
    whole: bool
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """What the model writes after a prompt at this step, or in place of it where it translates or fills in.

    `reference`: the translation that the text has, where the prompt is one of its held-out sentences; the sentence
    itself, where some of its tokens were hidden.
    """

    step: int
    prompt: str
    text: str
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Layers:
    """Euclidean norms by part of the model, in the order in which a text goes through it.

    `gradient` of this step's update, before clipping; `weight` after it; `update`: of what it has changed. The squares
    of the gradients add up to that of the Step's `gradient_norm`. None where fp16 overflowed.
    """

    step: int
    names: list[str]
    gradient: list[float | None]
    weight: list[float | None]
    update: list[float | None]


@dataclass(frozen=True, slots=True)
class FixedText:
    """The held-out text whose tokens are looked at again and again, once, before its first `Text`.

    `unigram`: nats that each token costs by how often it stands in the training text; `threshold`: nats below which it
    counts as easy (`llm_core.evaluate.easy_tokens`). None for a token that is never asked for.
    """

    step: int
    pieces: list[str]
    ids: list[int]
    unigram: list[float | None]
    threshold: list[float | None]


@dataclass(frozen=True, slots=True)
class Text:
    """Nats per token of the fixed text at this step, None where nothing is asked."""

    step: int
    losses: list[float | None]


@dataclass(frozen=True, slots=True)
class OpenedRow:
    """One row of a batch as people read it. `pieces` (L,) of its tokens, padding left out.

    `losses` (L,): nats of each token that was asked for, None for the others · `read` (L,): what the model saw in their
    place, where tokens were hidden · `source`: the sentence that it translates · `wanted` (L,): the right tags of words
    · `label`: the right class of the whole row, and `label_loss`, its nats. None where there is no such thing.
    """

    pieces: list[str]
    losses: list[float | None]
    read: list[str] | None = None
    source: list[str] | None = None
    wanted: list[str | None] | None = None
    label: str | None = None
    label_loss: float | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """Everything about one update. Comes before its Step.

    `share` of the highest learning rate that the schedule gives at `progress` (0 to 1) · `gradient_norm` before
    clipping; `cut`: what the gradient was multiplied with by a `clipping` · lists by part of the model, named by
    `names`: norms of the gradient before clipping, of the `weight` before the update and of the `update`, and
    `relative`: update / weight · `loss_before` and `loss_after` the update in nats per token of the same batch, without
    dropout, and for "next_sentence" also what it costs to tell whether the second sentence follows, which no row has ·
    `rows` of the batch, the first ones of `rows_in_batch` · `asked`: how many targets it has.
    """

    step: int
    learning_rate: float
    schedule: str
    share: float
    progress: float
    gradient_norm: float | None
    clipping: float | None
    cut: float | None
    names: list[str]
    gradient: list[float | None]
    weight: list[float | None]
    update: list[float | None]
    relative: list[float | None]
    loss_before: float | None
    loss_after: float | None
    rows_in_batch: int
    asked: int
    rows: list[OpenedRow]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment to keep. Its state may be read only until the generator is advanced; write it before going on.

    `full`: a run can go on from here (optimizer and all); otherwise weights to look back at.
    """

    step: int
    full: bool
    state: "TrainingState"


@dataclass(frozen=True, slots=True)
class Finish:
    """The last record. `diverged` names the step at which the loss stopped being usable in `step`."""

    step: int
    reason: Literal["finished", "diverged"]


Record = Step | Evaluation | Sample | Layers | FixedText | Text | Opened | Snapshot | Finish
