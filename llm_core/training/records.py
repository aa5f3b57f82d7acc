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


Record = Step | Evaluation | Sample | Snapshot | Finish
