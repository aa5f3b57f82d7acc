"""A tokenizer with a mask leaves for other programs with it, and comes back the same."""

import json
from pathlib import Path

import pytest

from llm_core.config import TokenizerKind
from llm_core.data.foreign_files import read_tokenizer, write_tokenizer
from llm_core.data.tokenizers import train_tokenizer

TEXT = ["The cat sat on the mat. 小狗在花园里。 "] * 30


@pytest.mark.parametrize("kind", ["word", "bpe", "wordpiece"])
def test_the_mask_is_the_same_token_elsewhere_and_back(kind: TokenizerKind, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    ours = train_tokenizer(kind, 420, TEXT, mask_token=True)
    write_tokenizer(ours, tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert (settings["mask_token"], settings["cls_token"]) == ("[MASK]", "<|endoftext|>")
    theirs = AutoTokenizer.from_pretrained(str(tmp_path))
    assert theirs.mask_token_id == ours.mask
    assert theirs.encode(" cat 小狗", add_special_tokens=False) == ours.encode(" cat 小狗")
    again = read_tokenizer(tmp_path, ours.vocabulary_size, encoder=True, config={})
    assert (again.mask, again.to_json()) == (ours.mask, ours.to_json())
