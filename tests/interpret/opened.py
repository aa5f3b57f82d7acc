"""Models and texts that several tests of this room look at: small, of every architecture, with weights that matter."""

import torch

from llm_core.config import TransformerConfig
from llm_core.interpret.reading import Reading, Side
from llm_core.models.base import Model
from llm_core.models.build import build

SIZE = {"vocabulary_size": 19, "context": 12, "width": 24, "layers": 2, "heads": 4}


def model_of(**options: object) -> Model:
    """A model with weights so large that its heads look at some tokens more than at others."""
    model = build(TransformerConfig(**{**SIZE, **options}), seed=1).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(5)
    return model


def side_of(*ids: int) -> Side:
    return Side(ids, tuple(f"t{token}" for token in ids), tuple((place, place + 1) for place in range(len(ids))))


def reading_of(model: Model) -> Reading:
    """A text of six tokens, and for an encoder-decoder a source of four."""
    crossed = model.config.family == "transformer" and model.config.architecture == "encoder_decoder"
    return Reading(side_of(0, 3, 7, 3, 11, 5), side_of(4, 2, 9, 0) if crossed else None, 0)
