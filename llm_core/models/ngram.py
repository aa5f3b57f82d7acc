"""Counts of token sequences with interpolated Kneser-Ney smoothing (Kneser & Ney 1995; Chen & Goodman 1999, eq. 24).

    p_k(w | h) = max(c_k(hw) - D_k, 0) / C_k(h)  +  D_k N_k(h) / C_k(h) * p_{k-1}(w | h')

h' is h without its oldest token; p_0 is uniform. The highest order counts occurrences; every lower one counts in how
many different contexts a sequence has been seen (continuations). N_k(h) is the number of different tokens after h,
D_k = n1 / (n1 + 2 n2) from the sequences counted once and twice. A context never seen leaves p_{k-1} as it is.

The sequences stand in a trie of sorted arrays: a node of level k is the key `parent * V + token`, its number is its
place in the array, so that the children of a node lie side by side.
"""

from collections.abc import Mapping
from typing import Self

import numpy as np
import torch
from torch import Tensor

from llm_core.config import NgramConfig
from llm_core.errors import UserError
from llm_core.models.base import Batch, Model, State


class NgramState:
    """The last tokens of every row, (B, at most order - 1), and how many there have been."""

    def __init__(self, history: Tensor, length: int = 0) -> None:
        self.history = history
        self.length = length

    def select(self, rows: Tensor) -> "NgramState":
        """The state of these rows; repeats are allowed."""
        return NgramState(self.history.index_select(0, rows), self.length)


class Ngram(Model):
    """Interpolated Kneser-Ney with one discount an order. Before `fit` it is the uniform guess.

    It has no gradient and no hidden vectors. A window's first tokens are predicted from the shorter history there is.
    """

    config: NgramConfig
    causal = True
    has_hidden = False

    def __init__(self, config: NgramConfig) -> None:
        assert config.vocabulary_size is not None
        super().__init__()
        self.config = config
        self.vocabulary_size = config.vocabulary_size
        for level in range(1, config.order + 1):
            size = self.vocabulary_size if level == 1 else 0
            self.register_buffer(f"keys_{level}", torch.arange(size))
            self.register_buffer(f"counts_{level}", torch.zeros(size, dtype=torch.int64))
        self.register_load_state_dict_post_hook(lambda module, _: module._derive())  # type: ignore[no-untyped-call]
        self._derive()

    @property
    def maximum_length(self) -> int | None:
        return None

    def fit(self, tokens: "np.ndarray | Tensor") -> Self:
        """Count a stream of tokens (1-D), in place of what was counted before."""
        stream = np.asarray(tokens, dtype=np.int64)
        size, order = self.vocabulary_size, self.config.order
        nodes, counts = stream, np.bincount(stream, minlength=size)
        for level in range(2, order + 1):
            found = nodes[:-1] * size + stream[level - 1 :]
            keys, first, inverse, occurrences = np.unique(
                found, return_index=True, return_inverse=True, return_counts=True
            )
            # Each different sequence is one continuation of its suffix, the sequence without its oldest token.
            counts = np.bincount(nodes[1:][first], minlength=len(counts))
            self._set(level - 1, None, counts)
            self._set(level, keys, occurrences)
            nodes, counts = inverse.reshape(-1), occurrences
        if order == 1:
            self._set(1, None, counts)
        self._derive()
        return self

    def forward(self, batch: Batch) -> Tensor:
        """Log-probabilities (B, T, V)."""
        if batch.tokens is None:
            raise ValueError("an n-gram counts tokens; it takes no embeddings")
        return self._distributions(self._contexts(batch.tokens), batch.tokens.shape)

    def log_probabilities(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """log p (B, T) of each target after its input and those before: `forward` gathered, without the vocabulary."""
        contexts = self._contexts(inputs)
        p = self.base[targets]
        for level, context in enumerate(contexts, start=2):
            child = self._find(level, context, targets)
            weight = self._weights(level)[child.clamp(min=0)] if len(self._keys(level)) else torch.zeros_like(p)
            p = p * self._kept(level, context) + torch.where(child >= 0, weight, 0.0)
        return p.log().float()

    def start(self, rows: int, capacity: int | None = None, source: Batch | None = None) -> NgramState:
        return NgramState(torch.empty(rows, 0, dtype=torch.int64, device=self.base.device))

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, NgramState]:
        assert isinstance(state, NgramState)
        known = torch.cat((state.history, tokens), dim=1)
        contexts = [context[:, -tokens.shape[1] :] for context in self._contexts(known)]
        recent = known[:, max(0, known.shape[1] - self.config.order + 1) :]
        return self._distributions(contexts, tokens.shape), NgramState(recent, state.length + tokens.shape[1])

    def make_room(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the sizes of counts that are about to be loaded. Raises UserError where they make no trie."""
        parents = 1
        for level in range(1, self.config.order + 1):
            keys, counts = tensors.get(f"keys_{level}"), tensors.get(f"counts_{level}")
            if keys is None or counts is None:
                return  # the loader names what is missing
            sound = keys.ndim == 1 and keys.shape == counts.shape and keys.dtype == counts.dtype == torch.int64
            if level == 1:
                sound = sound and torch.equal(keys, torch.arange(self.vocabulary_size))
            elif sound and len(keys):
                known = int(keys[0]) >= 0 and int(keys[-1]) < parents * self.vocabulary_size
                sound = known and bool((keys.diff() > 0).all())
            if not sound or (len(counts) and int(counts.min()) < 0):
                raise UserError("The n-gram's counts of level {level} are damaged.", level=level)
            parents = len(keys)
            setattr(self, f"keys_{level}", torch.empty_like(keys))
            setattr(self, f"counts_{level}", torch.empty_like(counts))

    def _keys(self, level: int) -> Tensor:
        return self.get_buffer(f"keys_{level}")

    def _weights(self, level: int) -> Tensor:
        return self.get_buffer(f"weights_{level}")

    def _set(self, level: int, keys: "np.ndarray | None", counts: "np.ndarray") -> None:
        if keys is not None:
            setattr(self, f"keys_{level}", torch.from_numpy(keys))
        setattr(self, f"counts_{level}", torch.from_numpy(counts.astype(np.int64)))

    def _derive(self) -> None:
        """From counts to what prediction needs, in fp64: a product of eight small shares would vanish in fp32."""
        for level in range(1, self.config.order + 1):
            keys, counts = self._keys(level), self.get_buffer(f"counts_{level}").double()
            once, twice = int((counts == 1).sum()), int((counts == 2).sum())
            discount = once / (once + 2 * twice) if once else 0.5  # without singletons the estimate would be 0
            parents = 1 if level == 1 else len(self._keys(level - 1))
            parent = torch.zeros_like(keys) if level == 1 else keys // self.vocabulary_size
            totals = counts.new_zeros(parents).index_add_(0, parent, counts)
            kinds = counts.new_zeros(parents).index_add_(0, parent, (counts > 0).double())
            weights = (counts - discount).clamp(min=0) / totals[parent].clamp(min=1)
            kept = torch.where(totals > 0, discount * kinds / totals.clamp(min=1), 1.0)
            if level == 1:
                self.base: Tensor
                self.register_buffer("base", weights + kept / self.vocabulary_size, persistent=False)
                continue
            firsts = torch.searchsorted(keys, torch.arange(parents + 1, device=keys.device) * self.vocabulary_size)
            self.register_buffer(f"weights_{level}", weights, persistent=False)
            self.register_buffer(f"kept_{level}", kept, persistent=False)
            self.register_buffer(f"firsts_{level}", firsts, persistent=False)

    def _find(self, level: int, parents: Tensor, tokens: Tensor) -> Tensor:
        """The nodes of this level for parents and tokens of one shape; -1 where there is none."""
        keys = self._keys(level)
        if not len(keys):
            return torch.full_like(tokens, -1)
        wanted = parents * self.vocabulary_size + tokens
        place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
        return torch.where((parents >= 0) & (keys[place] == wanted), place, -1)

    def _contexts(self, tokens: Tensor) -> list[Tensor]:
        """For levels 1 to order - 1: the node (B, T) of the sequence of that length that ends at each position."""
        contexts: list[Tensor] = []
        node = tokens
        for level in range(1, self.config.order):
            if level > 1:
                before = torch.nn.functional.pad(node[:, :-1], (1, 0), value=-1)
                node = self._find(level, before, tokens)
            contexts.append(node)
        return contexts

    def _kept(self, level: int, context: Tensor) -> Tensor:
        """The share of probability that a context hands down to the shorter one; all of it where it was never seen."""
        kept = self.get_buffer(f"kept_{level}")
        return torch.where(context >= 0, kept[context.clamp(min=0)], 1.0) if len(kept) else kept.new_ones(context.shape)

    def _distributions(self, contexts: list[Tensor], shape: torch.Size) -> Tensor:
        """Log-probabilities (B, T, V) after contexts given level by level, each of that shape (B, T)."""
        p = self.base.expand(shape.numel(), -1).clone()
        for level, context in enumerate(contexts, start=2):
            if not len(self._keys(level)):
                break
            node = context.reshape(-1)
            rows = (node >= 0).nonzero().squeeze(1)
            node = node[rows]
            p[rows] *= self.get_buffer(f"kept_{level}")[node, None]
            firsts = self.get_buffer(f"firsts_{level}")
            counts = firsts[node + 1] - firsts[node]
            # The children of every node, one after another: which row each belongs to, and its place in the level.
            begins = counts.cumsum(0) - counts
            within = torch.arange(int(counts.sum()), device=node.device) - begins.repeat_interleave(counts)
            child = firsts[node].repeat_interleave(counts) + within
            token = self._keys(level)[child] % self.vocabulary_size
            p[rows.repeat_interleave(counts), token] += self._weights(level)[child]
        return p.log().float().view(*shape, -1)
