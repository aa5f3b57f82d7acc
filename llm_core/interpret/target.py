"""What an attribution explains: one number, made of the logits at one position.

It is the logit of a token, or that minus another one's ("why *are* and not *is*"), or minus the mean of all others. A
softmax changes nothing about the last two. The same for the next token, a masked token, a tag, and a class.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from llm_core.config import TaskConfig
from llm_core.data.vocabulary import MASK
from llm_core.errors import UserError
from llm_core.interpret.reading import Reading
from llm_core.models.base import Model

Against = int | Literal["others"] | None


@dataclass(frozen=True)
class Target:
    """The logit of `token` at `position`, minus that of `against`: another token, the mean of all others, or nothing.

    Positions count from 0 in the tokens that are read, control tokens included; what a decoder says at position p is the
    token that comes after it. A model that classifies a whole text has one answer: there `position` is None and `token`
    is a class, of a tagger a tag. Of a model that looks up an answer, 0 is where it begins and 1 where it ends.
    """

    position: int | None
    token: int
    against: Against = None

    def direction(self, size: int) -> Tensor:
        """c (V,) fp32 such that the target is c times the logits. Raises UserError for a token that is not there."""
        for token in (self.token, self.against):
            if isinstance(token, int) and not 0 <= token < size:
                raise UserError("There is no token or class {token}: there are {count}, counted from 0.", token=token, count=size)  # fmt: skip
        if self.against == self.token:
            raise UserError("A token cannot be compared with itself; choose another one.")
        chosen = torch.zeros(size)
        if self.against == "others":
            chosen -= 1 / max(1, size - 1)
        elif self.against is not None:
            chosen[self.against] = -1.0
        chosen[self.token] = 1.0
        return chosen

    def of(self, logits: Tensor) -> Tensor:
        """The target (B,) of logits (B, T, V), or (B, K) where a whole text is classified. Gradients flow."""
        direction = self.direction(logits.shape[-1]).to(logits)
        return (logits if self.position is None else logits[:, self.position]) @ direction


def is_whole(model: Model) -> bool:
    """Whether a model says one thing of the whole text, and nothing at each position."""
    return isinstance(model.config, TaskConfig) and model.config.task == "classify"


def refuse_two_streams(model: Model) -> None:
    """Raises UserError for a model that predicts from a stream beside the one that is seen (Yang et al. 2019)."""
    if getattr(model.config, "query_stream", False):
        raise UserError("This model predicts by a second stream, which knows a place and not its token (XLNet); what it says is not taken apart here.")  # fmt: skip


def check_target(model: Model, reading: Reading, target: Target) -> None:
    """Raises UserError where a target has a position and the model none, or none and the model many, or one too far, and
    as `refuse_two_streams` does."""
    refuse_two_streams(model)
    count = len(reading.text.ids)
    if is_whole(model):
        if target.position is not None:
            raise UserError("This model says one thing of the whole text: its target has no position.")
    elif target.position is None or not 0 <= target.position < count:
        raise UserError("There is no position {position}: the text has {count} tokens, counted from 0.", position=target.position, count=count)  # fmt: skip


def true_tokens(model: Model, reading: Reading) -> tuple[int | None, ...]:
    """(T,) the token that each position should say: of a decoder the one that comes next, of an encoder the one that
    stands there; None where nobody knows, as at a mask or after the last token, and in a model for a task."""
    ids = reading.text.ids
    if isinstance(model.config, TaskConfig):
        return (None,) * len(ids)
    if model.causal:
        return (*ids[1:], None)
    shown = zip(ids, reading.text.tokens, strict=True)
    return tuple(None if token == MASK else number for number, token in shown)


def likeliest_target(model: Model, reading: Reading, logits: Tensor | Sequence[Sequence[float]]) -> Target:
    """What to ask first: the likeliest token against the second at the last position of a text that goes on, at the
    first mask, or of its class. logits (T, V), or (K,) of a whole text."""
    scores = torch.as_tensor(logits)
    if is_whole(model):
        position, row = None, scores if scores.ndim == 1 else scores[-1]
    else:
        masked = [place for place, token in enumerate(reading.text.tokens) if token == MASK and not model.causal]
        position = masked[0] if masked else len(reading.text.ids) - 1
        row = scores[position]
    best = row.topk(min(2, len(row))).indices.tolist()
    return Target(position, best[0], best[1] if len(best) > 1 else None)
