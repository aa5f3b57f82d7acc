"""A model for a task on a text: a body that reads all of it, and a head that says what is asked.

Three heads: a class of the whole text out of the pooled vectors of its tokens, a tag for each token (sequence labelling),
and two pointers, to the first and to the last token of an answer (Devlin 2018, 4.2).
"""

import torch
from torch import Tensor, nn

from llm_core.config import Pooling, TaskConfig, TransformerConfig
from llm_core.models.base import Batch, Model
from llm_core.models.layers import drop
from llm_core.models.recurrent import Recurrent
from llm_core.models.size import head_inputs, head_outputs
from llm_core.models.transformer import Transformer
from llm_core.taps import Tap


class TaskModel(Model):
    """`reader` is the body: an encoder, or a recurrent network that reads the text once, from its beginning.

    The weights of the reader have the names of a model of their own, so that a pre-trained one can be put in its place.
    """

    config: TaskConfig
    causal = False

    def __init__(self, config: TaskConfig) -> None:
        """Raises ValueError where the vocabulary size or the number of labels is not set."""
        if config.vocabulary_size is None:
            raise ValueError("the vocabulary size is not set")
        super().__init__()
        self.config = config
        body = config.reader
        self.reader = Transformer(body) if isinstance(body, TransformerConfig) else Recurrent(body)
        self.pooled = Tap() if config.task == "classify" else None
        self.task_head = nn.Linear(head_inputs(config), head_outputs(config))

    def forward(self, batch: Batch) -> Tensor:
        """classify: (B, labels) · tag: (B, T, labels) · answer: (B, T, 2), for the first and the last token of the answer.

        At least fp32. What stands at padding holds no meaning.
        """
        return self.head(self.body(batch), batch.real)

    def body(self, batch: Batch) -> Tensor:
        return self.reader.body(batch)

    def head(self, hidden: Tensor, real: Tensor | None = None) -> Tensor:
        """The logits of hidden vectors (B, T, width); real (B, T) is false on padding, None where there is none."""
        if self.pooled is not None:
            hidden = self.pooled(pool(hidden, real, self.config.pooling))
        logits: Tensor = self.task_head(drop(hidden, self.config.dropout, self.training))
        return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits

    @property
    def maximum_length(self) -> int | None:
        return self.reader.maximum_length


def pool(hidden: Tensor, real: Tensor | None, kind: Pooling) -> Tensor:
    """(B, T, width) to (B, width), with mean_and_max (B, 2 width): padding has no part in it."""
    if kind == "first":
        return hidden[:, 0]
    if real is None:
        mean, largest = hidden.mean(1), hidden.amax(1)
    else:
        inside = real[:, :, None]
        mean = (hidden * inside).sum(1) / inside.sum(1)
        largest = hidden.masked_fill(~inside, float("-inf")).amax(1)
    return mean if kind == "mean" else torch.cat((mean, largest), dim=-1)


def initialize_head(model: TaskModel, generator: torch.Generator) -> None:
    """Small weights, so that at first nearly all labels are alike (Devlin 2018)."""
    with torch.no_grad():
        model.task_head.weight.normal_(0, 0.02, generator=generator)
        model.task_head.bias.zero_()
