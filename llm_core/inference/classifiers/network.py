"""The LSTM and the Transformer that learned from a table alone: several small networks of one kind, asked together.

Their logits are averaged. Each began with other numbers and held other texts out for stopping, so that their mistakes
differ; together they make fewer.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from safetensors.torch import save
from torch import Tensor

from llm_core.data.long_texts import MOST_WINDOWS, LongTexts, parts
from llm_core.errors import UserError
from llm_core.inference.classifiers.about import About, read_about
from llm_core.inference.classifiers.arrays import unpacked
from llm_core.inference.classifiers.base import ABOUT, ARRAYS, NetworkClassifier, Tokens
from llm_core.inference.classifiers.linear import softmax
from llm_core.inference.classifiers.vocabulary import Vocabulary
from llm_core.inference.classifiers.words import placed_words
from llm_core.models.text_network import TextNetwork, TextNetworkConfig

_ROOM_FOR_A_WORD = 40
"""Characters that are looked at for each word that is read."""
_TABLE = "table"
"""The weights that are stored in 16 bits: they were rounded when the network was made."""
_AT_ONCE = 128
"""Texts in a batch of predictions."""


class NetworkAbout(About):
    """words, grams, columns: of the vocabulary, whose pairs stand with the arrays · members: how many networks."""

    family: Literal["lstm", "transformer"]
    words: tuple[str, ...]
    grams: tuple[str, ...]
    columns: int = Field(ge=0, le=64)
    network: TextNetworkConfig
    members: int = Field(ge=1, le=16)
    long_texts: LongTexts


class Read:
    """A text as words and where each stands, of a long one the part that is read."""

    def __init__(self, text: str, context: int, long_texts: LongTexts) -> None:
        room = context if long_texts != "window" else context * MOST_WINDOWS
        limit = room * _ROOM_FOR_A_WORD
        if len(text) <= limit:
            found, spans = placed_words(text)
        elif long_texts == "head_tail":
            found, spans = placed_words(text[: limit // 2])
            begin = len(text) - limit // 2
            tail, placed = placed_words(text[begin:])
            found, spans = found + tail, spans + [(start + begin, end + begin) for start, end in placed]
        else:
            found, spans = placed_words(text[:limit])
        if len(found) > room:
            places = parts(len(found), room, "truncate" if long_texts == "window" else long_texts)[0].tolist()
            found, spans = [found[place] for place in places], [spans[place] for place in places]
        self.words, self.spans = found, spans


class TextNetworkClassifier(NetworkClassifier):
    """networks: alike in everything but their weights."""

    def __init__(
        self,
        family: Literal["lstm", "transformer"],
        names: tuple[str, ...],
        vocabulary: Vocabulary,
        networks: Sequence[TextNetwork],
        long_texts: LongTexts,
    ) -> None:
        self.family = family
        self.names = names
        self._vocabulary, self._long_texts = vocabulary, long_texts
        self._networks = [network.eval().requires_grad_(False) for network in networks]
        self._config = networks[0].config
        self.parameters = sum(weight.numel() for network in networks for weight in network.parameters())

    def tokens(self, text: str) -> Tokens:
        read = Read(text, self._config.context, self._long_texts)
        ids, _ = self._vocabulary.encode([read.words])
        pieces = tuple(text[start:end] for start, end in read.spans) or ("",)
        return Tokens(ids, pieces, tuple(read.spans) or ((0, 0),))

    def embed(self, ids: NDArray[np.int64]) -> Tensor:
        """The vectors of all networks side by side. ids (T, parts): of each word its parts, as `tokens` gives them."""
        return torch.cat([network.embed(torch.from_numpy(ids)) for network in self._networks], dim=-1)

    def logits_of(self, embeddings: Tensor, lengths: Tensor) -> Tensor:
        """As promised; of texts beyond the context the mean over their windows."""
        context = self._config.context
        if embeddings.shape[1] <= context:
            return self._together(embeddings, lengths)
        rows = []
        for row, length in zip(embeddings, lengths.tolist(), strict=True):
            windows = torch.stack([row[torch.from_numpy(places)] for places in parts(length, context, "window")])
            full = torch.full((len(windows),), windows.shape[1], dtype=lengths.dtype)
            rows.append(self._together(windows, full).mean(0))
        return torch.stack(rows)

    def _together(self, embeddings: Tensor, lengths: Tensor) -> Tensor:
        """The mean of what the networks say, as logarithms (B, K)."""
        width = self._config.width + self._config.classes
        every = zip(self._networks, torch.split(embeddings, width, dim=-1), strict=True)
        return torch.stack([network(vectors, lengths).log_softmax(-1) for network, vectors in every]).mean(0)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        logits = np.zeros((len(texts), len(self.names)))
        read = [Read(text, self._config.context, self._long_texts).words for text in texts]
        order = sorted(range(len(read)), key=lambda place: len(read[place]))
        for first in range(0, len(order), _AT_ONCE):
            chosen = order[first : first + _AT_ONCE]
            ids, lengths = self._vocabulary.encode([read[place] for place in chosen])
            longest = int(lengths.max())
            padded = np.zeros((len(chosen), longest, ids.shape[1]), dtype=np.int64)
            padded[np.arange(longest) < lengths[:, None]] = ids
            with torch.inference_mode():
                vectors = self.embed(padded)
                logits[chosen] = self.logits_of(vectors, torch.from_numpy(lengths)).double().numpy()
        return softmax(logits)

    def files(self) -> dict[str, bytes]:
        about = NetworkAbout(
            family=self._config.encoder, names=self.names, words=self._vocabulary.words, grams=self._vocabulary.grams,
            columns=self._vocabulary.columns, network=self._config, members=len(self._networks),
            long_texts=self._long_texts,
        )  # fmt: skip
        tensors = {"pairs": torch.from_numpy(self._vocabulary.pairs)}
        for number, network in enumerate(self._networks):
            for name, weight in network.state_dict().items():
                tensors[f"{number}.{name}"] = weight.half() if name == _TABLE else weight.contiguous()
        return {ABOUT: about.model_dump_json().encode(), ARRAYS: save(tensors)}


def load(folder: Path, about: bytes) -> TextNetworkClassifier:
    """Raises UserError on files that do not fit each other."""
    read = read_about(NetworkAbout, about)
    pairs = unpacked(folder, {"pairs": (None, 2)})["pairs"]
    vocabulary = Vocabulary(read.words, pairs, read.grams, read.columns)
    if vocabulary.rows != read.network.rows or len(read.names) != read.network.classes:
        raise UserError("{file} and {other} do not belong together.", file=ABOUT, other=ARRAYS)
    with torch.device("meta"):
        networks = [TextNetwork(read.network) for _ in range(read.members)]
    shapes: dict[str, tuple[int | None, ...]] = {
        f"{number}.{name}": tuple(weight.shape)
        for number, network in enumerate(networks) for name, weight in network.state_dict().items()
    }  # fmt: skip
    arrays = unpacked(folder, shapes)
    for number, network in enumerate(networks):
        weights = {
            name: torch.from_numpy(arrays[f"{number}.{name}"].astype(np.float32)) for name in network.state_dict()
        }
        network.load_state_dict(weights, assign=True)
    return TextNetworkClassifier(read.family, read.names, vocabulary, networks, read.long_texts)
