"""What a probe reads is taken out of the stream: does the model still know it? The causal side of probing.

Amnesic probing (Elazar et al. 2021, "Amnesic Probing: Behavioral Explanation with Amnesic Counterfactuals"), with their
control: as many random directions. At the last token before a verb, or 都, a probe reads off how many there are; the
directions by which it does so are set to their mean, one after the other, each found when those before are gone (Ravfogel et
al. 2020, INLP). Then it is counted whether the verb still agrees. A model may lose the answer for other reasons, when the
directions carry more than number; and it may look again in later layers.
"""

from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.interpret import intervals
from llm_core.interpret.ablation.agreement_texts import AgreementText, agreement_texts, ahead, batch_of, chunks
from llm_core.interpret.attention.attention import Floats
from llm_core.interpret.components import Component, site
from llm_core.interpret.geometry.hidden_states import layer_ends
from llm_core.interpret.probes.probes import trained_probe
from llm_core.interpret.reading import AnyTokenizer
from llm_core.models.base import Model
from llm_core.taps import Edit, observe

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Removal:
    """At one place, over `texts` texts that nothing was learned from.

    probe, low, high: how often a probe is right, with a 95 % interval · left: the same of a new probe when the directions
    are gone · before, after: how often the verb agrees · random (draws,): the same when as many random directions are gone ·
    lead_before, lead_after: the mean logit of the right word less the wrong one's.
    """

    place: Component
    probe: float
    low: float
    high: float
    left: float
    before: float
    after: float
    lead_before: float
    lead_after: float
    random: Floats = field(repr=False)
    texts: int


def probe_removal(
    model: Model,
    tokenizer: AnyTokenizer,
    *,
    texts: int = 120,
    language: str = "en",
    directions: int = 4,
    draws: int = 8,
    seed: int = 0,
) -> Generator[float | Removal, None, None]:
    """Yields a place's Removal after the other, and between them the share that is done.

    As many texts teach the probe as are asked about. All have an attractor, so that the nearest noun is no help. Raises
    UserError for a model that does not write left to right, and where its tokens tell no numbers apart.
    """
    asked = agreement_texts(model, tokenizer, 2 * texts, seed, language, attractor=True)
    known, fresh = asked[:texts], asked[texts:]
    labels = [np.array([int(text.several) for text in some]) for some in (known, fresh)]
    places = layer_ends(model, "decoder")
    taps = [site(model, place).tap for place in places]
    seen, _ = _last(model, known, taps)
    here, logits = _last(model, fresh, taps)
    lead = ahead(logits, fresh)
    random = np.random.default_rng(seed)
    yield 0.1
    for number, (place, tap) in enumerate(zip(places, taps, strict=True)):
        vectors, others = seen[number].numpy(), here[number].numpy()
        right = trained_probe(vectors, labels[0], 2).shares(others).argmax(-1) == labels[1]
        found = intervals.share(right.astype(np.float64), np.ones(len(right), dtype=np.int64))
        mean = vectors.astype(np.float64).mean(0)
        axes = probe_axes(vectors, labels[0], directions)
        left = trained_probe(without(vectors, axes, mean), labels[0], 2).shares(without(others, axes, mean)).argmax(-1)
        removed = _lead(model, fresh, tap, axes, mean)
        drawn = []
        for draw in range(draws):
            chance = np.linalg.qr(random.standard_normal((len(mean), directions)))[0].T
            drawn.append(float((_lead(model, fresh, tap, chance, mean) > 0).float().mean()))
            yield 0.1 + 0.9 * (number + (draw + 1) / (draws + 1)) / len(places)
        yield Removal(
            place, float(right.mean()), float(found.low), float(found.high), float((left == labels[1]).mean()),
            float((lead > 0).float().mean()), float((removed > 0).float().mean()), float(lead.mean()), float(removed.mean()),
            np.array(drawn, dtype=np.float32), len(fresh),
        )  # fmt: skip


def probe_axes(vectors: Floats, label: NDArray[np.int64], count: int) -> Array:
    """(count, width) orthonormal: the direction by which a probe tells two labels apart, then that of a new probe on what
    is left, and so on."""
    axes = np.zeros((0, vectors.shape[1]))
    mean = vectors.astype(np.float64).mean(0)
    for _ in range(count):
        reader = trained_probe(without(vectors, axes, mean), label, 2)
        axis = (reader.weights[1] - reader.weights[0]).astype(np.float64)
        axis -= axes.T @ (axes @ axis)
        axes = np.vstack([axes, axis / max(float(np.linalg.norm(axis)), 1e-12)])
    return axes


def without(vectors: Floats, axes: Array, mean: Array) -> Floats:
    """Vectors (N, width) that are along these axes where the mean (width,) is."""
    wide = vectors.astype(np.float64)
    return (wide - (wide - mean) @ axes.T @ axes).astype(np.float32)


def _last(model: Model, texts: list[AgreementText], taps: list[str]) -> tuple[list[Tensor], Tensor]:
    """By tap the vectors (N, width) at the last token of each text, and the logits (N, V) there."""
    device, found, said = next(model.parameters()).device, [], []
    for some in chunks(texts):
        rows, last = torch.arange(len(some)), torch.tensor([len(text.ids) - 1 for text in some])
        with torch.inference_mode(), observe(model, only=taps) as seen:
            said.append(model(batch_of(some).to(device))[rows, last].float().cpu())
        found.append([seen[tap][rows, last].float().cpu() for tap in taps])
    return [torch.cat(parts) for parts in zip(*found, strict=True)], torch.cat(said)


def _lead(model: Model, texts: list[AgreementText], tap: str, axes: Array, mean: Array) -> Tensor:
    """(N,) how far the right word is ahead when the axes are set to the mean at the last token of each text."""
    device, found = next(model.parameters()).device, []
    for some in chunks(texts):
        rows, last = torch.arange(len(some)), torch.tensor([len(text.ids) - 1 for text in some])
        with torch.inference_mode(), observe(model, only=(), edits={tap: _setting(axes, mean, rows, last)}):
            logits = model(batch_of(some).to(device))[rows, last].float().cpu()
        found.append(ahead(logits, some))
    return torch.cat(found)


def _setting(axes: Array, mean: Array, rows: Tensor, last: Tensor) -> Edit:
    def edit(tensor: Tensor) -> Tensor:
        along, middle = torch.from_numpy(axes).to(tensor), torch.from_numpy(mean).to(tensor)
        changed = tensor.clone()
        mine = changed[rows, last]
        changed[rows, last] = mine - (mine - middle) @ along.T @ along
        return changed

    return edit
