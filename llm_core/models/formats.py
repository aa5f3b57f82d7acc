"""What Hugging Face calls our settings and tensors: GPT-2, BERT, Llama, Qwen 2 and Qwen 3, as tables. Knows no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Setting:
    """One of our config's fields and their key (dotted where nested; `older` is what earlier files call it)."""

    ours: str
    theirs: str
    default: Any = None
    values: Mapping[Any, Any] | None = None
    older: str | None = None
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    """One of our tensors and theirs; several of theirs are stacked along the first dimension.

    `{n}` stands for the number of a layer. `turned`: theirs is (in, out), as in GPT-2's Conv1D. `halved`: the first
    so many of theirs hold queries or keys whose rotary pairs are i and i + size / 2; ours are neighbours.
    """

    ours: str
    theirs: tuple[str, ...]
    turned: bool = False
    halved: int = 0


@dataclass(frozen=True)
class Format:
    """A kind of folder: what its keys mean, what they must be, and what its tensors are called."""

    model_type: str
    class_name: str
    fixed: Mapping[str, Any]
    settings: tuple[Setting, ...]
    rows: tuple[Row, ...]
    required: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    prefix: str = ""
    ignored: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)


def _rows(
    pairs: Mapping[str, str | tuple[str, ...]], parts: tuple[str, ...], turned: bool = False, halved: int = 0
) -> tuple[Row, ...]:
    """A row for each part (weight, bias) of each pair of modules."""
    return tuple(
        Row(f"{ours}.{part}", tuple(f"{name}.{part}" for name in ((theirs,) if isinstance(theirs, str) else theirs)), turned and part == "weight", halved)
        for ours, theirs in pairs.items()
        for part in parts
    )  # fmt: skip


_ACTIVATIONS = {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu", "relu": "relu"}
_BOTH = ("weight", "bias")

GPT2 = Format(
    model_type="gpt2",
    class_name="GPT2LMHeadModel",
    fixed={
        "architecture": "decoder", "position": "learned", "norm": "layer", "norm_position": "before", "biases": True,
    },
    settings=(
        Setting("vocabulary_size", "vocab_size", 50257),
        Setting("context", "n_positions", 1024),
        Setting("width", "n_embd", 768),
        Setting("layers", "n_layer", 12),
        Setting("heads", "n_head", 12),
        Setting("feed_forward_width", "n_inner"),
        Setting("activation", "activation_function", "gelu_new", _ACTIVATIONS),
        Setting("norm_epsilon", "layer_norm_epsilon", 1e-5),
        Setting("tied_embeddings", "tie_word_embeddings", True),
        Setting("dropout", "resid_pdrop", 0.1, also=("embd_pdrop", "attn_pdrop")),
    ),
    required={
        "scale_attn_weights": (True,), "scale_attn_by_inverse_layer_idx": (False,), "add_cross_attention": (False,),
    },
    prefix="transformer.",
    rows=(
        *_rows({
            "token_embedding": "transformer.wte",
            "position_embedding": "transformer.wpe",
            "token_head": "lm_head",
        }, ("weight",)),
        *_rows({
            "blocks.{n}.attention_norm": "transformer.h.{n}.ln_1",
            "blocks.{n}.feed_forward_norm": "transformer.h.{n}.ln_2",
            "final_norm": "transformer.ln_f",
        }, _BOTH),
        *_rows({
            "blocks.{n}.attention.query_key_value": "transformer.h.{n}.attn.c_attn",
            "blocks.{n}.attention.output": "transformer.h.{n}.attn.c_proj",
            "blocks.{n}.feed_forward.up": "transformer.h.{n}.mlp.c_fc",
            "blocks.{n}.feed_forward.down": "transformer.h.{n}.mlp.c_proj",
        }, _BOTH, turned=True),
    ),
    ignored=(r"transformer\.h\.\d+\.attn\.(masked_)?bias", r"lm_head\.weight"),
)  # fmt: skip

BERT = Format(
    model_type="bert",
    class_name="BertForMaskedLM",
    fixed={
        "architecture": "encoder", "position": "learned", "norm": "layer", "norm_position": "after", "biases": True,
        "embedding_norm": True, "final_norm": False, "head_transform": True, "head_bias": True,
    },
    settings=(
        Setting("vocabulary_size", "vocab_size", 30522),
        Setting("context", "max_position_embeddings", 512),
        Setting("width", "hidden_size", 768),
        Setting("layers", "num_hidden_layers", 12),
        Setting("heads", "num_attention_heads", 12),
        Setting("feed_forward_width", "intermediate_size", 3072),
        Setting("segments", "type_vocab_size", 2),
        Setting("activation", "hidden_act", "gelu", _ACTIVATIONS),
        Setting("norm_epsilon", "layer_norm_eps", 1e-12),
        Setting("tied_embeddings", "tie_word_embeddings", True),
        Setting("dropout", "hidden_dropout_prob", 0.1, also=("attention_probs_dropout_prob",)),
    ),
    required={
        "position_embedding_type": ("absolute",), "is_decoder": (False,), "add_cross_attention": (False,),
    },
    prefix="bert.",
    rows=(
        *_rows({
            "token_embedding": "bert.embeddings.word_embeddings",
            "position_embedding": "bert.embeddings.position_embeddings",
            "segment_embedding": "bert.embeddings.token_type_embeddings",
            "token_head": "cls.predictions.decoder",
        }, ("weight",)),
        Row("token_head.bias", ("cls.predictions.bias",)),
        *_rows({
            "embedding_norm": "bert.embeddings.LayerNorm",
            "blocks.{n}.attention.query_key_value": (
                "bert.encoder.layer.{n}.attention.self.query",
                "bert.encoder.layer.{n}.attention.self.key",
                "bert.encoder.layer.{n}.attention.self.value",
            ),
            "blocks.{n}.attention.output": "bert.encoder.layer.{n}.attention.output.dense",
            "blocks.{n}.attention_norm": "bert.encoder.layer.{n}.attention.output.LayerNorm",
            "blocks.{n}.feed_forward.up": "bert.encoder.layer.{n}.intermediate.dense",
            "blocks.{n}.feed_forward.down": "bert.encoder.layer.{n}.output.dense",
            "blocks.{n}.feed_forward_norm": "bert.encoder.layer.{n}.output.LayerNorm",
            "token_head.transform": "cls.predictions.transform.dense",
            "token_head.norm": "cls.predictions.transform.LayerNorm",
        }, _BOTH),
    ),
    ignored=(
        r"bert\.embeddings\.position_ids", r"bert\.pooler\..*", r"cls\.seq_relationship\..*",
        r"cls\.predictions\.decoder\.(weight|bias)",
    ),
    renamed={"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"},
)  # fmt: skip

_LLAMA_FIXED = {
    "architecture": "decoder", "position": "rotary", "norm": "rms", "norm_position": "before", "activation": "swiglu",
}  # fmt: skip
_LLAMA_SETTINGS = (
    Setting("vocabulary_size", "vocab_size", 32000),
    Setting("context", "max_position_embeddings", 2048),
    Setting("width", "hidden_size", 4096),
    Setting("layers", "num_hidden_layers", 32),
    Setting("heads", "num_attention_heads", 32),
    Setting("key_value_heads", "num_key_value_heads"),
    Setting("feed_forward_width", "intermediate_size", 11008),
    Setting("norm_epsilon", "rms_norm_eps", 1e-6),
    Setting("rotary_base", "rope_parameters.rope_theta", 10_000.0, older="rope_theta"),
    Setting("tied_embeddings", "tie_word_embeddings", False),
)
_LLAMA_REQUIRED = {
    "hidden_act": ("silu",), "attention_bias": (False,), "mlp_bias": (False,), "rope_scaling": (None,),
    "rope_parameters.rope_type": ("default",), "use_sliding_window": (False,), "pretraining_tp": (1,),
}  # fmt: skip
_LLAMA_ROWS = (
    *_rows({
        "token_embedding": "model.embed_tokens",
        "token_head": "lm_head",
        "final_norm": "model.norm",
        "blocks.{n}.attention_norm": "model.layers.{n}.input_layernorm",
        "blocks.{n}.feed_forward_norm": "model.layers.{n}.post_attention_layernorm",
        "blocks.{n}.attention.output": "model.layers.{n}.self_attn.o_proj",
        "blocks.{n}.feed_forward.gate": "model.layers.{n}.mlp.gate_proj",
        "blocks.{n}.feed_forward.up": "model.layers.{n}.mlp.up_proj",
        "blocks.{n}.feed_forward.down": "model.layers.{n}.mlp.down_proj",
    }, ("weight",)),
    *_rows({
        "blocks.{n}.attention.query_norm": "model.layers.{n}.self_attn.q_norm",
        "blocks.{n}.attention.key_norm": "model.layers.{n}.self_attn.k_norm",
    }, ("weight",), halved=1),
    *_rows({
        "blocks.{n}.attention.query_key_value": (
            "model.layers.{n}.self_attn.q_proj",
            "model.layers.{n}.self_attn.k_proj",
            "model.layers.{n}.self_attn.v_proj",
        ),
    }, _BOTH, halved=2),
)  # fmt: skip
_LLAMA_IGNORED = (r"model\.layers\.\d+\.self_attn\.rotary_emb\.inv_freq", r"lm_head\.weight")


def _llama(model_type: str, class_name: str, **fixed: Any) -> Format:
    return Format(
        model_type, class_name, {**_LLAMA_FIXED, **fixed}, _LLAMA_SETTINGS, _LLAMA_ROWS,
        required=_LLAMA_REQUIRED, ignored=_LLAMA_IGNORED,
    )  # fmt: skip


FORMATS = {
    kind.model_type: kind
    for kind in (
        GPT2,
        BERT,
        _llama("llama", "LlamaForCausalLM"),
        _llama("qwen2", "Qwen2ForCausalLM", query_key_value_biases=True),
        _llama("qwen3", "Qwen3ForCausalLM", query_key_norm=True),
    )
}
