"""Which tokens of what a model reads made it say a token, a masked token, a tag or a class: by four methods beside each other.

All of them explain a `Target`, so that "why *are* and not *is*" is asked of each in the same way. Positive scores speak for
the target. What a token is compared with, where a method compares, is a vector in its place that says nothing: the mask of
an encoder that was trained with one, otherwise the mean of the vectors of all tokens. The control tokens around a text stay.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.config import TransformerConfig
from llm_core.data.tokenizers import Tokenizer
from llm_core.errors import N_
from llm_core.interpret.attention.attention import parts
from llm_core.interpret.attribution.vector_attribution import complete, gradient_times_vector, integrate
from llm_core.interpret.geometry.token_vectors import input_vectors
from llm_core.interpret.reading import AnyTokenizer, Reading, Side
from llm_core.interpret.target import Target, check_target
from llm_core.models.base import Batch, Model

Method = Literal["gradient_input", "integrated_gradients", "occlusion", "shapley"]
METHODS: dict[Method, str] = {
    "gradient_input": N_("Gradient × input"),
    "integrated_gradients": N_("Integrated gradients"),
    "occlusion": N_("Occlusion"),
    "shapley": N_("Shapley sampling"),
}
"""Name of each method in links and files, and on screen."""

Floats = NDArray[np.float64]
_TOKENS_AT_ONCE = 4096


@dataclass(frozen=True)
class InputAttribution:
    """text (T,), source (S,): what each token of a text, and of the source of an encoder-decoder, adds to the target.

    value: the target · baseline: the target where every token says nothing, where the method compares with that ·
    delta: sum of scores minus (value - baseline), where the method promises that it is 0 · steps: points of an integral,
    or orders in which Shapley sampling has put the tokens · errors: standard errors of the scores of text and source
    together, source first, where they are estimated from random orders.
    """

    method: Method
    target: Target
    text: Floats
    source: Floats
    value: float
    baseline: float | None = None
    delta: float | None = None
    steps: int | None = None
    errors: Floats | None = None

    @property
    def complete(self) -> bool | None:
        """Whether the scores add up to the difference to the baseline within 1 %; None where that is not promised."""
        if self.delta is None or self.baseline is None:
            return None
        return complete(self.delta, self.value - self.baseline)

    @property
    def scores(self) -> Floats:
        """(S + T,) of source and text together, source first: the order of `Explained`."""
        return np.concatenate((self.source, self.text))


class Explained:
    """A reading and its target as a function of the vectors of N = S + T tokens, source first.

    vectors (N, width): of the tokens as they are · nothing (N, width): in their place, what says nothing · free (N,):
    which differ, the tokens that can be taken away. In a decoder, what comes after the target cannot matter and is cut
    off: there N counts the rest alone, and `length` the tokens of the text among them.
    """

    def __init__(self, model: Model, tokenizer: AnyTokenizer, reading: Reading, target: Target) -> None:
        """Raises UserError for a target that the model does not have, ValueError for a model in training mode."""
        if model.training:
            raise ValueError("put the model in eval mode before looking into it")
        check_target(model, reading, target)
        self.model, self.target, self.reading = model, target, reading
        self._crossed = "cross" in parts(model)
        after = model.causal and target.position is not None
        self.length = target.position + 1 if after and target.position is not None else len(reading.text.ids)
        source = reading.source if self._crossed else None
        self.source_length = 0 if source is None else len(source.ids)
        sides = [] if source is None else [source]
        text = reading.text
        sides.append(Side(text.ids[: self.length], text.tokens[: self.length], text.spans[: self.length]))
        ids = torch.tensor([token for side in sides for token in side.ids])
        around = torch.tensor([start == end for side in sides for start, end in side.spans])
        table = input_vectors(model)
        self.vectors = table[ids.to(table.device)]
        blank = _blank(model, tokenizer, table)
        self.nothing = torch.where(around[:, None].to(table.device), self.vectors, blank)
        self.free: NDArray[np.bool_] = (self.vectors != self.nothing).any(-1).cpu().numpy()

    def __call__(self, vectors: Tensor) -> Tensor:
        """The target (B,) of vectors (B, N, width). Gradients flow."""
        first = self.source_length
        source = Batch(embeddings=vectors[:, :first]) if self._crossed else None
        return self.target.of(self.model(Batch(embeddings=vectors[:, first:], source=source)))

    def masked(self, kept: Tensor) -> Tensor:
        """The target (B,) where only some tokens are kept: kept (B, N), 1 for a token as it is and 0 for nothing."""
        found = []
        with torch.inference_mode():
            for some in torch.split(kept.to(self.vectors.device), max(1, _TOKENS_AT_ONCE // len(self.vectors))):
                found.append(self(torch.where(some[:, :, None] > 0.5, self.vectors, self.nothing)))
        return torch.cat(found)

    def attribution(self, method: Method, scores: Floats, value: float) -> InputAttribution:
        """Scores (N,) as those of text and source; what was cut off has 0."""
        first = self.source_length
        text = np.zeros(len(self.reading.text.ids))
        text[: self.length] = scores[first:]
        return InputAttribution(method, self.target, text, scores[:first].copy(), value)


def gradient_times_input(explained: Explained) -> InputAttribution:
    """How steeply the target rises along each token's vector, times the vector (Shrikumar et al. 2017, 2.3).

    What it says holds for very small changes of the vectors.
    """
    scores, value = gradient_times_vector(explained, explained.vectors)
    return explained.attribution("gradient_input", scores, value)


def integrated_gradients(explained: Explained) -> InputAttribution:
    """The gradient along the straight way from vectors that say nothing to the text's own (Sundararajan et al. 2017).

    The scores add up to the difference in the target between the two, or `complete` says that they do not.
    """
    found = integrate(explained, explained.vectors, explained.nothing)
    plain = explained.attribution("integrated_gradients", found.scores, found.value)
    return replace(plain, baseline=found.baseline, delta=found.delta, steps=found.steps)


def occlusion(explained: Explained) -> InputAttribution:
    """What the target loses when one token says nothing, for each token (Zeiler & Fergus 2014; Li et al. 2016)."""
    places = np.flatnonzero(explained.free)
    kept = torch.ones(len(places) + 1, len(explained.vectors))
    kept[torch.arange(1, len(kept)), torch.from_numpy(places)] = 0
    values = explained.masked(kept).double().cpu().numpy()
    scores = np.zeros(len(explained.vectors))
    scores[places] = values[0] - values[1:]
    return explained.attribution("occlusion", scores, float(values[0]))


def shapley(explained: Explained, orders: int = 25, seed: int = 0) -> Iterator[InputAttribution]:
    """What a token adds on average when the tokens of the text come one after another in random order (Shapley 1953;
    Castro et al. 2009): better after each of `orders` orders, each gone through forwards and backwards.

    The scores add up to the difference in the target between the text and nothing at every moment. Through captum, which
    is given a function of which tokens are kept.
    """
    from captum.attr import ShapleyValueSampling

    places = torch.from_numpy(np.flatnonzero(explained.free))
    count, total = len(places), len(explained.vectors)
    value, baseline = explained.masked(torch.stack((torch.ones(total), torch.zeros(total)))).double().tolist()
    method = ShapleyValueSampling(lambda kept: explained.masked(_spread(kept, places, total)))
    generator = torch.Generator().manual_seed(seed)
    sums, squares = np.zeros(total), np.zeros(total)
    for number in range(1, orders + 1):
        order = torch.randperm(count, generator=generator).tolist()
        # captum's own generator draws from torch's global one, which threads share.
        method.permutation_generator = lambda _features, _samples, order=order: (order, order[::-1])
        if count:
            scores = method.attribute(
                torch.ones(1, count), torch.zeros(1, count), n_samples=2, perturbations_per_eval=count
            )[0].double().numpy()  # fmt: skip
            sums[places] += scores
            squares[places] += scores**2
        mean = sums / number
        spread = np.sqrt(np.maximum(squares / number - mean**2, 0) / max(1, number - 1))
        plain = explained.attribution("shapley", mean, value)
        yield replace(plain, baseline=baseline, delta=float(mean.sum()) - (value - baseline), steps=number, errors=spread if number > 1 else None)  # fmt: skip


def _spread(kept: Tensor, places: Tensor, total: int) -> Tensor:
    """kept (B, players) as (B, N), where all that is no player stays."""
    whole = torch.ones(len(kept), total)
    whole[:, places] = kept
    return whole


def _blank(model: Model, tokenizer: AnyTokenizer, table: Tensor) -> Tensor:
    """(width,) the vector that says nothing."""
    config = model.config
    encodes = isinstance(config, TransformerConfig) and config.architecture == "encoder"
    if encodes and isinstance(tokenizer, Tokenizer) and tokenizer.mask is not None:
        return table[tokenizer.mask]
    return table.mean(0)
