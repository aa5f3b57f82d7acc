"""An LSTM language model (Hochreiter 1997): one token at a time, everything it knows in a state of fixed size."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_core.config import RecurrentConfig
from llm_core.models.base import Batch, Model, State
from llm_core.taps import Tap

HiddenCell = tuple[Tensor, Tensor]
"""Hidden vector and cell of one layer, each (1, B, width)."""


class RecurrentState:
    """Hidden vector and cell of every layer after `length` tokens."""

    def __init__(self, layers: list[HiddenCell], length: int = 0) -> None:
        self.layers = layers
        self.length = length

    def select(self, rows: Tensor) -> "RecurrentState":
        """The state of these rows; repeats are allowed."""
        picked = [(hidden.index_select(1, rows), cell.index_select(1, rows)) for hidden, cell in self.layers]
        return RecurrentState(picked, self.length)


class LSTMLayer(nn.Module):
    """One layer. Gates and cells hide in a fused kernel and are computed step by step when somebody looks.

    They come stacked over time, (B, T, width); an edit gets one step (B, 1, width) at a time, so that what it changes
    reaches the steps after. `hidden` is what the next layer gets: a change there does not flow back into the loop.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.input_gate, self.forget_gate, self.candidate, self.output_gate = Tap(), Tap(), Tap(), Tap()
        self.cells = Tap()
        self.hidden = Tap()

    def forward(self, x: Tensor, state: HiddenCell) -> tuple[Tensor, HiddenCell]:
        """x (B, T, width); hidden vectors (B, T, width) and the state after the last."""
        inner = (self.input_gate, self.forget_gate, self.candidate, self.output_gate, self.cells)
        outputs, after = self._explicit(x, state) if any(tap.wanted for tap in inner) else self.lstm(x, state)
        return self.hidden(outputs), after

    def _explicit(self, x: Tensor, state: HiddenCell) -> tuple[Tensor, HiddenCell]:
        hidden, cell = state[0].squeeze(0), state[1].squeeze(0)  # (B, width)
        taps = (self.input_gate, self.forget_gate, self.candidate, self.output_gate, self.cells)
        seen: list[list[Tensor]] = [[] for _ in taps]
        hiddens = []
        input_weight, state_weight, input_bias, state_bias = self.lstm.all_weights[0]
        incoming = F.linear(x, input_weight, input_bias)  # (B, T, 4 width)
        for t in range(x.shape[1]):
            together = incoming[:, t] + F.linear(hidden, state_weight, state_bias)
            enter, forget, candidate, leave = together.chunk(4, dim=-1)  # torch's order
            values = [enter.sigmoid(), forget.sigmoid(), candidate.tanh(), leave.sigmoid()]
            values = [tap.edit(value[:, None])[:, 0] for tap, value in zip(taps, values, strict=False)]
            cell = self.cells.edit((values[1] * cell + values[0] * values[2])[:, None])[:, 0]
            hidden = values[3] * cell.tanh()
            hiddens.append(hidden)
            for steps, value in zip(seen, (*values, cell), strict=True):
                steps.append(value)
        for tap, steps in zip(taps, seen, strict=True):
            tap.collect(torch.stack(steps, dim=1))
        return torch.stack(hiddens, dim=1), (hidden[None], cell[None])


class Recurrent(Model):
    """Embedding, LSTM layers, output. It has no longest length: the state carries on for ever."""

    config: RecurrentConfig
    causal = True

    def __init__(self, config: RecurrentConfig) -> None:
        assert config.vocabulary_size is not None
        super().__init__()
        self.config = config
        self.token_embedding = nn.Embedding(config.vocabulary_size, config.width)
        self.embedding = Tap()
        self.layers = nn.ModuleList(LSTMLayer(config.width) for _ in range(config.layers))
        self.dropout = nn.Dropout(config.dropout)
        shape = (config.vocabulary_size, config.width)
        self.head_weight = None if config.tied_embeddings else nn.Parameter(torch.empty(shape))

    @property
    def maximum_length(self) -> int | None:
        return None

    def forward(self, batch: Batch) -> Tensor:
        return self.head(self.body(batch))

    def body(self, batch: Batch) -> Tensor:
        vectors = self.token_embedding(batch.tokens) if batch.embeddings is None else batch.embeddings
        return self._run(vectors, self.start(batch.shape[0]))[0]

    def head(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of hidden vectors (..., width)."""
        weight = self.token_embedding.weight if self.head_weight is None else self.head_weight
        logits = F.linear(hidden, weight)
        return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits

    def start(self, rows: int, capacity: int | None = None, source: Batch | None = None) -> RecurrentState:
        zeros = self.token_embedding.weight.new_zeros(1, rows, self.config.width)
        return RecurrentState([(zeros, zeros)] * self.config.layers)

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, RecurrentState]:
        assert isinstance(state, RecurrentState)
        hidden, after = self._run(self.token_embedding(tokens), state)
        return self.head(hidden), after

    def _run(self, x: Tensor, state: RecurrentState) -> tuple[Tensor, RecurrentState]:
        length = state.length + x.shape[1]
        x = self.dropout(self.embedding(x))
        after = []
        for layer, before in zip(self.layers, state.layers, strict=True):
            x, layer_after = layer(x, before)
            x = self.dropout(x)
            after.append(layer_after)
        return x, RecurrentState(after, length)


def initialize_recurrent(model: Recurrent, generator: torch.Generator) -> None:
    """Uniform matrices as in torch; forget gates start open (Jozefowicz 2015), so that gradients reach far back."""
    width = model.config.width
    with torch.no_grad():
        model.token_embedding.weight.normal_(0, 0.1, generator=generator)
        if model.head_weight is not None:
            model.head_weight.normal_(0, 0.1, generator=generator)
        for name, weight in model.layers.named_parameters():
            if weight.ndim == 2:
                weight.uniform_(-(width**-0.5), width**-0.5, generator=generator)
            else:
                weight.zero_()
                if "bias_ih" in name:
                    weight[width : 2 * width] = 1.0
