"""Merges, made one by one, end where the tokenizer ends; and figures of a tokenizer agree with counting."""

import json
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.config import TokenizerKind
from llm_core.data.compression import measure
from llm_core.data.merges import Merges
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.errors import UserError

TEXT = "The cat sat on the mat. A rat sat on the cat. aaaa aaa aaaaa " * 20 + "我们去公园看花，我们喜欢花。" * 20


@cache
def tokenizer() -> Tokenizer:
    return train_tokenizer("bpe", 400, [TEXT])


@cache
def gpt2_style() -> Tokenizer:
    content = json.loads(tokenizer().to_json())
    content["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return Tokenizer.from_json(json.dumps(content))


@pytest.mark.parametrize("make", [tokenizer, gpt2_style], ids=["ours", "GPT-2's words"])
@given(text=st.text(max_size=60) | st.text(alphabet="aact hes.我们去看花é\u0301👩‍\ud800", max_size=60))
@settings(deadline=None, max_examples=60)
def test_the_last_state_is_what_the_tokenizer_gives(make: "cache[Tokenizer]", text: str) -> None:
    made = make()
    states = list(Merges(made).steps(text))
    assert list(states[-1].ids) == made.encode(text)
    assert b"".join(made.words(text)).decode() == text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")  # fmt: skip
    assert states[0].merge is None
    assert [made.token_bytes[token] for token in states[0].ids] == [bytes([b]) for b in b"".join(made.words(text))]
    ranks = [state.merge.rank for state in states[1:] if state.merge]
    assert ranks == sorted(set(ranks))
    for before, after in pairwise(states):
        assert after.merge is not None
        assert len(before.ids) - len(after.ids) == len(after.places) > 0
        undone = [
            part
            for place, token in enumerate(after.ids)
            for part in ((after.merge.left, after.merge.right) if place in after.places else (token,))
        ]
        assert undone == list(before.ids)
        starts = [b"".join(made.token_bytes[t] for t in after.ids[a:b]) for a, b in pairwise([*after.words, None])]
        assert starts == made.words(text)


def test_merges_come_in_the_order_in_which_they_were_learnt() -> None:
    merges = Merges(tokenizer()).learnt
    made = tokenizer()
    assert [merge.rank for merge in merges] == list(range(len(merges)))
    assert len(merges) == made.vocabulary_size - 257
    for merge in merges:
        assert made.token_bytes[merge.result] == made.token_bytes[merge.left] + made.token_bytes[merge.right]
        assert merge.left < merge.result
        assert merge.right < merge.result


@pytest.mark.parametrize("kind", ["character", "word", "wordpiece"])
def test_other_kinds_have_no_merges(kind: TokenizerKind) -> None:
    with pytest.raises(UserError, match=kind):
        Merges(train_tokenizer(kind, 700, [TEXT]))


def test_older_files_write_merges_as_strings() -> None:
    content = json.loads(tokenizer().to_json())
    content["model"]["merges"] = [" ".join(pair) for pair in content["model"]["merges"]]
    assert Merges(Tokenizer.from_json(json.dumps(content))).learnt == Merges(tokenizer()).learnt


def test_figures_of_a_tokenizer() -> None:
    words = train_tokenizer("word", 700, ["the cat sat\nthe cat sat\n我们 我们"])
    found = measure(words, ["the cat sat", "我们猫."], {"我们"})
    # " " stands in "the", " cat", " sat"; 猫 was never seen and takes three bytes, as does no other.
    assert (found.tokens, found.characters, found.words, found.spelled) == (9, 15, 6, 3)
    assert (found.characters_per_token, found.fertility, found.spelled_share) == (15 / 9, 9 / 6, 3 / 9)
    unknown = train_tokenizer("word", 700, ["the cat\nthe cat\n"], byte_fallback=False)
    assert measure(unknown, ["the dog"]).spelled == 1
    nothing = measure(words, [])
    assert (nothing.tokens, nothing.characters_per_token, nothing.fertility, nothing.spelled_share) == (0, 0, 0, 0)
