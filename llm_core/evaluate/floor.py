"""The entropy floor: what a perfect predictor would lose on the very texts that are scored. Knows no torch.

A grammar or a toy task knows the probability P of each of its texts, end included. A set's floor is the sum of -log P over its texts,
divided by the number of scored tokens: all tokens of each text and the sign that ends it. No model can be expected to
lose less, whatever its size, and the share of the way from an n-gram to the floor says how much has been understood.

That holds only where a model is asked for whole texts, each from its beginning, in tokens that can spell every text in
one way; where it does not hold, `NoFloor` says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llm_core.config import READING, RunConfig
from llm_core.data.annotated import ASKED
from llm_core.data.prepare import TokenizedCorpus, lengths
from llm_core.errors import N_


@dataclass(frozen=True)
class Floor:
    """`nats_per_token` over `tokens` scored ones, `nats_per_story` over `stories`."""

    nats_per_token: float
    nats_per_story: float
    stories: int
    tokens: int


@dataclass(frozen=True)
class NoFloor:
    """Why there is no floor: one sentence, as a constant English template and its values, like a `UserError`."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format(**self.values)


UNKNOWN = NoFloor(N_("There is no floor: how likely each text is, is known only of texts that a grammar or a task of this program has written."))  # fmt: skip

NO_TRANSLATIONS = NoFloor(N_("There is no floor: the grammar knows how likely a story is, not how likely a translation is, given its sentence."))  # fmt: skip


NO_WRITING = NoFloor(N_("There is no floor: the model is asked about a text and writes none, and how likely each answer is, is not known."))  # fmt: skip

HIDDEN = NoFloor(N_("There is no floor: the grammar knows how likely a whole text is, not how likely a hidden word is, given the others."))  # fmt: skip


def entropy_floor(config: RunConfig, corpus: TokenizedCorpus) -> Floor | NoFloor:
    """The floor of the held-out texts of a corpus for a model with these settings. Reads all of it once."""
    if corpus.rows == "pairs":
        return NO_TRANSLATIONS
    if config.training.objective in READING:
        return HIDDEN
    if corpus.rows in ASKED:
        return NO_WRITING
    nats = corpus.nats
    if nats is None:
        return UNKNOWN
    if not config.data.byte_fallback:
        return NoFloor(N_("There is no floor: this tokenizer does not spell every text, so that its tokens lose a part of it."))  # fmt: skip
    if corpus.rows != "documents":
        return NoFloor(N_("There is no floor: rows are windows, which begin in the middle of a text; it needs a whole text a row."))  # fmt: skip
    each = lengths(corpus.held_out)
    longest = int(each.max(initial=0))
    if longest > config.model.context:
        return NoFloor(N_("There is no floor: the longest text has {longest} tokens and the context only {context}."), {"longest": longest, "context": config.model.context})  # fmt: skip
    total, tokens = float(nats.sum()), int(each.sum())
    return Floor(total / tokens, total / len(nats), len(nats), tokens)


def gap_closed(loss: float, floor: float, ngram_loss: float) -> float | None:
    """The share of the way from the n-gram's loss to the floor that `loss` has gone; None where there is no way.

    1 at the floor, 0 at the n-gram, below 0 above it.
    """
    return None if ngram_loss <= floor else (ngram_loss - loss) / (ngram_loss - floor)
