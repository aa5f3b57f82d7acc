"""The floor under every other family: the share of each class in the training part, whatever the text."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from llm_core.inference.classifiers.about import About, read_about
from llm_core.inference.classifiers.base import ABOUT, Classifier


class MajorityAbout(About):
    family: Literal["majority"] = "majority"
    shares: tuple[float, ...]


class Majority(Classifier):
    """shares: of each class, in the order of `names`; they sum to 1."""

    family = "majority"

    def __init__(self, names: tuple[str, ...], shares: Sequence[float]) -> None:
        self.names = names
        self._shares = np.asarray(shares, dtype=np.float64)
        self.parameters = len(names)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        return np.tile(self._shares, (len(texts), 1))

    def files(self) -> dict[str, bytes]:
        about = MajorityAbout(names=self.names, shares=tuple(self._shares.tolist()))
        return {ABOUT: about.model_dump_json().encode()}


def load(folder: Path, about: bytes) -> Majority:
    """Raises UserError on a file that does not fit."""
    read = read_about(MajorityAbout, about)
    return Majority(read.names, read.shares)
