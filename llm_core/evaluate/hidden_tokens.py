"""How well an encoder knows held-out tokens that are hidden from it: nats per hidden token, and the share it gets right.

What is hidden follows from each row's own tokens alone, so that it is the same in every look and whatever the batch.
"""

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from llm_core.data.masking import Masker
from llm_core.data.permutations import Permuter
from llm_core.data.prepare import TokenizedCorpus
from llm_core.data.sentence_pairs import SentencePair, Sentences
from llm_core.evaluate.language_model import Score, looks, still, targets_of
from llm_core.models.base import Batch, Model
from llm_core.models.transformer import Transformer

Ids = NDArray[np.int64]
RandomOf = Callable[[Ids], np.random.Generator]
"""The generator that decides for a row, given its real tokens."""
Hide = Callable[[Batch, RandomOf], "Hidden"]
"""Hides tokens of a batch."""

_SALT = 0x5EED
_ROWS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Hidden:
    """batch: what the model reads · targets (B, T): what stands there · asked (B, T): what it has to say."""

    batch: Batch
    targets: Tensor
    asked: Tensor


def mask_rows(masker: Masker) -> Hide:
    """Tokens give way to a mask, as `Masker` has it."""

    def hide(batch: Batch, random: RandomOf) -> Hidden:
        assert batch.tokens is not None
        read, asked = batch.tokens.clone(), torch.zeros_like(batch.tokens, dtype=torch.bool)
        for row, ids in enumerate(_rows(batch)):
            replaced, chosen = masker.hide(ids, random(ids))
            read[row, : len(ids)] = torch.from_numpy(replaced)
            asked[row, : len(ids)] = torch.from_numpy(chosen)
        return Hidden(replace(batch, tokens=read), batch.tokens, asked)

    return hide


def permute_rows(permuter: Permuter) -> Hide:
    """Tokens stay, and those that are asked for come last in the order."""

    def hide(batch: Batch, random: RandomOf) -> Hidden:
        assert batch.tokens is not None
        order = torch.zeros_like(batch.tokens)
        for row, ids in enumerate(_rows(batch)):
            order[row, : len(ids)] = torch.from_numpy(permuter.order(ids, random(ids)))
        return Hidden(replace(batch, permutation=order), batch.tokens, order > 0)

    return hide


def batch_of(pairs: Sequence[SentencePair]) -> Batch:
    """Pairs as a batch, filled up with end-of-text signs."""
    length = max(len(pair.tokens) for pair in pairs)
    tokens = torch.zeros(len(pairs), length, dtype=torch.int64)
    segments = torch.zeros_like(tokens)
    for row, pair in enumerate(pairs):
        tokens[row, : len(pair.tokens)] = torch.from_numpy(pair.tokens)
        segments[row, : len(pair.tokens)] = torch.from_numpy(pair.segments)
    return Batch(tokens, torch.tensor([len(pair.tokens) for pair in pairs]), segments=segments)


def follows(pairs: Sequence[SentencePair]) -> Tensor:
    """(B,) int64: 1 where the second text follows the first."""
    return torch.tensor([int(pair.follows) for pair in pairs])


def score_hidden(model: Model, corpus: TokenizedCorpus, hide: Hide, limit: int | None) -> Score:
    """The model on the hidden tokens of at most `limit` held-out ones, of all when None; `measures` has its accuracy.

    In fp32 on the device that the model is on. The model comes back in the mode it was in, and no random number of
    torch's is drawn.
    """
    tally = _Tally(model, corpus)
    with still(model):
        for batch, _ in looks(model, corpus.held_out, limit, corpus.rows, _ROWS_AT_ONCE):
            tally.add(hide(batch, _fixed))
    return tally.score(whole=tally.read >= targets_of(corpus.held_out, corpus.rows))


def score_sentence_pairs(model: Model, corpus: TokenizedCorpus, masker: Masker, limit: int | None) -> Score:
    """The same on pairs of texts. `loss` is the sum of both losses, as in training; `measures` also has next_sentence,
    the share of pairs of which the model knows whether one follows the other."""
    assert isinstance(model, Transformer)
    assert model.sentence_head is not None
    context = model.config.context
    sentences = Sentences(corpus.held_out, corpus.tokenizer, context)
    # Pairs share their texts with their neighbours: so many fill the context as make up the text once.
    count = min(len(sentences.seams), max(1, (limit or len(corpus.held_out)) // context))
    chosen = np.arange(count) * len(sentences.seams) // count
    tally, hide = _Tally(model, corpus), mask_rows(masker)
    right, nats = 0, 0.0
    with still(model):
        for start in range(0, count, _ROWS_AT_ONCE):
            numbers = chosen[start : start + _ROWS_AT_ONCE].tolist()
            pairs = [sentences.pair(number, np.random.default_rng([_SALT, number])) for number in numbers]
            answers = model.sentence_head(tally.add(hide(batch_of(pairs), _fixed)))
            wanted = follows(pairs).to(tally.device)
            nats += float(F.cross_entropy(answers, wanted, reduction="sum"))
            right += int((answers.argmax(-1) == wanted).sum())
    found = tally.score(whole=limit is None or limit >= len(corpus.held_out))
    measures = {**found.measures, "next_sentence": right / count}
    return replace(found, loss=found.loss + nats / count, measures=measures)


class _Tally:
    """What a model has lost so far, and what it knew."""

    def __init__(self, model: Model, corpus: TokenizedCorpus) -> None:
        assert isinstance(model, Transformer)
        self.model = model
        self.device = next(model.parameters()).device
        self.read = 0
        self._characters = torch.from_numpy(corpus.tokenizer.characters.astype(np.int64)).to(self.device)
        self._nats = torch.zeros((), dtype=torch.float64, device=self.device)
        self._right = torch.zeros((), dtype=torch.int64, device=self.device)
        self._letters = torch.zeros((), dtype=torch.int64, device=self.device)
        self._count = 0

    def add(self, hidden: Hidden) -> Tensor:
        """Score a batch; its hidden vectors (B, T, width)."""
        batch, asked = hidden.batch.to(self.device), hidden.asked.to(self.device)
        wanted = hidden.targets.to(self.device)[asked]
        states = self.model.body(batch)
        logits = self.model.head(states[asked])
        self._nats += F.cross_entropy(logits, wanted, reduction="sum").double()
        self._right += (logits.argmax(-1) == wanted).sum()
        self._letters += self._characters[wanted].sum()
        self._count += len(wanted)
        self.read += (
            batch.shape[0] * batch.shape[1] if hidden.batch.lengths is None else int(hidden.batch.lengths.sum())
        )
        return states

    def score(self, *, whole: bool) -> Score:
        count = max(1, self._count)
        return Score(
            loss=float(self._nats) / count, perplexity=None, bits_per_character=None, tokens=self._count,
            characters=int(self._letters), whole=whole, measures={"accuracy": int(self._right) / count},
            read=self.read,
        )  # fmt: skip


def _fixed(ids: Ids) -> np.random.Generator:
    return np.random.default_rng([_SALT, zlib.crc32(ids.tobytes())])


def _rows(batch: Batch) -> Iterator[Ids]:
    """The real tokens of each row."""
    assert batch.tokens is not None
    tokens = batch.tokens.numpy()
    lengths = [tokens.shape[1]] * len(tokens) if batch.lengths is None else batch.lengths.tolist()
    for row, length in zip(tokens, lengths, strict=True):
        yield row[:length]
