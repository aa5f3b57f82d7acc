"""What a run of the kind "inquiry" is: one question about the model of another run that takes over a second to answer.

Each method has its own question, in JSON told apart by `method`. The same question has the same digest, so that it is
answered once, whoever asks.
"""

import hashlib
import json
from typing import Annotated, Literal, get_args

from pydantic import Field

from llm_core.config import Config, setting
from llm_core.errors import N_
from llm_core.interpret.dynamics.step_measures import MeasureName

Against = Annotated[int, Field(ge=0)] | Literal["others"] | None
"""What a token is held against: another one, the mean of all others, or nothing."""


class TextQuestion(Config):
    """A question about what a model does with one text. `source`: that of an encoder-decoder, else empty. `token`: the
    position whose prediction is explained, None where the model says one thing of the whole text; `target` is explained.
    """

    text: str = Field(max_length=20_000)
    source: str = Field(default="", max_length=20_000)
    token: int | None = Field(default=None, ge=0)
    target: int = Field(default=0, ge=0)
    against: Against = None


class PatchingQuestion(TextQuestion):
    """Which place brings the answer back when it is carried over; `other` stands in place of the source where there is
    one, else of the text."""

    method: Literal["patching"] = "patching"
    other: str = Field(max_length=20_000)
    where: Literal["residual", "attention", "feed_forward", "heads", "head"] = "residual"
    part: Literal["decoder", "encoder", "cross"] = "decoder"


class PathsQuestion(TextQuestion):
    """What every piece says to a receiver, the logits where it is empty; a head hears it by all or by one of its inputs.
    `other` as in `PatchingQuestion`."""

    method: Literal["paths"] = "paths"
    other: str = Field(max_length=20_000)
    receiver: str = Field(default="", max_length=60)
    heard_by: Literal["all", "queries", "keys", "values"] = "all"


class AblationQuestion(TextQuestion):
    """What is lost without each piece, or each token; or without the `chosen` pieces beside others of their kinds.
    `instead`: what takes their place."""

    method: Literal["ablation"] = "ablation"
    of: Literal["pieces", "tokens", "others"] = "pieces"
    chosen: Annotated[tuple[str, ...], Field(strict=False, max_length=1_000)] = ()
    measure: Literal["target", "loss"] = "target"
    instead: Literal["zero", "mean", "resample"] = "zero"


class InputsQuestion(TextQuestion):
    """How much each token of the text adds, `by` which method; Shapley sampling puts the tokens in so many `orders`. The scores
    are tested beside so many random orders, with 0 not at all."""

    method: Literal["inputs"] = "inputs"
    by: Literal["integrated_gradients", "gradient_input", "occlusion", "shapley"] = "integrated_gradients"
    orders: int = Field(default=6, ge=1, le=1_000)
    random_orders: int = Field(default=20, ge=0, le=200)


class TunedLensQuestion(Config):
    """What each place of the stream would say if it spoke as the end does, learnt on so many texts and judged on as many
    others."""

    method: Literal["tuned_lens"] = "tuned_lens"
    steps: int = Field(default=200, ge=1, le=10_000)
    texts: int = Field(default=48, ge=2, le=2_000)
    seed: int = Field(default=0, ge=0)


class TrainingQuestion(TextQuestion):
    """How a measure goes over the steps of training, up to the step `until`: the newest that there is. One that is not
    about a text has none."""

    method: Literal["training"] = "training"
    measure: MeasureName
    until: int = Field(ge=0)


class ProbesQuestion(Config):
    """What linear probes read off the stream at each layer, about a property that a grammar knows of its texts."""

    method: Literal["probes"] = "probes"
    about: Literal["part_of_speech", "entity", "number", "depth", "position"] = "part_of_speech"
    texts: int = Field(default=200, ge=10, le=2_000)
    language: Literal["en", "zh"] = "en"
    seed: int = Field(default=0, ge=0)


class ProofQuestion(Config):
    """Which heads do a known thing by what they look at, or write, and whether it fails without them. `draws`: of other
    heads, at most as many as a strip of marks can show."""

    method: Literal["proof"] = "proof"
    about: Literal["induction", "previous_token", "duplicate_token", "successor", "subject"] = "induction"
    texts: int = Field(default=64, ge=4, le=1_000)
    draws: int = Field(default=50, ge=1, le=400)
    seed: int = Field(default=0, ge=0)


class RemovalQuestion(Config):
    """Whether a verb still agrees when what a probe reads of its number is taken out of the stream."""

    method: Literal["probe_removal"] = "probe_removal"
    texts: int = Field(default=120, ge=20, le=1_000)
    language: Literal["en", "zh"] = "en"
    directions: int = Field(default=4, ge=1, le=32)
    draws: int = Field(default=8, ge=1, le=100)
    seed: int = Field(default=0, ge=0)


class TsneQuestion(Config):
    """Where t-SNE draws the vectors of the vocabulary, or hidden states: after a layer, -1 before the first, None at all."""

    method: Literal["tsne"] = "tsne"
    vectors: Literal["input", "output", "states"] = "input"
    layer: int | None = Field(default=None, ge=-1)
    texts: int = Field(default=12, ge=1, le=200)
    dimensions: Literal[2, 3] = 2
    language: Literal["en", "zh"] = "en"
    seed: int = Field(default=0, ge=0)


class FeaturesQuestion(Config):
    """A sparse autoencoder of one place: how many features it has, how many of them speak at once, and how long it is
    trained on how many texts."""

    method: Literal["features"] = "features"
    place: str = Field(default="decoder.1.residual_after", max_length=60)
    features: int = Field(default=512, ge=8, le=8192)
    k: int = Field(default=16, ge=1, le=256)
    steps: int = Field(default=1000, ge=1, le=20_000)
    texts: int = Field(default=600, ge=10, le=5_000)
    seed: int = Field(default=0, ge=0)


class SteeringQuestion(Config):
    """How a direction moves a model, by strength and by place. `source`: two sets of texts, `wanted` and `others`; the
    token `number`, held against another one or against the mean of all; the neuron or the feature `number` of `place`'s layer. `tried`: texts that are written on from, or whose
    hidden token is asked for; `words`: what is wanted there."""

    method: Literal["steering"] = "steering"
    source: Literal["texts", "token", "neuron", "feature"] = "texts"
    wanted: tuple[Annotated[str, Field(max_length=2_000)], ...] = Field(strict=False, default=(), max_length=64)
    others: tuple[Annotated[str, Field(max_length=2_000)], ...] = Field(strict=False, default=(), max_length=64)
    number: int = Field(default=0, ge=0)
    against: int | None = Field(default=None, ge=0)
    place: str = Field(max_length=60)
    tried: tuple[Annotated[str, Field(max_length=2_000)], ...] = Field(strict=False, max_length=64)
    words: tuple[Annotated[str, Field(max_length=100)], ...] = Field(strict=False, max_length=32)
    seed: int = Field(default=0, ge=0)


Question = Annotated[
    PatchingQuestion
    | PathsQuestion
    | SteeringQuestion
    | FeaturesQuestion
    | AblationQuestion
    | InputsQuestion
    | TunedLensQuestion
    | ProofQuestion
    | ProbesQuestion
    | RemovalQuestion
    | TsneQuestion
    | TrainingQuestion,
    Field(discriminator="method"),
]
"""Every kind of question; of several, told apart by their `method`."""
METHODS = frozenset(kind.model_fields["method"].default for kind in get_args(get_args(Question)[0]))
"""The names of all."""


class InquiryConfig(Config):
    """run: the id of the run whose model is asked about, or the name of a bundled model · step: of its training; None for
    a question about all of them, and for the newest."""

    run: str
    step: int | None = Field(default=None, ge=0)
    question: Question
    threads: int | None = setting(None, N_("Threads"), N_("Processor threads; empty lets the program choose."), ge=1, le=256)  # fmt: skip

    @property
    def digest(self) -> str:
        """16 hex characters that only this question about this step of this run has."""
        values = self.model_dump(mode="json", exclude={"threads"})
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode("utf-8", "replace")).hexdigest()[:16]
