"""A sparse autoencoder: vectors of one place of a model as sums of a few directions out of many, its features.

Of all features only the k strongest of each vector are kept (TopK: Gao et al. 2024, "Scaling and evaluating sparse
autoencoders", equation 4), so that L0 is what was asked for and activations are not shrunk, as a penalty on their size
(Bricken et al. 2023) shrinks them. Directions have length 1. `autoencoder_training` makes one, `autoencoder_report` says
how much of the model is left when it speaks through it.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from llm_core.errors import UserError
from llm_core.interpret.array_files import in_16_bits, read_about, read_arrays, write_arrays
from llm_core.interpret.attention.attention import Floats
from llm_core.interpret.components import Component

_FORMAT = "sparse_autoencoder"


@dataclass(frozen=True)
class SparseAutoencoder:
    """F features of vectors of a size at `place`, in the model's own units, of which k speak at once.

    encoder (size, F), threshold (F,): how strong a feature is in x is max(0, (x - center) encoder + threshold), and 0
    unless it is one of the k strongest. decoder (F, size): its direction, of length 1; x is about center (size,) plus
    all directions, each as often as its feature is strong.
    """

    place: Component
    k: int
    encoder: Floats = field(repr=False)
    threshold: Floats = field(repr=False)
    decoder: Floats = field(repr=False)
    center: Floats = field(repr=False)

    @property
    def features(self) -> int:
        """F."""
        return len(self.decoder)

    def encode(self, x: Tensor) -> Tensor:
        """How strong each feature is (..., F) in vectors (..., size): at most k of them are not 0."""
        encoder, threshold, center = (torch.from_numpy(each).to(x) for each in (self.encoder, self.threshold, self.center))  # fmt: skip
        return keep_strongest((x - center) @ encoder + threshold, self.k)

    def decode(self, strengths: Tensor) -> Tensor:
        """Vectors (..., size) of strengths (..., F)."""
        return strengths @ torch.from_numpy(self.decoder).to(strengths) + torch.from_numpy(self.center).to(strengths)

    def direction(self, feature: int) -> Tensor:
        """(size,) of length 1: what this feature adds to the place. Raises UserError for one that is not there."""
        if not 0 <= feature < self.features:
            raise UserError("There is no feature {feature}: there are {count}, counted from 0.", feature=feature, count=self.features)  # fmt: skip
        return torch.from_numpy(self.decoder[feature].copy())

    def save(self, path: Path, *, half: bool = False) -> None:
        """Write it to a safetensors file, whole or not at all; `half` in 16 bits, a thousandth less exact."""
        exact = {name: np.ascontiguousarray(getattr(self, name), dtype=np.float32) for name in _ARRAYS}
        arrays = {name: in_16_bits(values) for name, values in exact.items()} if half else exact
        write_arrays(path, arrays, json.dumps({"format": _FORMAT, "place": str(self.place), "k": self.k}))


_ARRAYS = ("encoder", "threshold", "decoder", "center")


def load_autoencoder(path: Path) -> SparseAutoencoder:
    """Read what `save` has written. Raises UserError where the file is missing or holds something else."""
    try:
        about = json.loads(read_about(path))
        if about["format"] != _FORMAT:
            raise ValueError("another format")
        encoder, threshold, decoder, center = (each.astype(np.float32) for each in read_arrays(path, *_ARRAYS))
        place, k = Component.parse(about["place"]), int(about["k"])
        fit = decoder.ndim == 2 and encoder.shape == decoder.T.shape and threshold.shape == (len(decoder),)
        if not fit or center.shape != (len(encoder),) or not 1 <= k <= len(decoder):
            raise ValueError("sizes do not fit")
        if not all(np.isfinite(each).all() for each in (encoder, threshold, decoder, center)):
            raise ValueError("not finite")
    except (UserError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError("The file {name} holds no sparse autoencoder.", name=path.name) from error
    return SparseAutoencoder(place, k, encoder, threshold, decoder, center)


def keep_strongest(values: Tensor, k: int) -> Tensor:
    """The k largest of each vector (..., F) that are above 0; all else is 0. Gradients flow to those that are kept."""
    strongest = values.topk(k, dim=-1)
    return torch.zeros_like(values).scatter(-1, strongest.indices, strongest.values.relu())
