"""Text comes back exactly from every tokenizer, and what a tokenizer says about its tokens is true."""

import json
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tokenizers import Regex
from tokenizers.pre_tokenizers import Split

from llm_core.config import TokenizerKind
from llm_core.data import vocabulary
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.data.words import PATTERNS
from llm_core.errors import UserError

KINDS: tuple[TokenizerKind, ...] = ("character", "word", "bpe", "wordpiece")
ENGLISH = (
    "The quick brown fox jumps over the lazy dog. Don't panic: it's only #1 of 42 foxes!\n"
    "def jump(height):\n    return height * 2  # twice as high\n"
) * 20
CHINESE = "今天的天气很好，我们去公园看花。你喜欢什么颜色？我喜欢红色和绿色，也喜欢蓝色。\n" * 20
NASTY = (
    "<|endoftext|> <|unknown|> <0x41> ##ing # ## ### Ġthe \u0120 [UNK]"
    " e\u0301 \u0301alone \u202eright to left\u202c 👩‍👩‍👧 𝔘 \U0010ffff \ufffd \ufeff"
    " \x00\x01\x1b\x7f\x85\u2028\u2029 \r\n \r tab\tand   many    spaces \n\n\n\n"
)
quick = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
any_text = st.text(st.characters(blacklist_categories=("Cs",)))
likely_text = st.lists(st.sampled_from([*NASTY, *"the fox ", *"今天，", "##", "<|endoftext|>", "<0x0A>"])).map("".join)


@cache
def tokenizer(kind: TokenizerKind, byte_fallback: bool = True) -> Tokenizer:
    return train_tokenizer(kind, 700, [ENGLISH, CHINESE], byte_fallback)


@cache
def library(kind: TokenizerKind, byte_fallback: bool) -> tokenizers.Tokenizer:
    return tokenizers.Tokenizer.from_str(tokenizer(kind, byte_fallback).to_json())


@pytest.mark.parametrize("kind", KINDS)
@given(text=any_text | likely_text)
@example(text=NASTY)
@example(text="")
@example(text="<|endoftext|>")
@example(text="<0x41>")
@quick
def test_text_comes_back_exactly(kind: TokenizerKind, text: str) -> None:
    ids = tokenizer(kind).encode(text)
    assert tokenizer(kind).decode(ids) == text
    assert int(tokenizer(kind).characters[ids].sum()) == len(text)
    assert Tokenizer.end_of_text not in ids


@pytest.mark.parametrize("byte_fallback", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@given(text=any_text | likely_text)
@example(text=NASTY)
@example(text="")
@example(text="鱻a鱻 unseen")
@quick
def test_spans_say_where_each_token_stands(kind: TokenizerKind, byte_fallback: bool, text: str) -> None:
    chosen = tokenizer(kind, byte_fallback)
    ids, spans = chosen.encode(text), chosen.spans(text)
    assert len(spans) == len(ids)
    for token, (start, end) in zip(ids, spans, strict=True):
        assert chosen.token_bytes[token] in text[start:end].encode() or chosen.pieces[token] == "\ufffd"
    assert_in_a_row(spans, text)


def assert_in_a_row(spans: list[tuple[int, int]], text: str) -> None:
    """Each begins where the last ended, or in the character of which that was a part; together they are the text."""
    held = 0
    for start, end in spans:
        assert held - 1 <= start <= held <= end
        held = end
    assert held == len(text)


@pytest.mark.parametrize("kind", KINDS)
def test_spans_of_a_long_text_go_on_after_the_place_where_it_is_cut(kind: TokenizerKind) -> None:
    text = "The fox, 鱻 and 公园 " * 5000
    spans = tokenizer(kind).spans(text)
    assert len(spans) == len(tokenizer(kind).encode(text))
    assert_in_a_row(spans, text)


def test_the_parts_of_a_character_share_its_place() -> None:
    assert tokenizer("character").spans("a鱻") == [(0, 1), (1, 2), (1, 2), (1, 2)]


@pytest.mark.parametrize("kind", KINDS)
@given(text=any_text | likely_text)
@example(text=ENGLISH + CHINESE)
@quick
def test_no_token_runs_over_the_end_of_a_word(kind: TokenizerKind, text: str) -> None:
    chosen = tokenizer(kind)
    ends = chosen.word_ends(text)
    assert ends == sorted(ends)
    assert (ends or [0])[-1] == len(text)
    token_ends = np.cumsum([len(chosen.token_bytes[token]) for token in chosen.encode(text)]).tolist()
    assert {len(text[:end].encode()) for end in ends} <= set(token_ends)


@pytest.mark.parametrize("kind", KINDS)
@given(text=st.text(st.characters(categories=("Cs", "L", "P"))))
@example(text="a\ud800b\udc00")
@quick
def test_lone_surrogates_become_the_replacement_sign(kind: TokenizerKind, text: str) -> None:
    decoded = tokenizer(kind).decode(tokenizer(kind).encode(text))
    assert decoded == text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


@pytest.mark.parametrize("kind", KINDS)
def test_a_typed_control_token_is_plain_text(kind: TokenizerKind) -> None:
    ids = tokenizer(kind).encode("<|endoftext|>")
    assert len(ids) > 1
    assert 0 not in ids


@pytest.mark.parametrize("kind", KINDS)
def test_chinese_gets_tokens_of_its_own(kind: TokenizerKind) -> None:
    text = "我们去公园看花。"
    ids = tokenizer(kind).encode(text)
    assert len(ids) <= len(text)
    assert all("<0x" not in tokenizer(kind).pieces[token] for token in ids)


def test_words_keep_the_space_before_them_and_ideographs_stand_alone() -> None:
    words = tokenizer("word")
    assert [words.pieces[i] for i in words.encode("The lazy fox don't 看花")] == ["The", " lazy", " fox", " ", "d", "o", "n", "'", "t", " ", "看", "花"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_saved_and_loaded_it_is_the_same(kind: TokenizerKind, tmp_path: Path) -> None:
    made = tokenizer(kind)
    made.save(tmp_path / "tokenizer.json")
    loaded = Tokenizer.load(tmp_path / "tokenizer.json")
    assert loaded.kind == kind
    assert loaded.vocabulary_size == made.vocabulary_size
    assert loaded.encode(ENGLISH + NASTY + CHINESE) == made.encode(ENGLISH + NASTY + CHINESE)
    assert loaded.token_bytes == made.token_bytes


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_text_trains_the_same_tokenizer(kind: TokenizerKind) -> None:
    once, again = (train_tokenizer(kind, 700, [ENGLISH, CHINESE]).to_json() for _ in range(2))
    assert once == again


@pytest.mark.parametrize("kind", KINDS)
def test_ids_count_from_end_of_text_and_are_all_described(kind: TokenizerKind) -> None:
    made = tokenizer(kind)
    assert made.token_bytes[0] == b""
    assert made.pieces[0] == "<|endoftext|>"
    assert len(made.token_bytes) == len(made.pieces) == len(made.characters) == made.vocabulary_size
    assert len(set(made.token_bytes)) == made.vocabulary_size or kind == "wordpiece"
    assert made.decode([0, *made.encode("a"), 0]) == "a"


def test_pieces_show_what_cannot_be_seen() -> None:
    made = tokenizer("bpe")
    by_bytes = {data: made.pieces[i] for i, data in enumerate(made.token_bytes)}
    assert by_bytes[b"\x00"] == "<U+0000>"
    assert by_bytes[b"\xe4"] == "<0xE4>"
    assert by_bytes[b"\n"] == "\n"


def test_a_character_split_over_tokens_decodes_whole_and_its_half_shows() -> None:
    made = tokenizer("character")
    ids = made.encode("鱻")
    assert len(ids) == 3
    assert made.decode(ids) == "鱻"
    assert made.decode(ids[:2]) == "\ufffd"


@pytest.mark.parametrize("byte_fallback", [True, False])
@pytest.mark.parametrize("kind", KINDS)
@given(text=any_text | likely_text)
@example(text=NASTY + ENGLISH + CHINESE)
@quick
def test_the_library_alone_gives_the_same_ids(kind: TokenizerKind, byte_fallback: bool, text: str) -> None:
    made = tokenizer(kind, byte_fallback)
    assert library(kind, byte_fallback).encode(text, add_special_tokens=False).ids == made.encode(text)


@pytest.mark.parametrize("pattern", PATTERNS.values())
@given(text=any_text | likely_text)
@quick
def test_patterns_cover_a_text_and_both_engines_read_them_alike(pattern: str, text: str) -> None:
    words = re.findall(pattern, text)
    assert "".join(words) == text
    assert [word for word, _ in Split(Regex(pattern), "isolated").pre_tokenize_str(text)] == words
    assert all(len(word) <= 37 for word in words)


def test_patterns_tell_every_character_alike() -> None:
    text = "".join(
        f"a{chr(code)}b "
        for code in range(0x30000)
        if not 0xD800 <= code < 0xE000 and code % 7 < 2 + (code < 0x3100) * 5
    )
    for pattern in PATTERNS.values():
        assert [word for word, _ in Split(Regex(pattern), "isolated").pre_tokenize_str(text)] == re.findall(
            pattern, text
        )


@pytest.mark.parametrize("kind", ["word", "bpe", "wordpiece"])
def test_no_pattern_is_taken_from_a_file(kind: TokenizerKind) -> None:
    content = tokenizer(kind).to_json().replace(json.dumps(PATTERNS[kind], ensure_ascii=False)[1:-1], "(a+)+$|.")
    assert "(a+)+$" in content
    with pytest.raises(UserError, match="pattern"):
        Tokenizer.from_json(content)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tokenizer_that_changes_text_is_refused(kind: TokenizerKind) -> None:
    content = json.loads(tokenizer(kind).to_json()) | {"normalizer": {"type": "Lowercase"}}
    with pytest.raises(UserError, match="changes text"):
        Tokenizer.from_json(json.dumps(content))


def test_gpt2s_own_way_of_finding_words_is_left_to_the_library() -> None:
    content = json.loads(tokenizer("bpe").to_json())
    content["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    made = Tokenizer.from_json(json.dumps(content))
    assert made.kind == "bpe"
    assert made.decode(made.encode(NASTY)) == NASTY
    assert made.encode(ENGLISH) == tokenizers.Tokenizer.from_str(json.dumps(content)).encode(ENGLISH).ids


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_text_gives_a_small_vocabulary(kind: TokenizerKind) -> None:
    made = train_tokenizer(kind, 50_000, ["abc abc abc"])
    assert made.vocabulary_size < vocabulary.smallest(kind, True) + 10


@pytest.mark.parametrize("kind", KINDS)
def test_the_asked_size_is_reached_by_a_large_text_and_never_passed(kind: TokenizerKind) -> None:
    text = " ".join(f"w{number:x}" for number in range(3000)) * 2 + "".join(map(chr, range(0x4E00, 0x5400))) * 2
    assert train_tokenizer(kind, 600, [text]).vocabulary_size == 600


@pytest.mark.parametrize("kind", KINDS)
def test_too_small_a_vocabulary_is_refused_with_the_least_that_works(kind: TokenizerKind) -> None:
    least = vocabulary.smallest(kind, True)
    with pytest.raises(UserError, match=str(least)):
        train_tokenizer(kind, least - 1, ["abc"])
    assert train_tokenizer(kind, least, ["abc"]).vocabulary_size == least


def test_without_bytes_characters_have_just_their_own_tokens() -> None:
    made = train_tokenizer("character", 1000, ["hello"], byte_fallback=False)
    assert made.vocabulary_size == 2 + len(set("hello"))
    assert made.decode(made.encode("hellö")) == "hell\ufffd"
    assert not made.lossless
    assert tokenizer("character").lossless


def test_without_bytes_an_unseen_word_is_unknown() -> None:
    made = train_tokenizer("word", 1000, ["a dog\na dog\n"], byte_fallback=False)
    assert made.kind == "word"
    assert made.decode(made.encode("a cat")) == "a\ufffd"


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_text_without_a_break_is_encoded_in_reasonable_time(kind: TokenizerKind) -> None:
    text = "我们喜欢红色" * 50_000 + "x" * 200_000
    made = tokenizer(kind)
    assert made.decode(made.encode(text)) == text


def test_an_empty_text_has_no_ids() -> None:
    assert tokenizer("bpe").encode("") == []
    assert tokenizer("bpe").encode_array("").dtype == np.uint32


def test_more_words_than_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_core.data.tokenizers._MOST_KNOWN", 100)
    made = train_tokenizer("bpe", 700, [ENGLISH])
    text = " ".join(f"word{number:x}" for number in range(50_000))
    assert made.decode(made.encode(text)) == text


@pytest.mark.parametrize(
    "content",
    ["", "{}", "[]", "null", '{"model": null}', '{"model": {"type": "BPE"}}', "\0", '{"version":"1.0","model":{"type":"Unigram","vocab":[]}}'],
)  # fmt: skip
def test_what_is_no_tokenizer_is_refused(content: str, tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UserError):
        Tokenizer.load(file)


def test_a_missing_or_binary_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        Tokenizer.load(tmp_path / "tokenizer.json")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError):
        Tokenizer.load(tmp_path / "binary")


@given(st.data())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_a_changed_tokenizer_file_loads_or_is_refused(data: st.DataObject) -> None:
    content = json.loads(train_tokenizer("wordpiece", 400, ["abc"]).to_json())
    target = content
    while isinstance(target, dict) and target:
        key = data.draw(st.sampled_from(sorted(target)))
        if not isinstance(target[key], dict) or data.draw(st.booleans()):
            target[key] = data.draw(st.none() | st.integers() | st.text(max_size=5) | st.just({}) | st.just([]))
            break
        target = target[key]
    with suppress(UserError):
        Tokenizer.from_json(json.dumps(content))
