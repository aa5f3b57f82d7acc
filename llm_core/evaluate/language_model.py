"""How well a model predicts held-out text: nats per token, perplexity, bits per character. Never trains.

Each window is scored at all its positions, and windows do not overlap, so that every token but the first counts once.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from llm_core.data.batches import windows
from llm_core.data.prepare import TokenizedCorpus
from llm_core.models.base import Batch, Model
from llm_core.models.ngram import Ngram

_LARGEST_LOGITS = 1 << 22  # floats of one batch's logits: 16 MB, small enough for a processor's cache to help
_LARGEST_BATCH = 64


@dataclass(frozen=True, slots=True)
class Score:
    """`loss` in nats per token over `tokens` predicted tokens, which spell `characters` characters."""

    loss: float
    perplexity: float
    bits_per_character: float
    tokens: int
    characters: int
    whole: bool


def score(model: Model, corpus: TokenizedCorpus, *, limit: int | None = None) -> Score:
    """Score a causal model, or an n-gram, on the held-out text, in fp32 on the device that the model is on.

    `limit` bounds how many tokens are looked at; None scores all. The model comes back in the mode it was in, and no
    random number is drawn. Bits per character count every character of the text, whatever its tokens, so that models
    with different tokenizers can be compared.
    """
    return score_tokens(model, corpus.held_out, corpus.tokenizer.characters, limit=limit)


def score_tokens(model: Model, tokens: np.ndarray, characters: np.ndarray, *, limit: int | None = None) -> Score:
    """`score` of a token stream; `characters` (V,) says how many characters begin in each token."""
    context = model.config.context
    vocabulary_size = model.config.vocabulary_size
    assert vocabulary_size is not None
    rows = max(1, min(_LARGEST_BATCH, _LARGEST_LOGITS // (context * vocabulary_size)))
    device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))
    spelled = torch.from_numpy(np.asarray(characters, dtype=np.int64)).to(device)
    nats = torch.zeros((), dtype=torch.float64, device=device)
    letters = torch.zeros((), dtype=torch.int64, device=device)
    count = 0
    with still(model):
        for inputs, targets in windows(tokens, context, rows, limit):
            inputs, targets = inputs.to(device), targets.to(device)
            nats += _nats(model, inputs, targets)
            letters += spelled[targets].sum()
            count += targets.numel()
    return _figures(float(nats), count, int(letters), whole=count >= len(tokens) - 1)


@contextmanager
def still(model: Model) -> Iterator[None]:
    """Eval mode without gradients; afterwards the model is in the mode it was in."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


def _nats(model: Model, inputs: Tensor, targets: Tensor) -> Tensor:
    """The sum over all targets (B, T) of what the model loses on each."""
    if isinstance(model, Ngram):
        return -model.log_probabilities(inputs, targets).double().sum()
    logits = model(Batch(tokens=inputs))  # (B, T, V)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum").double()


def _figures(nats: float, tokens: int, characters: int, *, whole: bool) -> Score:
    loss = nats / max(1, tokens)
    return Score(
        loss=loss,
        perplexity=math.exp(min(loss, 700.0)),  # e^700 is about the largest number there is
        bits_per_character=nats / math.log(2) / max(1, characters),
        tokens=tokens, characters=characters, whole=whole,
    )  # fmt: skip
