"""Tokenizers as other programs write them, trained on a page of text: for tests of what is brought in."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from llm_core.data.foreign_parts import PATTERNS

TEXT = (
    "The quick brown fox jumps over the lazy dog. Don't panic: it's only #1 of 42 foxes!\n"
    "def jump(height):\n    return height * 2  # twice as high\n"
    "今天的天气很好，我们去公园看花。你喜欢什么颜色？我喜欢红色和绿色，也喜欢蓝色。\n"
) * 5
END = "<|endoftext|>"
KINDS = ("gpt2", "llama3", "qwen2", "llama", "metaspace", "bert", "cased")


@cache
def tokenizer(kind: str) -> Tokenizer:
    """A tokenizer with the parts that this family has."""
    if kind in ("bert", "cased"):
        return _bert(lowercase=kind == "bert")
    if kind in ("llama", "metaspace"):
        return _llama(kind)
    made = Tokenizer(models.BPE())
    split = {"llama3": PATTERNS[1], "qwen2": PATTERNS[2]}.get(kind)
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if split is not None:
        made.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(split), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    if kind == "qwen2":
        made.normalizer = normalizers.NFC()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator([TEXT], trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False))  # fmt: skip
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([END])
    if kind == "qwen2":
        made.add_tokens(["<tool>"])
    return made


def _bert(lowercase: bool) -> Tokenizer:
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    signs = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator([TEXT], trainers.WordPieceTrainer(vocab_size=300, special_tokens=signs, show_progress=False))  # fmt: skip
    made.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )  # fmt: skip
    made.decoder = decoders.WordPiece()
    return made


def _llama(kind: str) -> Tokenizer:
    made = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    if kind == "llama":
        made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    signs = ["<unk>", "<s>", "</s>"]
    known = [*signs, *(f"<0x{byte:02X}>" for byte in range(256))]
    made.train_from_iterator(TEXT.split("\n"), trainers.BpeTrainer(vocab_size=420, special_tokens=known, show_progress=False))  # fmt: skip
    content = json.loads(made.to_str())
    content["added_tokens"] = content["added_tokens"][: len(signs)]
    made = Tokenizer.from_str(json.dumps(content))
    made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return made


SIGNS: dict[str, dict[str, Any]] = {
    "llama": {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"},
    "metaspace": {
        "bos_token": {"__type": "AddedToken", "content": "<s>", "lstrip": False},
        "eos_token": "</s>",
        "unk_token": "<unk>",
    },
    "llama3": {"bos_token": END, "eos_token": END},
    "qwen2": {"eos_token": END},
}


def write_tokenizer(kind: str, folder: Path) -> Path:
    """`tokenizer.json` with the settings beside it, as far as the family needs them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(tokenizer(kind).to_str(), encoding="utf-8")
    if kind in SIGNS:
        (folder / "tokenizer_config.json").write_text(json.dumps(SIGNS[kind]), encoding="utf-8")
    return folder


def write_model(kind: str, folder: Path, **options: Any) -> Path:
    """A whole folder: a model of this family with random weights, and its tokenizer."""
    from llm_core import hub
    from llm_core.models.build import build
    from llm_core.models.presets import preset

    name = {"llama3": "llama", "metaspace": "llama", "cased": "bert", "qwen2": "qwen"}.get(kind, kind)
    sizes = {"width": 16, "layers": 2, "heads": 2, "context": 32} | options
    model = build(preset(name, vocabulary_size=tokenizer(kind).get_vocab_size(), **sizes), seed=3)
    hub.write_folder(model, write_tokenizer(kind, folder))
    return folder
