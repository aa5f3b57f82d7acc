"""Measures of what one snapshot of a model is, or does with random tokens and with many texts, whatever a person types."""

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from llm_core.config import TransformerConfig, network
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import place
from llm_core.interpret.attention.head_scores import score
from llm_core.interpret.circuits.composition import composition
from llm_core.interpret.components import Component, block_name, layer_parts, stack_prefix, streams
from llm_core.interpret.dynamics.measure_step import (
    Measure,
    Values,
    ablation,
    ablation_loss,
    decided,
    direct,
    divergence,
    lens,
    likeness,
    logit,
    probability,
    tokens,
    values_of,
)
from llm_core.interpret.dynamics.step_measures import Control, MeasureName
from llm_core.interpret.dynamics.step_subject import StepSubject
from llm_core.interpret.loss_texts import UNASKED
from llm_core.interpret.outcome import outcome
from llm_core.interpret.probes.probes import probe
from llm_core.models.base import Model
from llm_core.models.size import inner_width


def head_scores(name: str, model: Model, subject: StepSubject) -> Values:
    """One score of every head that has it. Control: the best fixed offset, where there is one, of the last part.

    Raises UserError for a model without attention, and where no head can be asked.
    """
    names: list[str] = []
    shares: list[float] = []
    controls: dict[Control, float] = {}
    for part, by_name in outcome(score(model, subject.exercises, subject.tokenizer)).items():
        if (found := by_name.get(name)) is None:
            continue
        if found.baseline is not None:
            controls["best_offset"] = found.baseline
        for layer, row in enumerate(found.mean):
            names += [str(Component(part, layer, "head", head)) for head in range(len(row))]
            shares += row.tolist()
    if not names:
        raise UserError(
            "An encoder reads all of a text at once: what comes next is nothing that its heads could look for."
        )
    return values_of(names, np.array(shares), controls)


def copying(model: Model, subject: StepSubject) -> Values:
    """The loss in nats on random tokens that come twice: of the first copy from its second token on, and of the second.

    Control: log V. Raises UserError for an encoder and where there is no room for two copies.
    """
    sums, counts, size = np.zeros(2), np.zeros(2), 1
    device = next(model.parameters()).device
    for batch, second in zip(subject.copies.batches, subject.copies.truths, strict=True):
        assert batch.tokens is not None
        first = batch.tokens.roll(-1, 1)
        # What is asked in the second copy begins at its first token; the first copy ends two places before.
        begins = (second != UNASKED).int().argmax(1, keepdim=True)
        at = torch.arange(first.shape[1])[None]
        first = first.masked_fill((at >= begins - 1) | (at < len(subject.tokenizer.begin)), UNASKED)
        with torch.inference_mode():
            logits = model(batch.to(device)).float().cpu()
        size = logits.shape[-1]
        for which, truth in enumerate((first, second)):
            sums[which] += float(F.cross_entropy(logits.flatten(0, 1), truth.flatten(), reduction="sum", ignore_index=UNASKED))  # fmt: skip
            counts[which] += int((truth != UNASKED).sum())
    return values_of(["first", "second"], sums / np.maximum(counts, 1), {"chance": float(np.log(size))})


def compositions(model: Model, subject: StepSubject) -> Values:
    """The composition scores of the pairs that score highest in the last model. Control: the 99th of 100 pairs of heads
    with random weights."""
    found = composition(model)
    rows = {str(head): number for number, head in enumerate(found.heads)}
    scores = [found.scores[kind][rows[str(first)], rows[str(second)]] for kind, first, second in subject.pairs]
    names = [f"{kind} {first} {second}" for kind, first, second in subject.pairs]
    return values_of(names, np.array(scores), {"random_heads": found.baseline.high})


def weights(model: Model, _subject: StepSubject) -> Values:
    """The root mean square of the weights of the embedding, of each attention and of each feed-forward layer."""
    config = network(model.config)
    assert isinstance(config, TransformerConfig)
    reader = stack_prefix(model, streams(model)[0]) if len(streams(model)) == 1 else ""
    names = [str(Component(streams(model)[-1], None, "embedding"))]
    modules = [model.get_submodule(f"{reader}token_embedding")]
    for stream in streams(model):
        for layer in range(config.layers):
            for part in layer_parts(model, stream):
                names.append(str(Component(part, layer, "attention")))
                modules.append(model.get_submodule(place(model, part, layer)))
            if inner_width(config):
                names.append(str(Component(stream, layer, "feed_forward")))
                modules.append(model.get_submodule(f"{block_name(model, stream, layer)}.feed_forward"))
    return values_of(names, np.array([_size(module) for module in modules]))


def selectivity(model: Model, subject: StepSubject) -> Values:
    """What a linear probe at the beginning of the stream and after each layer gets right, less what one gets right whose
    labels are drawn at random by word."""
    found = list(probe(model, subject.labelled, subject.seed))
    return values_of([str(each.place) for each in found], np.array([each.selectivity for each in found]))


def _size(module: nn.Module) -> float:
    matrices = [parameter.detach().float() for parameter in module.parameters() if parameter.ndim >= 2]
    return float((sum(float(each.square().sum()) for each in matrices) / sum(each.numel() for each in matrices)) ** 0.5)


FUNCTIONS: dict[MeasureName, Measure] = {
    "probability": probability,
    "logit": logit,
    "lens": lens,
    "divergence": divergence,
    "decided": decided,
    "direct": direct,
    "ablation": ablation,
    "ablation_loss": ablation_loss,
    "tokens": tokens,
    "previous_token": partial(head_scores, "previous_token"),
    "duplicate_token": partial(head_scores, "duplicate_token"),
    "induction": partial(head_scores, "induction"),
    "copying": copying,
    "composition": compositions,
    "similarity": likeness,
    "weights": weights,
    "probe": selectivity,
}
"""How each measure of the table is taken."""
