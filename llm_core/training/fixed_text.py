"""The same held-out text, looked at token by token again and again while a run goes on.

What is asked of each token is what the objective asks, and every token is asked once:
next_token              each token from those before it; the first one costs nothing.
sequence_to_sequence    each token of some translations, the sign that ends each with them, after the right beginning.
masked, next_sentence   each token once behind a mask. To hide one at a time would take a forward pass of a row for each
                        token; here every seventh unit (a word, where whole words are masked) is hidden at once, seven
                        rows for all. That is near the 15 % that are hidden in training, and the mask alone stands there.
permuted                each token as one of a seventh that come last in the order, as in training.
Nothing is asked token by token of models for tasks. An n-gram is not trained in steps.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from llm_core.config import READING, NgramConfig, RunConfig
from llm_core.data.annotated import ASKED
from llm_core.data.batches import held_out_pairs
from llm_core.data.masking import Masker
from llm_core.data.prepare import TokenizedCorpus, lengths
from llm_core.data.sentence_pairs import Sentences
from llm_core.data.tokenizers import Tokenizer
from llm_core.evaluate.easy_tokens import thresholds
from llm_core.evaluate.language_model import still
from llm_core.evaluate.unigram import unigram_nats
from llm_core.models.base import Batch, Model
from llm_core.training.records import FixedText, Text

LONGEST = 160
"""Tokens at most: a look at them takes a few milliseconds."""
TURNS = 7
_SEED = 5
_NOT_ASKED = -1

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class HeldText:
    """ids (T,): the text · batch: what the model reads of it · targets (B, t): what it is asked for · places (B, t):
    which of `ids` each target is, -1 where nothing is asked."""

    ids: Ids
    batch: Batch
    targets: Tensor
    places: Tensor

    def record(self, step: int, corpus: TokenizedCorpus, config: RunConfig) -> FixedText:
        """The text in words, with what its tokens cost by their frequency."""
        nats = unigram_nats(corpus, signs=config.training.objective not in READING)[self.ids]
        asked = np.zeros(len(self.ids), dtype=np.bool_)
        asked[self.places[self.places >= 0].numpy()] = True
        nats = np.where(asked, nats, np.nan)
        pieces = corpus.tokenizer.pieces
        return FixedText(
            step, [pieces[token] for token in self.ids], self.ids.tolist(), numbers(nats), numbers(thresholds(nats))
        )

    def look(self, model: Model, step: int) -> Text:
        """What each token costs the model as it is, in fp32. The model comes back in the mode it was in."""
        device = next(model.parameters()).device
        asked = self.places >= 0
        with still(model):
            hidden = model.body(self.batch.to(device))[asked.to(device)]
            nats = F.cross_entropy(model.head(hidden).float(), self.targets[asked].to(device), reduction="none")
        losses = np.full(len(self.ids), np.nan)
        losses[self.places[asked].numpy()] = nats.double().cpu().numpy()
        return Text(step, numbers(losses))


def numbers(values: NDArray[np.float64] | Tensor) -> list[float | None]:
    """As a history holds them: four digits after the point, None for what is not finite."""
    return [round(value, 4) if math.isfinite(value) else None for value in values.tolist()]


def fixed_text(corpus: TokenizedCorpus, config: RunConfig) -> HeldText | None:
    """The text that this run is looked at with, always the same; None where nothing is asked of single tokens."""
    objective = config.training.objective
    if corpus.rows in ASKED or isinstance(config.model, NgramConfig):
        return None
    if objective == "sequence_to_sequence":
        return _translations(corpus)
    if objective not in READING:
        return _following(corpus, config.model.context)
    if objective == "next_sentence":
        sentences = Sentences(corpus.held_out, corpus.tokenizer, min(config.model.context, LONGEST))
        pair = sentences.pair(0, np.random.default_rng(_SEED))
        rows, segments = [pair.tokens], torch.from_numpy(pair.segments)[None]
    else:
        rows, segments = _beginnings(corpus, config.model.context), None
    return _hidden(rows, segments, corpus.tokenizer, config)


def _beginnings(corpus: TokenizedCorpus, context: int) -> list[Ids]:
    """The first window of the held-out text, or its first documents as far as they fit, each after a sign."""
    stream = corpus.held_out[: LONGEST + 1]
    tokens = np.asarray(stream).astype(np.int64)
    if corpus.rows == "windows":
        return [tokens[: min(context, LONGEST)]]
    # The last of these documents may go on; it is only a row where it is the only one.
    ends = np.cumsum(lengths(stream))
    whole = [int(end) for end in ends[:-1] if end < LONGEST] or [min(int(ends[0]), LONGEST - 1)]
    return np.split(tokens[: whole[-1]], whole[:-1])


def _following(corpus: TokenizedCorpus, context: int) -> HeldText:
    """Each token from those before it; a document ends with a sign, which is the one before the next document."""
    if corpus.rows == "windows":
        ids = _beginnings(corpus, context)[0]
        inputs = torch.from_numpy(ids[None, :-1].copy())
        return HeldText(ids, Batch(inputs), torch.from_numpy(ids[None, 1:].copy()), torch.arange(1, len(ids))[None])
    rows = _beginnings(corpus, context)
    taken = sum(map(len, rows))
    following = np.asarray(corpus.held_out[taken : taken + 1]).astype(np.int64)
    ids = np.concatenate((*rows, following if len(following) else [Tokenizer.end_of_text]))
    real = torch.tensor([len(row) for row in rows])
    starts = torch.cumsum(real, 0) - real
    reach = torch.arange(int(real.max()))
    inside = reach < real[:, None]
    places = torch.where(inside, starts[:, None] + reach + 1, _NOT_ASKED)
    stream = torch.from_numpy(ids)
    inputs = torch.where(inside, stream[(places - 1).clamp(min=0)], Tokenizer.end_of_text)
    return HeldText(ids, Batch(inputs, real), stream[places.clamp(min=0)], places)


def _translations(corpus: TokenizedCorpus) -> HeldText:
    """Some held-out pairs, spread evenly: the tokens of their translations on end, each with its closing sign."""
    pair = next(held_out_pairs(corpus.held_out, LONGEST, LONGEST))
    real = torch.arange(pair.inputs.shape[1]) < pair.lengths[:, None]
    places = torch.full(pair.targets.shape, _NOT_ASKED)
    places[real] = torch.arange(int(real.sum()))
    places[places >= LONGEST] = _NOT_ASKED  # the only pair may be longer
    ids = pair.targets[places >= 0].numpy()
    batch = Batch(pair.inputs, pair.lengths, source=Batch(pair.sources, pair.source_lengths))
    return HeldText(ids, batch, pair.targets, places)


def _hidden(rows: list[Ids], segments: Tensor | None, tokenizer: Tokenizer, config: RunConfig) -> HeldText:
    """Every row seven times, each time with another seventh of its units hidden."""
    masker = Masker.of(tokenizer, config.training)
    real = torch.tensor([len(row) for row in rows])
    starts = torch.cumsum(real, 0) - real
    read = torch.full((len(rows), int(real.max())), Tokenizer.end_of_text)
    turn = torch.full(read.shape, _NOT_ASKED)
    for number, row in enumerate(rows):
        read[number, : len(row)] = torch.from_numpy(row)
        for unit, (begin, length) in enumerate(zip(*masker.units(row), strict=True)):
            turn[number, begin : begin + length] = unit % TURNS
    asked = torch.cat([turn == number for number in range(TURNS)])  # (7 rows, T)
    targets = read.repeat(TURNS, 1)
    places = torch.where(asked, (starts[:, None] + torch.arange(read.shape[1])).repeat(TURNS, 1), _NOT_ASKED)
    batch = Batch(targets, real.repeat(TURNS))
    if segments is not None:
        batch = replace(batch, segments=segments.repeat(TURNS, 1))
    if config.training.objective == "permuted":
        batch = replace(batch, permutation=torch.where(asked, asked.cumsum(1), 0))
    else:
        assert tokenizer.mask is not None
        batch = replace(batch, tokens=torch.where(asked, tokenizer.mask, targets))
    kept = asked.any(1)  # a short text has fewer units than turns
    return HeldText(np.concatenate(rows), _rows(batch, kept), targets[kept], places[kept])


def _rows(batch: Batch, kept: Tensor) -> Batch:
    named = ("tokens", "lengths", "segments", "permutation")
    return replace(batch, **{name: part[kept] for name in named if (part := getattr(batch, name)) is not None})
