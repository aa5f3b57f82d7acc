"""What every snapshot of a run is measured on: the same text, the same random texts, the same end to be compared with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from llm_core.errors import UserError
from llm_core.interpret.attention.attention import Part
from llm_core.interpret.attention.head_scores import Exercise, exercises
from llm_core.interpret.circuits.composition import Kind, composition
from llm_core.interpret.circuits.proof_texts import copying_texts
from llm_core.interpret.components import Component
from llm_core.interpret.geometry.hidden_states import HiddenStates, hidden_states
from llm_core.interpret.loss_texts import LossTexts
from llm_core.interpret.probes.probe_labels import LabelledTokens, Property, labelled_tokens
from llm_core.interpret.reading import AnyTokenizer, Reading
from llm_core.interpret.reading_out import spoken
from llm_core.interpret.target import Target
from llm_core.models.base import Model

PAIRS = 12
_TEXTS = 24
_PROBED = 120


@dataclass(frozen=True)
class StepSubject:
    """`last`: the model at the newest step, in eval mode: what is followed is chosen there, and all else is compared
    with it. `vocabulary`: the tokens that random texts are drawn from. `language`: of the texts for probes, None where
    the model speaks none.

    What costs time is made once, when the first measure needs it.
    """

    last: Model
    tokenizer: AnyTokenizer
    reading: Reading
    target: Target
    vocabulary: Sequence[int] = field(repr=False)
    language: str | None = "en"
    seed: int = 0

    @cached_property
    def stream(self) -> Part:
        """The stream that is read out. Raises UserError where none is."""
        return spoken(self.last)

    @cached_property
    def end(self) -> HiddenStates:
        """What the last model's stream holds on the text."""
        return hidden_states(self.last, [self.reading])

    @cached_property
    def pairs(self) -> tuple[tuple[Kind, Component, Component], ...]:
        """The pairs of heads that compose most in the last model."""
        found = composition(self.last).strongest(PAIRS)
        if not found:
            raise UserError("In this model no head comes after another one, so that none can read what another writes.")
        return tuple((kind, first, second) for kind, first, second, _score in found)

    @cached_property
    def exercises(self) -> tuple[Exercise, ...]:
        """Random tokens that come twice, with questions to heads."""
        return exercises(
            self.last, self.tokenizer, texts=_TEXTS, seed=self.seed, language=None, vocabulary=self.vocabulary
        )

    @cached_property
    def copies(self) -> LossTexts:
        """The same with what should be said in the second copy."""
        if not self.last.causal:
            raise UserError("Copying is measured of models that write from left to right; this one is an encoder.")
        return copying_texts(self.last, self.tokenizer, self.vocabulary, _TEXTS, self.seed)

    @cached_property
    def labelled(self) -> LabelledTokens:
        """Words of stories with their number; of Chinese ones, which show none, with their part of speech."""
        if self.language is None:
            raise UserError("This model speaks no language whose words a probe could be asked about.")
        about: Property = "number" if self.language == "en" else "part_of_speech"
        return labelled_tokens(
            self.last, self.tokenizer, about, texts=_PROBED, language=self.language, seed=self.seed
        )  # fmt: skip
