"""The Transformer of 2017: an encoder reads the source, a decoder writes the target and looks at what was read."""

from torch import Tensor, nn

from llm_core.config import TransformerConfig
from llm_core.models.base import Batch, Model, State
from llm_core.models.heads import TokenHead
from llm_core.models.transformer import KeyValueState, Stack


class EncoderDecoder(Model):
    """Source and target share one vocabulary and one embedding matrix, tied or not to the output (Vaswani 2017, 3.4).

    `Batch.tokens` is the target, `Batch.source` the text that is read; each may be padded.
    """

    config: TransformerConfig
    causal = True

    def __init__(self, config: TransformerConfig) -> None:
        assert config.vocabulary_size is not None
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocabulary_size, config.width)
        self.encoder = Stack(config, causal=False)
        self.decoder = Stack(config, causal=True, crossed=True)
        self.token_head = TokenHead(config, config.vocabulary_size)

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.body(batch))

    def body(self, batch: Batch) -> Tensor:
        if batch.source is None:
            raise ValueError("an encoder-decoder needs a source")
        state = self._attend_to(batch.source)
        embedded = self.decoder.embed(self._vectors(batch), batch.segments)
        return self.decoder.run(embedded, self.decoder.view(batch.shape[1]), state)

    def head(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of hidden vectors (..., width)."""
        logits: Tensor = self.token_head(hidden, self.token_embedding.weight)
        return logits

    def encode(self, source: Batch) -> Tensor:
        """Hidden vectors (B, S, width) of the source."""
        embedded = self.encoder.embed(self._vectors(source), source.segments)
        return self.encoder.run(embedded, self.encoder.view(source.shape[1], real=source.real))

    def start(self, rows: int, capacity: int | None = None, source: Batch | None = None) -> KeyValueState:
        if source is None or source.shape[0] != rows:
            raise ValueError("an encoder-decoder needs a source for every row")
        state = self._attend_to(source)
        state.caches = self.decoder.empty_caches(rows, min(capacity or self.config.context, self.config.context))
        return state

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, KeyValueState]:
        assert isinstance(state, KeyValueState)
        start = state.length
        view = self.decoder.view(tokens.shape[1], start)
        hidden = self.decoder.run(self.decoder.embed(self._vectors(Batch(tokens)), start=start), view, state)
        state.length = start + tokens.shape[1]
        return self.head(hidden), state

    def _attend_to(self, source: Batch) -> KeyValueState:
        hidden = self.encode(source)
        real = source.real
        sources = [block.cross_attention.read(hidden) for block in self.decoder.blocks]  # type: ignore[union-attr,operator]
        return KeyValueState([], sources, None if real is None else real[:, None, None])

    def _vectors(self, batch: Batch) -> Tensor:
        if batch.embeddings is not None:
            return batch.embeddings
        vectors: Tensor = self.token_embedding(batch.tokens)
        return vectors * self.encoder.scale
