"""How well a model predicts held-out text: nats per token, perplexity, bits per character. Never trains.

Each window is scored at all its positions, and windows do not overlap, so that every token but the first counts once.
Where rows are whole documents, each begins at the end-of-text sign, and the one after it is scored with its tokens. Of
pairs the translation is scored so, and nothing of the sentence, which an encoder-decoder reads.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from llm_core.config import RowsKind
from llm_core.data.annotated import ASKED
from llm_core.data.batches import held_out_pairs, held_out_rows, windows
from llm_core.data.prepare import TokenizedCorpus, lengths
from llm_core.data.targets import row_lengths
from llm_core.models.base import Batch, Model
from llm_core.models.ngram import Ngram

_LARGEST_LOGITS = 1 << 22  # floats of one batch's logits: 16 MB, small enough for a processor's cache to help
_LARGEST_BATCH = 64


@dataclass(frozen=True, slots=True)
class Score:
    """`loss` in nats per token over `tokens` predicted tokens, which spell `characters` characters.

    `perplexity` and `bits_per_character` are None where what is predicted does not make up the text. `measures`: what
    else came out, as shares from 0 to 1 by name.
    """

    loss: float
    perplexity: float | None
    bits_per_character: float | None
    tokens: int
    characters: int
    whole: bool
    measures: dict[str, float] = field(default_factory=dict)
    read: int = 0
    """How many tokens were read for it, where that is more than were predicted."""

    @property
    def looked_at(self) -> int:
        """How many held-out tokens it took."""
        return self.read or self.tokens


def score(model: Model, corpus: TokenizedCorpus, *, limit: int | None = None) -> Score:
    """Score a causal model, or an n-gram, on the held-out text, in fp32 on the device that the model is on.

    `limit` bounds how many tokens are looked at; None scores all. The model comes back in the mode it was in, and no
    random number is drawn. Bits per character count every character of the text, whatever its tokens, so that models
    with different tokenizers can be compared.
    """
    return score_tokens(model, corpus.held_out, corpus.tokenizer.characters, limit=limit, rows=corpus.rows)


def score_tokens(
    model: Model,
    tokens: np.ndarray,
    characters: np.ndarray,
    *,
    limit: int | None = None,
    rows: RowsKind = "windows",
) -> Score:
    """`score` of a token stream; `characters` (V,) says how many characters begin in each token.

    `rows`: windows of the model's context, or whole documents or pairs, none of which may be longer than that. Of pairs,
    a model that reads no source sees the translation alone.
    """
    device = next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))
    spelled = torch.from_numpy(np.asarray(characters, dtype=np.int64)).to(device)
    nats = torch.zeros((), dtype=torch.float64, device=device)
    letters = torch.zeros((), dtype=torch.int64, device=device)
    count = 0
    with still(model):
        for batch, targets in looks(model, tokens, limit, rows):
            batch, targets = batch.to(device), targets.to(device)
            real = batch.real
            chosen = targets if real is None else targets[real]
            count += chosen.numel()
            nats += _nats(model, batch, targets)
            letters += spelled[chosen].sum()
    return _figures(float(nats), count, int(letters), whole=count >= targets_of(tokens, rows))


def targets_of(tokens: np.ndarray, rows: RowsKind) -> int:
    """How many tokens of a stream are scored when all of it is: in windows all but the first, of pairs the translations',
    of texts of which something is asked all positions that are read."""
    if rows == "pairs":
        return int(lengths(tokens)[1::2].sum())
    if rows in ASKED:
        return int(row_lengths(tokens, rows).sum())
    return len(tokens) - (rows == "windows")


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


def looks(
    model: Model, tokens: np.ndarray, limit: int | None, rows: RowsKind, batch_size: int | None = None
) -> Iterator[tuple[Batch, Tensor]]:
    """Batches of held-out tokens, at most `limit` of them, and the next tokens (B, T), always the same.

    batch_size: rows in a batch; None for as many as have room for logits at every position.
    """
    context, vocabulary_size = model.config.context, model.config.vocabulary_size
    assert vocabulary_size is not None
    fitting = _LARGEST_LOGITS // (context * vocabulary_size)
    # An n-gram looks targets up and makes no logits.
    if batch_size is None:
        batch_size = _LARGEST_BATCH if isinstance(model, Ngram) else max(1, min(_LARGEST_BATCH, fitting))
    if rows == "pairs":
        for pair in held_out_pairs(tokens, batch_size, limit):
            yield Batch(pair.inputs, pair.lengths, source=Batch(pair.sources, pair.source_lengths)), pair.targets
    elif rows == "documents":
        for inputs, targets, each in held_out_rows(tokens, batch_size, limit):
            yield Batch(inputs, each), targets
    else:
        for inputs, targets in windows(tokens, context, batch_size, limit):
            yield Batch(inputs), targets


def _nats(model: Model, batch: Batch, targets: Tensor) -> Tensor:
    """The sum over all targets (B, T), those that are real, of what the model loses on each."""
    real = batch.real
    if isinstance(model, Ngram):
        assert batch.tokens is not None
        each = -model.log_probabilities(batch.tokens, targets).double()
        return each.sum() if real is None else each[real].sum()
    logits = model(batch)  # (B, T, V)
    if real is not None:
        logits, targets = logits[real], targets[real]
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.flatten(), reduction="sum").double()


def _figures(nats: float, tokens: int, characters: int, *, whole: bool) -> Score:
    loss = nats / max(1, tokens)
    return Score(
        loss=loss,
        perplexity=math.exp(min(loss, 700.0)),  # e^700 is about the largest number there is
        bits_per_character=nats / math.log(2) / max(1, characters),
        tokens=tokens, characters=characters, whole=whole,
    )  # fmt: skip
