"""Famous models as sets of options of the one Transformer, at any size. Knows no torch."""

from typing import Any

from llm_core.config import TransformerConfig, parse
from llm_core.errors import UserError

PRESETS: dict[str, dict[str, Any]] = {
    # Small models learn fastest so: measured in benchmarks/learning_speed.py.
    "ours": {
        "position": "rotary", "rotary_base": 1000.0, "norm": "rms", "norm_weights": False, "embedding_norm": True,
        "query_key_norm": True, "activation": "relu_squared", "tied_embeddings": False, "logit_softcap": 15.0,
        "initialization": "zero_output",
    },
    # Vaswani 2017, "Attention Is All You Need".
    "transformer": {
        "architecture": "encoder_decoder", "position": "sinusoidal", "norm": "layer", "norm_position": "after",
        "final_norm": False, "activation": "relu", "biases": True, "embedding_scale": True, "initialization": "xavier",
    },
    # Radford 2019.
    "gpt2": {"position": "learned", "norm": "layer", "activation": "gelu_tanh", "biases": True},
    # Devlin 2018.
    "bert": {
        "architecture": "encoder", "position": "learned", "norm": "layer", "norm_position": "after",
        "norm_epsilon": 1e-12, "embedding_norm": True, "final_norm": False, "activation": "gelu", "biases": True,
        "segments": 2, "head_transform": True, "head_bias": True,
    },
    # Touvron 2023.
    "llama": {"position": "rotary", "norm": "rms", "norm_epsilon": 1e-6, "activation": "swiglu", "tied_embeddings": False},
    # Qwen 2 (Yang 2024): Llama with biases on queries, keys and values.
    "qwen": {
        "position": "rotary", "rotary_base": 1_000_000.0, "norm": "rms", "norm_epsilon": 1e-6, "activation": "swiglu",
        "query_key_value_biases": True,
    },
}  # fmt: skip


def preset(name: str, **changes: Any) -> TransformerConfig:
    """The options of a famous model, with a size and whatever else is changed. Raises UserError."""
    if name not in PRESETS:
        raise UserError("There is no preset {name}; choose one of {allowed}.", name=name, allowed=", ".join(PRESETS))
    return parse(TransformerConfig, {**PRESETS[name], **changes})
