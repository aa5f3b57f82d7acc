"""The one Transformer: blocks, the stack they stand in, and the model that is a decoder or an encoder.

Reads top-down: `Block` is the residual stream, one operation a line, with a tap on every line.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_core.config import TransformerConfig
from llm_core.models.attention import CrossAttention, KeysValues, SelfAttention, View
from llm_core.models.base import Batch, Model, State
from llm_core.models.heads import SentenceHead, TokenHead
from llm_core.models.layers import FeedForward, Norm, drop, rotary_table, sinusoids
from llm_core.models.one_token import StackWeights, gather, run_one
from llm_core.models.size import inner_width
from llm_core.taps import Tap, observing


class Block(nn.Module):
    """One layer: attention, in a decoder with a source cross-attention, then feed-forward, each added to the stream."""

    def __init__(self, config: TransformerConfig, crossed: bool) -> None:
        super().__init__()
        width = config.width
        self.norm_first = config.norm_position == "before"
        self.dropout = config.dropout
        self.residual_before = Tap()
        self.attention_norm = Norm(width, config)
        self.attention = SelfAttention(config)
        self.residual_middle = Tap()
        self.cross_norm = Norm(width, config) if crossed else None
        self.cross_attention = CrossAttention(config) if crossed else None
        self.residual_crossed = Tap() if crossed else None
        self.feed_forward_norm = Norm(width, config) if inner_width(config) else None
        self.feed_forward = FeedForward(config) if inner_width(config) else None
        self.residual_after = Tap()

    def forward(
        self,
        x: Tensor,
        view: View,
        cache: KeysValues | None = None,
        source: KeysValues | None = None,
        source_mask: Tensor | None = None,
    ) -> Tensor:
        """x and result (B, T, width)."""
        x = self.residual_before(x)
        if self.norm_first:
            x = x + self._drop(self.attention(self.attention_norm(x), view, cache))
        else:
            x = self.attention_norm(x + self._drop(self.attention(x, view, cache)))
        x = self.residual_middle(x)
        if self.cross_norm is not None and self.cross_attention is not None and self.residual_crossed is not None:
            assert source is not None
            if self.norm_first:
                x = x + self._drop(self.cross_attention(self.cross_norm(x), source, source_mask))
            else:
                x = self.cross_norm(x + self._drop(self.cross_attention(x, source, source_mask)))
            x = self.residual_crossed(x)
        if self.feed_forward_norm is not None and self.feed_forward is not None:
            if self.norm_first:
                x = x + self._drop(self.feed_forward(self.feed_forward_norm(x)))
            else:
                x = self.feed_forward_norm(x + self._drop(self.feed_forward(x)))
        after: Tensor = self.residual_after(x)
        return after

    def _drop(self, x: Tensor) -> Tensor:
        return drop(x, self.dropout, self.training)


class KeyValueState:
    """What a Transformer carries from step to step: the keys and values of every layer, in preallocated tensors."""

    def __init__(
        self,
        caches: list[KeysValues],
        sources: list[KeysValues] | None = None,
        source_mask: Tensor | None = None,
    ) -> None:
        self.caches = caches
        self.sources = sources
        self.source_mask = source_mask
        self.weights: StackWeights | None = None
        self.length = 0

    def select(self, rows: Tensor) -> "KeyValueState":
        """The state of these rows; repeats are allowed."""

        def pick(pairs: list[KeysValues]) -> list[KeysValues]:
            return [(keys.index_select(0, rows), values.index_select(0, rows)) for keys, values in pairs]

        mask = None if self.source_mask is None else self.source_mask.index_select(0, rows)
        chosen = KeyValueState(pick(self.caches), None if self.sources is None else pick(self.sources), mask)
        chosen.length, chosen.weights = self.length, self.weights
        return chosen


class Stack(nn.Module):
    """Embedded tokens in, hidden vectors out: positions, segments, blocks, final norm. One side of a Transformer."""

    def __init__(self, config: TransformerConfig, causal: bool, crossed: bool = False) -> None:
        super().__init__()
        width, size = config.width, config.width // config.heads
        self.config = config
        self.causal = causal
        self.context = config.context
        self.groups, self.size = config.key_value_heads or config.heads, size
        self.scale = width**0.5 if config.embedding_scale else 1.0
        self.position_embedding = nn.Embedding(config.context, width) if config.position == "learned" else None
        self.segment_embedding = nn.Embedding(config.segments, width) if config.segments else None
        self.embedding_norm = Norm(width, config) if config.embedding_norm else None
        self.dropout = config.dropout
        self.embedding = Tap()
        self.blocks = nn.ModuleList(Block(config, crossed) for _ in range(config.layers))
        self.final_norm = Norm(width, config) if config.final_norm else None
        self.hidden = Tap()
        self.sinusoids: Tensor | None
        self.rotary: Tensor | None
        with torch.device("cpu"):  # real numbers even where the weights have none yet: no file brings these
            rotary = rotary_table(config.context, size, config.rotary_base) if config.position == "rotary" else None
            table = sinusoids(config.context, width) if config.position == "sinusoidal" else None
        self.register_buffer("sinusoids", table, persistent=False)
        self.register_buffer("rotary", rotary, persistent=False)

    def two_streams(self, order: Tensor, real: Tensor | None = None) -> View:
        """What twice T positions may see: the first T are the content stream, the others ask (Yang et al. 2019, 2.3).

        order (B, T): when each position is predicted. The content of a position sees the content of those with its own
        number or a lower one, itself among them; its query sees those with a lower number alone. Both look at the
        content stream. real (B, T) is false on padding, which nobody sees.
        """
        length = order.shape[1]
        if length > self.context:
            raise ValueError(f"{length} tokens do not fit in a context of {self.context}")
        mine, others = order[:, :, None], order[:, None]
        seen = torch.cat((others <= mine, others < mine), dim=1)  # (B, 2T, T)
        if real is not None:
            seen &= real[:, None]
        blind = ~seen.any(-1, keepdim=True)[:, None]  # (B, 1, 2T, 1)
        rotary = None if self.rotary is None else self.rotary[:length].repeat(2, 1, 1, 1)
        return View(False, seen[:, None] | blind, rotary, content=length, blind=blind)

    def view(self, length: int, start: int = 0, real: Tensor | None = None) -> View:
        """What `length` positions after `start` cached ones may see; `real` (B, T) is false on padding."""
        end = start + length
        if end > self.context:
            raise ValueError(f"{end} tokens do not fit in a context of {self.context}")
        rotary = None if self.rotary is None else self.rotary[start:end]
        mask = None
        if not self.causal and real is not None:
            mask = real[:, None, None]  # (B, 1, 1, T)
        # Padding stands at the end, so that a causal model needs no mask for it: no real position looks that far.
        elif self.causal and start and length > 1:
            parameter = next(self.parameters())
            mask = torch.ones(length, end, dtype=torch.bool, device=parameter.device).tril(start)
        return View(self.causal and start == 0 and length > 1, mask, rotary, start)

    def embed(self, x: Tensor, segments: Tensor | None = None, start: int = 0) -> Tensor:
        """Token vectors (B, T, width) with positions and segments added: where the residual stream begins."""
        length = x.shape[1]
        if self.position_embedding is not None:
            x = x + self.position_embedding.weight[start : start + length]
        if self.sinusoids is not None:
            x = x + self.sinusoids[start : start + length]
        if self.segment_embedding is not None:
            x = x + (self.segment_embedding.weight[0] if segments is None else self.segment_embedding(segments))
        if self.embedding_norm is not None:
            x = self.embedding_norm(x)
        embedded: Tensor = self.embedding(drop(x, self.dropout, self.training))
        return embedded

    def run(self, x: Tensor, view: View, state: KeyValueState | None = None) -> Tensor:
        """Through the blocks and the final norm: (B, T, width) to (B, T, width)."""
        if state is not None and state.weights is not None and x.shape[1] == 1 and not observing():
            return run_one(x, self.config, state.weights, state.caches, view.start, view.rotary)
        for index, block in enumerate(self.blocks):
            source = state.sources[index] if state is not None and state.sources is not None else None
            cache = state.caches[index] if state is not None and state.caches else None
            x = block(x, view, cache, source, state.source_mask if state is not None else None)
        if self.final_norm is not None:
            x = self.final_norm(x)
        hidden: Tensor = self.hidden(x)
        return hidden

    def empty_caches(self, rows: int, capacity: int) -> list[KeysValues]:
        """Room for the keys and values of `capacity` tokens in every layer."""
        like = next(self.parameters())
        shape = (rows, self.groups, capacity, self.size)
        return [(like.new_empty(shape), like.new_empty(shape)) for _ in self.blocks]


class Transformer(Stack, Model):
    """A decoder, which writes left to right, or an encoder, which sees the whole text.

    An encoder with a query stream that is given a permutation predicts by it: the hidden vectors are those of the query
    stream, which knows where a position stands and not which token stands there.
    """

    config: TransformerConfig

    def __init__(self, config: TransformerConfig) -> None:
        assert config.vocabulary_size is not None
        super().__init__(config, causal=config.architecture == "decoder")
        self.token_embedding = nn.Embedding(config.vocabulary_size, config.width)
        self.token_head = TokenHead(config, config.vocabulary_size)
        self.query_embedding = nn.Embedding(1, config.width) if config.query_stream else None
        self.sentence_head = SentenceHead(config) if config.sentence_head else None

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.body(batch))

    def body(self, batch: Batch) -> Tensor:
        if batch.permutation is not None:
            return self._asked(batch, batch.permutation)
        view = self.view(batch.shape[1], real=batch.real)
        return self.run(self.embed(self.vectors(batch), batch.segments), view)

    def head(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of hidden vectors (..., width)."""
        logits: Tensor = self.token_head(hidden, self.token_embedding.weight)
        return logits

    def _asked(self, batch: Batch, order: Tensor) -> Tensor:
        """Hidden (B, T, width) of the query stream. Both streams go through the same weights, side by side."""
        if self.query_embedding is None:
            raise ValueError("only a model with a query stream predicts in an order of its own")
        view = self.two_streams(order, batch.real)
        content = self.vectors(batch)  # (B, T, width)
        queries = self.query_embedding.weight.expand_as(content)
        streams = [self.embed(x, batch.segments) for x in (content, queries)]
        return self.run(torch.cat(streams, dim=1), view)[:, content.shape[1] :]

    def vectors(self, batch: Batch) -> Tensor:
        """(B, T, width): the tokens' vectors, or the ones that the batch brings in their place."""
        if batch.embeddings is not None:
            return batch.embeddings
        assert batch.tokens is not None
        return self._look_up(batch.tokens)

    def _look_up(self, tokens: Tensor) -> Tensor:
        vectors = F.embedding(tokens, self.token_embedding.weight)
        return vectors * self.scale if self.scale != 1.0 else vectors

    def start(self, rows: int, capacity: int | None = None, source: Batch | None = None) -> KeyValueState:
        if not self.causal:
            raise NotImplementedError("an encoder does not write left to right")
        state = KeyValueState(self.empty_caches(rows, min(capacity or self.context, self.context)))
        state.weights = gather(self.blocks, self.final_norm)
        return state

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, KeyValueState]:
        assert isinstance(state, KeyValueState)
        start = state.length
        view = self.view(tokens.shape[1], start)
        hidden = self.run(self.embed(self._look_up(tokens), start=start), view, state)
        state.length = start + tokens.shape[1]
        return self.head(hidden), state
