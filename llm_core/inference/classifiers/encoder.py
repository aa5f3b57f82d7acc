"""An encoder with a head for classes, however it was fine-tuned: predict, save and load, and its parts laid open.

Its folder stands alone: `model.json` and `model.safetensors` hold the whole network and `tokenizer.json` what it reads,
so that nothing is missing when the encoder that it came from has been deleted. Low-rank matrices have been merged into
the weights they belong to, and weights take 16 bits, the same in memory as on disk.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.config import TaskConfig
from llm_core.data.foreign_tokenizers import load_tokenizer
from llm_core.data.long_texts import LongTexts
from llm_core.data.tokenizers import Tokenizer
from llm_core.errors import UserError
from llm_core.inference.classifiers.base import ABOUT, NetworkClassifier, Tokens
from llm_core.inference.classifiers.text_rows import Row, TextRows, as_batch, batches
from llm_core.models.base import Batch
from llm_core.models.files import load_model, model_files
from llm_core.models.task_model import TaskModel, pool
from llm_core.models.transformer import Transformer

TOKENIZER = "tokenizer.json"


class EncoderClassifier(NetworkClassifier):
    """A `TaskModel` for classes and the tokenizer of its encoder. Of several windows the logits are averaged."""

    def __init__(
        self,
        family: str,
        names: tuple[str, ...],
        model: TaskModel,
        tokenizer: Tokenizer,
        long_texts: LongTexts,
        parameters: int,
    ) -> None:
        """`parameters`: how many of the model's numbers were learned from the labelled texts.

        The weights are rounded to 16 bits and hold no gradient from here on.
        """
        self.family, self.names, self.parameters = family, names, parameters
        self.model = rounded(model).eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.rows = TextRows(tokenizer, model.config.context, long_texts)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        logits = self._averaged(texts, lambda batch: self.model(batch))
        exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
        return shares

    def vectors(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(N, width) what the head sees of each text: texts that the network finds alike lie close together."""

        def pooled(batch: Batch) -> Tensor:
            return pool(self.model.body(batch), batch.real, self.model.config.pooling)

        return self._averaged(texts, pooled)

    def tokens(self, text: str) -> Tokens:
        return self.rows.tokens(text)

    def embed(self, ids: NDArray[np.int64]) -> Tensor:
        reader = self.model.reader
        assert isinstance(reader, Transformer)
        return reader.vectors(Batch(torch.from_numpy(ids)[None]))[0]

    def nothing(self, ids: NDArray[np.int64]) -> Tensor:
        """The mask in the place of every token, as the encoder knows it from its pre-training; zero where it has none.

        The tokens that stand around every text stay.
        """
        vectors = self.embed(ids)
        around = np.isin(ids, [*self.rows.begin, *self.rows.end])
        mask = self.tokenizer.mask
        blank = torch.zeros_like(vectors) if mask is None else self.embed(np.full_like(ids, mask))
        return torch.where(torch.from_numpy(around)[:, None], vectors, blank)

    def logits_of(self, embeddings: Tensor, lengths: Tensor) -> Tensor:
        if embeddings.shape[1] <= self.rows.context:
            logits: Tensor = self.model(Batch(embeddings=embeddings, lengths=lengths))
            return logits
        # Rows one after another, each as long as the context: the mean of what is said of each.
        parts = torch.split(embeddings, self.rows.context, dim=1)
        total = torch.zeros(len(embeddings), len(self.names))
        count = torch.zeros(len(embeddings), 1)
        for number, part in enumerate(parts):
            left = (lengths - number * self.rows.context).clamp(0, part.shape[1])
            here = left > 0
            if not bool(here.any()):
                continue
            said = self.model(Batch(embeddings=part[here], lengths=left[here]))
            places = here.nonzero()[:, 0]
            total = total.index_add(0, places, said)
            count = count.index_add(0, places, torch.ones(len(places), 1))
        return total / count

    def files(self) -> dict[str, bytes]:
        about = {
            "family": self.family, "names": self.names, "long_texts": self.rows.long_texts, "parameters": self.parameters,
        }  # fmt: skip
        return {
            ABOUT: json.dumps(about, ensure_ascii=False, indent=1).encode(),
            TOKENIZER: self.tokenizer.to_json().encode(),
            **model_files(self.model, half=True),
        }

    def _averaged(self, texts: Sequence[str], compute: Any) -> NDArray[np.float64]:
        """(N, ...) the mean over the rows of each text of what is computed for a batch of rows."""
        rows: list[Row] = []
        owners: list[int] = []
        for number, text in enumerate(texts):
            found = self.rows.of(text)
            rows += found
            owners += [number] * len(found)
        if not rows:
            return np.zeros((0, len(self.names)))
        parts: list[tuple[list[int], NDArray[np.float64]]] = []
        with torch.inference_mode():
            for places in batches(rows):
                said = compute(as_batch([rows[place] for place in places], self.rows.context))
                parts.append((places, said.double().numpy()))
        total = np.zeros((len(texts), parts[0][1].shape[1]))
        for places, said in parts:
            np.add.at(total, [owners[place] for place in places], said)
        averaged: NDArray[np.float64] = total / np.bincount(owners, minlength=len(texts))[:, None]
        return averaged


def rounded(model: TaskModel) -> TaskModel:
    """The same model with its weights rounded to what 16 bits can hold, in place."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    return model


def load(folder: Path, about: bytes) -> EncoderClassifier:
    """Read what `files` wrote. Raises UserError on files that do not fit each other."""
    values = json.loads(about)
    model = load_model(folder)
    tokenizer = load_tokenizer(folder / TOKENIZER)
    names, long_texts, parameters = values.get("names"), values.get("long_texts"), values.get("parameters")
    config = model.config
    if not (
        isinstance(model, TaskModel)
        and isinstance(config, TaskConfig)
        and config.task == "classify"
        and isinstance(names, list)
        and all(isinstance(name, str) for name in names)
        and config.labels == len(names)
        and config.vocabulary_size == tokenizer.vocabulary_size
        and long_texts in get_args(LongTexts)
        and type(parameters) is int
    ):
        raise UserError("The classifier's files do not fit each other: {file} and the model beside it differ.", file=ABOUT)  # fmt: skip
    return EncoderClassifier(values["family"], tuple(names), model, tokenizer, long_texts, parameters)
