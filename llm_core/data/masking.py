"""Which tokens of a row are hidden from a model that is to fill them in, and what stands in their place.

BERT's scheme (Devlin et al. 2018, 3.1, task 1): of the chosen tokens 80 % become the mask, 10 % another token by chance,
10 % stay, so that a model cannot know which tokens it may trust. What is chosen together: single tokens, whole words
(BERT's later release), or spans of several words (SpanBERT, Joshi et al. 2020, 3.1). Knows no torch.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from llm_core.config import Masking, TrainingConfig
from llm_core.data.tokenizers import Tokenizer
from llm_core.data.word_starts import WordStarts

REPLACED, EXCHANGED = 0.8, 0.1
SPAN_ENDS, LONGEST_SPAN = 0.2, 10
"""A span goes on to another word with probability 1 - 0.2, to ten words at most: 3.8 on average."""

Ids = NDArray[np.int64]
Chosen = NDArray[np.bool_]


@dataclass(frozen=True)
class Masker:
    """How tokens are hidden; draws from the generator that it is given, and from nothing else."""

    tokenizer: Tokenizer
    masking: Masking
    share: float

    @classmethod
    def of(cls, tokenizer: Tokenizer, training: TrainingConfig) -> "Masker":
        """As a run's settings say."""
        return cls(tokenizer, training.masking, training.mask_share)

    def hide(self, ids: Ids, random: np.random.Generator) -> tuple[Ids, Chosen]:
        """A row (T,) without padding: what the model reads, and which tokens (T,) it is asked for."""
        assert self.tokenizer.mask is not None
        begins, lengths = self.choose(ids, random)
        places = np.repeat(begins - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
        chosen = np.zeros(len(ids), dtype=np.bool_)
        chosen[places] = True
        if self.masking == "spans":  # SpanBERT lets one draw decide for a span, BERT one for every token of a word
            draws = np.repeat(random.random(len(lengths)), lengths)
        else:
            draws = random.random(len(places))
        others = self._words[random.integers(0, len(self._words), len(places))]
        read = ids.copy()
        read[places] = np.where(
            draws < REPLACED, self.tokenizer.mask, np.where(draws < REPLACED + EXCHANGED, others, ids[places])
        )
        return read, chosen

    def choose(self, ids: Ids, random: np.random.Generator) -> tuple[Ids, Ids]:
        """What is hidden: where each token, word or span begins (U,), and how many tokens it has (U,).

        So many that they are the wanted share of the row's own tokens, control tokens aside, and at least one; a word or
        a span that would make them more is passed over. None where the row has no tokens of its own.
        """
        begins, lengths = self.units(ids)
        budget = max(1, round(self.share * int(lengths.sum())))
        if self.masking == "spans":
            return self._spans(begins, lengths, budget, random)
        order = random.permutation(len(begins))
        sizes = lengths[order].tolist()
        found: list[int] = []
        for number, size in enumerate(sizes):
            if not found or size <= budget:
                found.append(number)
                budget -= size
            if budget <= 0:
                break
        return begins[order[found]], lengths[order[found]]

    def units(self, ids: Ids) -> tuple[Ids, Ids]:
        """Where the words of a row begin, or its single tokens, and their lengths."""
        asked = ~self._never[ids]
        if self.masking == "tokens":
            begins = np.flatnonzero(asked)
            return begins, np.ones_like(begins)
        begins = np.flatnonzero(self._starts(ids))
        lengths = np.diff(begins, append=len(ids))
        return begins[asked[begins]], lengths[asked[begins]]

    def _spans(self, begins: Ids, lengths: Ids, budget: int, random: np.random.Generator) -> tuple[Ids, Ids]:
        """Spans of neighbouring words, of geometric length, until the budget is spent."""
        counts = np.arange(1, LONGEST_SPAN + 1)
        shares = SPAN_ENDS * (1 - SPAN_ENDS) ** (counts - 1)
        free = np.ones(len(begins), dtype=np.bool_)
        joined = np.append(begins[1:] == (begins + lengths)[:-1], False)  # the next word stands right behind
        found: list[tuple[int, int]] = []
        while budget > 0 and free.any():
            first = last = int(random.choice(np.flatnonzero(free)))
            count = int(random.choice(counts, p=shares / shares.sum()))
            size = int(lengths[first])
            # A span ends early at a control token, at another span, and where the budget does.
            while last - first + 1 < count and joined[last] and free[last + 1] and size + lengths[last + 1] <= budget:
                last += 1
                size += int(lengths[last])
            free[first : last + 1] = False
            if not found or size <= budget:
                found.append((int(begins[first]), size))
                budget -= size
        chosen = np.array(found, dtype=np.int64).reshape(-1, 2)
        return chosen[:, 0], chosen[:, 1]

    @cached_property
    def _starts(self) -> WordStarts:
        return WordStarts(self.tokenizer)

    @cached_property
    def _never(self) -> Chosen:
        """(V,) what is never asked for: signs that stand for no text."""
        return np.array([not data for data in self.tokenizer.token_bytes])

    @cached_property
    def _words(self) -> Ids:
        """The tokens that may stand in another's place."""
        return np.flatnonzero(~self._never)
