"""Heads: what stands on a body. From hidden vectors to the logits of the next, or the masked, token; and whether one text
follows another."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_core.config import TransformerConfig
from llm_core.models.layers import Norm, activate


class TokenHead(nn.Module):
    """Logits over the vocabulary. A tied head has no matrix of its own and is handed the embedding's.

    With `head_transform` a layer, the activation and a norm come before (Devlin 2018, the masked-model head).
    """

    def __init__(self, config: TransformerConfig, vocabulary_size: int) -> None:
        super().__init__()
        width = config.width
        self.activation = config.activation
        self.softcap = config.logit_softcap
        self.transform = nn.Linear(width, width, bias=config.biases) if config.head_transform else None
        self.norm = Norm(width, config) if config.head_transform else None
        self.weight = None if config.tied_embeddings else nn.Parameter(torch.empty(vocabulary_size, width))
        self.bias = nn.Parameter(torch.zeros(vocabulary_size)) if config.head_bias else None

    def forward(self, hidden: Tensor, embedding: Tensor) -> Tensor:
        """hidden (..., width); embedding (V, width), used where the head is tied; logits (..., V), at least fp32."""
        logits = self.uncapped(hidden, embedding)
        return logits if self.softcap is None else self.softcap * torch.tanh(logits / self.softcap)

    def uncapped(self, hidden: Tensor, embedding: Tensor) -> Tensor:
        """The same before the soft cap."""
        if self.transform is not None and self.norm is not None:
            hidden = self.norm(activate(self.transform(hidden), self.activation))
        logits = F.linear(hidden, embedding if self.weight is None else self.weight, self.bias)
        return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits


class SentenceHead(nn.Module):
    """Whether the second of two texts follows the first: a layer with tanh on the first position, then two logits
    (Devlin 2018, 3.1, task 2)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.pooler = nn.Linear(config.width, config.width, bias=config.biases)
        self.output = nn.Linear(config.width, 2, bias=config.biases)

    def forward(self, hidden: Tensor) -> Tensor:
        """hidden (B, T, width); logits (B, 2), the second that it follows, at least fp32."""
        logits: Tensor = self.output(torch.tanh(self.pooler(hidden[:, 0])))
        return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
