"""Models and texts that several tests of this room look at: small, of every architecture, with weights that matter."""

import torch

from llm_core.config import TaskConfig, TransformerConfig
from llm_core.interpret.reading import Reading, Side
from llm_core.models.base import Model
from llm_core.models.build import build
from llm_core.models.presets import preset

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


VARIETIES: dict[str, tuple[str, dict[str, object]]] = {
    "ours": ("ours", {}),
    "gpt2": ("gpt2", {}),
    "llama": ("llama", {"key_value_heads": 2}),
    "qwen": ("qwen", {}),
    "bert": ("bert", {}),
    "transformer": ("transformer", {}),
    "pre-norm with a source": (
        "transformer",
        {"norm_position": "before", "final_norm": True, "tied_embeddings": False},
    ),
    "post-norm decoder": ("bert", {"architecture": "decoder", "head_transform": False, "final_norm": True}),
    "attention only": ("gpt2", {"feed_forward_width": 0}),
    "rms after": ("llama", {"norm_position": "after", "biases": True}),
}
"""Presets and what is changed in them: everything that a Transformer here can be made of."""


def variety_of(name: str) -> Model:
    """A small model of this kind whose every parameter is drawn at random, gains and biases too."""
    base, changes = VARIETIES[name]
    return shaken(build(preset(base, **{**SIZE, **changes})))


def task_model_of(task: str, pooling: str = "mean_and_max", **body: object) -> Model:
    """A model that says one of three classes, or a tag of each token."""
    config = TransformerConfig(**{**SIZE, "architecture": "encoder", "biases": True, **body})  # type: ignore[arg-type]
    return shaken(build(TaskConfig(task=task, labels=3, pooling=pooling, body=config)))  # type: ignore[arg-type]


def shaken(model: Model) -> Model:
    """The same model, ready to be looked at, with something random added to every parameter."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return model.eval().requires_grad_(False)
