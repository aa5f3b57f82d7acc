"""Hugging Face folders: logits equal those of `transformers` on the same random weights, in both directions."""

import json
import pickle
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from llm_core import hub
from llm_core.config import TransformerConfig
from llm_core.errors import UserError
from llm_core.models.base import Batch
from llm_core.models.build import build
from llm_core.models.formats import FORMATS
from llm_core.models.presets import preset

LLAMA = {
    "vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 80, "max_position_embeddings": 24, "bos_token_id": None, "eos_token_id": None,
    "rope_parameters": {"rope_theta": 500.0, "rope_type": "default"},
}  # fmt: skip
SETTINGS: dict[str, dict[str, Any]] = {
    "gpt2": {"vocab_size": 97, "n_positions": 24, "n_embd": 32, "n_layer": 3, "n_head": 4, "bos_token_id": None, "eos_token_id": None},
    "bert": {"vocab_size": 97, "max_position_embeddings": 24, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 80},
    "llama": LLAMA,
    "qwen2": {**LLAMA, "tie_word_embeddings": True},
    "qwen3": {**LLAMA, "head_dim": 8},
}  # fmt: skip


def peer_of(model_type: str, **changes: Any) -> Any:
    """A small model of `transformers` with random weights, biases and gains included."""
    name = FORMATS[model_type].class_name
    config_class = getattr(transformers, name.replace("LMHeadModel", "").replace("ForMaskedLM", "").replace("ForCausalLM", "") + "Config")  # fmt: skip
    torch.manual_seed(5)
    peer = getattr(transformers, name)(config_class(**{**SETTINGS[model_type], **changes})).eval()
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return peer


def tokens(rows: int = 3, length: int = 20) -> torch.Tensor:
    return torch.randint(97, (rows, length), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("model_type", FORMATS)
def test_logits_equal_transformers(model_type: str, tmp_path: Path) -> None:
    peer = peer_of(model_type)
    peer.save_pretrained(tmp_path)
    model = hub.read_folder(tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(model(Batch(tokens())), peer(tokens()).logits, atol=1e-4, rtol=0)


def test_bert_logits_equal_transformers_with_padding_and_segments(tmp_path: Path) -> None:
    peer = peer_of("bert")
    peer.save_pretrained(tmp_path)
    lengths, segments = torch.tensor([20, 7, 13]), (torch.arange(20) > 4).long().expand(3, 20)
    batch = Batch(tokens(), lengths, segments=segments)
    with torch.no_grad():
        ours = hub.read_folder(tmp_path)(batch)
        theirs = peer(tokens(), attention_mask=batch.real.long(), token_type_ids=segments).logits
    torch.testing.assert_close(ours[batch.real], theirs[batch.real], atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["gpt2", "bert", "llama", "qwen"])
def test_a_model_of_ours_opens_in_transformers(name: str, tmp_path: Path) -> None:
    model = build(preset(name, vocabulary_size=97, width=32, layers=2, heads=4, context=24), seed=3).eval()
    model_type = hub.write_folder(model, tmp_path)
    peer, report = getattr(transformers, FORMATS[model_type].class_name).from_pretrained(tmp_path, output_loading_info=True)  # fmt: skip
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    with torch.no_grad():
        torch.testing.assert_close(model(Batch(tokens())), peer.eval()(tokens()).logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("model_type", FORMATS)
def test_there_and_back_changes_no_bit(model_type: str, tmp_path: Path) -> None:
    peer_of(model_type).save_pretrained(tmp_path / "theirs")
    hub.write_folder(hub.read_folder(tmp_path / "theirs"), tmp_path / "ours")
    theirs, ours = load_file(tmp_path / "theirs" / "model.safetensors"), load_file(tmp_path / "ours" / "model.safetensors")  # fmt: skip
    assert theirs.keys() == ours.keys()
    assert all(torch.equal(theirs[name], ours[name]) for name in theirs)


def test_untied_gpt2_keeps_its_own_output_matrix(tmp_path: Path) -> None:
    peer = peer_of("gpt2", tie_word_embeddings=False)
    peer.save_pretrained(tmp_path)
    with torch.no_grad():
        ours = hub.read_folder(tmp_path)(Batch(tokens()))
        torch.testing.assert_close(ours, peer(tokens()).logits, atol=1e-4, rtol=0)


def test_a_body_saved_without_its_prefix_opens(tmp_path: Path) -> None:
    """The checkpoint on the hub that is called gpt2 has no `transformer.` in its names and keeps its masks."""
    peer = peer_of("gpt2")
    peer.transformer.save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["h.0.attn.bias"] = torch.ones(1, 1, 24, 24)
    save_file(tensors, tmp_path / "model.safetensors")
    with torch.no_grad():
        ours = hub.read_folder(tmp_path)(Batch(tokens()))
        torch.testing.assert_close(ours, peer(tokens()).logits, atol=1e-4, rtol=0)


def test_shards_are_read_and_stay_in_the_folder(tmp_path: Path) -> None:
    peer = peer_of("llama")
    peer.save_pretrained(tmp_path, max_shard_size="20KB")
    index = tmp_path / "model.safetensors.index.json"
    with torch.no_grad():
        ours = hub.read_folder(tmp_path)(Batch(tokens()))
        torch.testing.assert_close(ours, peer(tokens()).logits, atol=1e-4, rtol=0)
    index.write_text(json.dumps({"weight_map": {"x": "../../secret.safetensors"}}))
    with pytest.raises(UserError, match="outside the folder"):
        hub.read_folder(tmp_path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "mamba"}, "mamba"),
        ({"model_type": ["gpt2"]}, "model type"),
        ({"scale_attn_by_inverse_layer_idx": True}, "scale_attn_by_inverse_layer_idx"),
        ({"activation_function": "swish"}, "activation_function"),
        ({"activation_function": ["gelu"]}, "activation_function"),
        ({"n_head": 5}, "does not divide"),
        ({"n_layer": 1_000_000}, "layers"),
        ({"n_layer": "3"}, "layers"),
        ({"n_embd": 4096, "n_head": 1, "n_layer": 12}, "parameters"),
        ({"n_embd": 64}, "shape"),
        ({"n_layer": 4}, "no tensor"),
        ({"n_layer": 2}, "unknown"),
        ({"vocab_size": 98}, "shape"),
    ],
)
def test_a_config_that_lies_is_refused_in_one_sentence(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    peer_of("gpt2").save_pretrained(tmp_path)
    change_config(tmp_path, changes)
    with pytest.raises(UserError, match=words):
        hub.read_folder(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, b" " * 1_000_001])
def test_a_broken_config_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(UserError):
        hub.read_folder(tmp_path)


@pytest.mark.parametrize("key", ["auto_map", "quantization_config"])
def test_a_config_that_asks_for_code_or_packed_weights_is_refused(key: str, tmp_path: Path) -> None:
    peer_of("gpt2").save_pretrained(tmp_path)
    (tmp_path / "evil.py").write_text("raise SystemExit('ran')")
    change_config(tmp_path, {key: {"AutoModel": "evil.Evil"}})
    with pytest.raises(UserError, match=key):
        hub.read_folder(tmp_path)


def test_what_a_config_says_beside_its_settings_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = peer_of("gpt2")
    peer.save_pretrained(tmp_path)
    change_config(tmp_path, {"_name_or_path": "somebody/else", "_attn_implementation_internal": "evil/kernel:x", "task_specific_params": {}})  # fmt: skip

    def refuse(*_: object) -> None:
        raise AssertionError("somebody opened a connection")

    monkeypatch.setattr(socket, "socket", refuse)
    with torch.no_grad():
        torch.testing.assert_close(hub.read_folder(tmp_path)(Batch(tokens())), peer(tokens()).logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.ckpt"])
def test_files_that_can_run_code_are_named_and_never_opened(name: str, tmp_path: Path) -> None:
    peer_of("gpt2").save_pretrained(tmp_path)
    (tmp_path / name).write_bytes(pickle.dumps({"weights": 1.0}))
    assert hub.read_folder(tmp_path).config.width == 32
    (tmp_path / "model.safetensors").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=f"{name} may run code"):
        hub.read_folder(tmp_path)
    (tmp_path / name).rename(tmp_path / "model.safetensors")
    with pytest.raises(UserError, match=r"model\.safetensors is not a"):
        hub.read_folder(tmp_path)


def test_a_rotary_model_with_a_longer_context_than_ours_is_cut_to_it(tmp_path: Path) -> None:
    peer = peer_of("qwen2", max_position_embeddings=40_000)
    peer.save_pretrained(tmp_path)
    model = hub.read_folder(tmp_path)
    assert model.config.context == hub.LONGEST_CONTEXT
    with torch.no_grad():
        torch.testing.assert_close(model(Batch(tokens())), peer(tokens()).logits, atol=1e-4, rtol=0)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    peer = peer_of("gpt2")
    name = "transformer.h.1.ln_1.weight"
    with torch.no_grad():
        peer.get_parameter(name)[3] = float("nan")
    peer.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="not all finite"):
        hub.read_folder(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    save_file(tensors | {name: torch.ones(32, dtype=torch.int64)}, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="floating point"):
        hub.read_folder(tmp_path)
    save_file(tensors | {"transformer.h.1.attn.c_attn.weight": torch.tensor(1.0)}, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="shape"):
        hub.read_folder(tmp_path)


def test_a_shape_that_lies_is_found_before_a_weight_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    peer_of("gpt2").save_pretrained(tmp_path)
    change_config(tmp_path, {"n_embd": 64})
    monkeypatch.setattr(hub, "read_tensors", lambda path: pytest.fail("the weights were read"))
    with pytest.raises(UserError, match="shape"):
        hub.read_folder(tmp_path)


def test_more_parameters_than_the_limit_are_refused_with_both_numbers(tmp_path: Path) -> None:
    peer_of("gpt2").save_pretrained(tmp_path)
    count = sum(parameter.numel() for parameter in hub.read_folder(tmp_path).parameters())
    assert hub.read_folder(tmp_path, limit=count)
    with pytest.raises(UserError, match=f"{count:,} parameters; at most {count - 1:,}"):
        hub.read_folder(tmp_path, limit=count - 1)


def change_config(folder: Path, changes: dict[str, Any]) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_options_that_no_format_has_are_refused(tmp_path: Path) -> None:
    model = build(TransformerConfig(vocabulary_size=20, width=16, heads=2, activation="relu_squared"))
    with pytest.raises(UserError, match="No Hugging Face model"):
        hub.write_folder(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()
