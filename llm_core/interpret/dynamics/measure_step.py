"""Measures of what one snapshot of a model does with a text: each a function from the model to labelled values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from llm_core.config import TaskConfig
from llm_core.errors import UserError
from llm_core.interpret.ablation.ablation import Score, loss_of, map_ablations, target_of
from llm_core.interpret.attribution.logit_attribution import attribute_logit
from llm_core.interpret.components import feed_forwards, heads
from llm_core.interpret.dynamics.step_measures import Control, Floats
from llm_core.interpret.dynamics.step_subject import StepSubject
from llm_core.interpret.geometry.hidden_states import hidden_states
from llm_core.interpret.geometry.similarity import similarity
from llm_core.interpret.lenses.logit_lens import Lens, logit_lens
from llm_core.interpret.loss_texts import loss_texts
from llm_core.interpret.reading import as_batch
from llm_core.interpret.target import Target, check_target, is_whole, refuse_two_streams, true_tokens
from llm_core.models.base import Batch, Model
from llm_core.models.transformer import Transformer

_AT_ONCE = 16
"""Copies of a text that an encoder reads together, each with another token hidden."""


@dataclass(frozen=True)
class Values:
    """What a measure finds: values (N,) with their N names, and controls."""

    names: tuple[str, ...]
    values: Floats
    controls: dict[Control, float]


Measure = Callable[[Model, StepSubject], Values]


def probability(model: Model, subject: StepSubject) -> Values:
    """The probability of the target, and of what it is held against where that is a token.

    Controls: 1 / V, and the target's mean probability at all other positions.
    """
    target = subject.target
    shares = _logits(model, subject).softmax(-1)  # (T, V), or (1, K)
    target.direction(shares.shape[-1])  # refuses a token that is not there
    row = 0 if target.position is None else target.position
    known = [("target", target.token)]
    if isinstance(target.against, int):
        known.append(("against", target.against))
    controls: dict[Control, float] = {"chance": 1 / shares.shape[-1]}
    if len(shares) > 1:
        controls["elsewhere"] = float(np.delete(shares[:, target.token].numpy(), row).mean())
    return values_of([name for name, _token in known], shares[row, [token for _name, token in known]].numpy(), controls)


def logit(model: Model, subject: StepSubject) -> Values:
    """The target itself. Control: its mean at all other positions."""
    logits = _logits(model, subject)
    along = (logits @ subject.target.direction(logits.shape[-1]).to(logits)).numpy()  # (T,), or (1,)
    row = subject.target.position or 0
    controls: dict[Control, float] = {"elsewhere": float(np.delete(along, row).mean())} if len(along) > 1 else {}
    return values_of(["target"], along[row : row + 1], controls)


def lens(model: Model, subject: StepSubject) -> Values:
    """The target's probability at the beginning of the stream and after each layer. Control: 1 / V."""
    found = logit_lens(model, subject.reading, top=1, pinned=[subject.target.token])
    rows = _layer_ends(found)
    shares = found.pinned_probabilities[rows, _column(found, subject.target), 0]
    return values_of([str(found.rows[row]) for row in rows], shares, {"chance": 1 / _size(model, subject)})


def divergence(model: Model, subject: StepSubject) -> Values:
    """KL(output || what a layer would say) in nats, at the target's position; 0 after the last layer."""
    found = logit_lens(model, subject.reading, top=1)
    rows = _layer_ends(found)
    return values_of([str(found.rows[row]) for row in rows], found.divergences[rows, _column(found, subject.target)])


def decided(model: Model, subject: StepSubject) -> Values:
    """The number of layers after which the likeliest token is the one of the end, and stays it: at the target's position,
    and on average over all columns of the lens. 0 is the embedding."""
    found = logit_lens(model, subject.reading, top=1)
    best = found.top[_layer_ends(found), :, 0]  # (R, C)
    agrees = best == best[-1]
    late = np.array([int(np.flatnonzero(~column)[-1]) + 1 if not column.all() else 0 for column in agrees.T])
    return values_of(["here", "everywhere"], np.array([late[_column(found, subject.target)], late.mean()]))


def direct(model: Model, subject: StepSubject) -> Values:
    """What every head and feed-forward layer adds to the target directly."""
    found = attribute_logit(model, subject.reading, subject.target, neurons=0)
    return values_of([str(component) for component in found.components], found.contributions)


def ablation(model: Model, subject: StepSubject) -> Values:
    """By how much the target changes when each head and feed-forward layer is set to zero."""
    return _ablations(model, target_of(model, subject.reading, subject.target))


def ablation_loss(model: Model, subject: StepSubject) -> Values:
    """By how much the loss on the text changes then, in nats."""
    asked = loss_texts(model, [subject.reading], mask=getattr(subject.tokenizer, "mask", None), seed=subject.seed)
    return _ablations(model, loss_of(model, asked))


def tokens(model: Model, subject: StepSubject) -> Values:
    """-log of the probability of each token of the text where it should be said, by the token's position.

    Of an encoder with that token alone hidden (Salazar et al. 2020, "Masked Language Model Scoring"). Control: log V.
    """
    if isinstance(model.config, TaskConfig):
        raise UserError("A model for a task says no tokens, so that none can be easy or hard for it.")
    refuse_two_streams(model)
    places, ids, logits = _said(model, subject)
    losses = -logits.double().log_softmax(-1)[range(len(ids)), ids]
    return values_of([str(place) for place in places], losses.numpy(), {"chance": float(np.log(logits.shape[-1]))})


def likeness(model: Model, subject: StepSubject) -> Values:
    """Linear CKA of each layer's vectors on the text with those of the last model. Control: with shuffled tokens, where
    that is highest."""
    found = similarity(hidden_states(model, [subject.reading]), subject.end)
    return values_of(
        [str(place) for place in found.rows],
        found.values.diagonal(),
        {"shuffled": float(found.chance.diagonal().max())},
    )


def _said(model: Model, subject: StepSubject) -> tuple[list[int], list[int], torch.Tensor]:
    """Positions, tokens and logits (N, V) of all tokens that a model is asked to say."""
    reading = subject.reading
    if model.causal:
        logits = _logits(model, subject)
        ids = reading.text.ids[1:]
        return list(range(1, len(ids) + 1)), list(ids), logits[:-1]
    mask = getattr(subject.tokenizer, "mask", None)
    if mask is None:
        raise UserError("What an encoder loses is measured at hidden tokens: its tokenizer needs a mask.")
    truth, spans = true_tokens(model, reading), reading.text.spans
    places = [at for at, token in enumerate(truth) if token is not None and spans[at][1] > spans[at][0]]
    if not places:
        raise UserError("There is no token in this text that could be hidden.")
    assert isinstance(model, Transformer)
    said: list[torch.Tensor] = []
    for start in range(0, len(places), _AT_ONCE):
        some = places[start : start + _AT_ONCE]
        rows = torch.tensor([reading.text.ids] * len(some))
        rows[range(len(some)), some] = mask
        with torch.inference_mode():
            hidden = model.body(Batch(rows.to(_device(model))))[range(len(some)), some]
            said.append(model.head(hidden).float().cpu())  # the head reads no others: a vocabulary is large
    return places, [reading.text.ids[place] for place in places], torch.cat(said)


def _ablations(model: Model, score: Score) -> Values:
    found = list(map_ablations(model, score, (*heads(model), *feed_forwards(model))))
    return values_of([str(each.components[0]) for each in found], np.array([each.change for each in found]))


def _logits(model: Model, subject: StepSubject) -> torch.Tensor:
    """(T, V), or (1, K) of a model that says one thing of the whole text."""
    check_target(model, subject.reading, subject.target)
    with torch.inference_mode():
        found: torch.Tensor = model(as_batch(subject.reading).to(_device(model)))[0].float().cpu()
    return found[None] if is_whole(model) else found


def _layer_ends(found: Lens) -> list[int]:
    return [row for row, place in enumerate(found.rows) if place.kind in ("embedding", "residual_after")]


def _column(found: Lens, target: Target) -> int:
    return len(found.columns) - 1 if target.position is None else target.position


def _size(model: Model, subject: StepSubject) -> int:
    return int(_logits(model, subject).shape[-1])


def _device(model: Model) -> torch.device:
    return next(model.parameters()).device


def values_of(
    names: Sequence[str], values: NDArray[np.generic], controls: dict[Control, float] | None = None
) -> Values:
    """What was found, in fp32."""
    return Values(tuple(names), np.asarray(values, dtype=np.float32), controls or {})
