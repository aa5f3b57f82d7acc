"""What is hidden from a model is what the settings say, whole words stay whole, and a generator decides alone."""

from functools import cache

import numpy as np
import pytest

from llm_core.config import Masking, TokenizerKind, TrainingConfig
from llm_core.data.masking import LONGEST_SPAN, Masker
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.data.word_starts import WordStarts

ENGLISH = "The quick brown fox jumped over the unhappy dogs. Nobody knows why they didn't bark at it, or ran away. " * 8
CHINESE = "今天的天气很好，我们去公园看花。你喜欢什么颜色？" * 8
KINDS: tuple[TokenizerKind, ...] = ("character", "word", "bpe", "wordpiece")
MASKINGS: tuple[Masking, ...] = ("tokens", "whole_words", "spans")


@cache
def tokenizer(kind: TokenizerKind = "wordpiece") -> Tokenizer:
    return train_tokenizer(kind, 420, [ENGLISH, CHINESE], mask_token=True)


def row(text: str, kind: TokenizerKind = "wordpiece") -> np.ndarray:
    return np.array([0, *tokenizer(kind).encode(text)], dtype=np.int64)


def masker(masking: Masking, share: float = 0.15) -> Masker:
    return Masker(tokenizer(), masking, share)


def written(ids: np.ndarray, kind: TokenizerKind) -> list[str]:
    """The words that the starts give, as text."""
    starts = np.flatnonzero(WordStarts(tokenizer(kind))(ids))
    return [tokenizer(kind).decode(part.tolist()) for part in np.split(ids, starts[1:])]


@pytest.mark.parametrize("kind", ["word", "bpe", "wordpiece"])
def test_words_are_those_of_a_text(kind: TokenizerKind) -> None:
    found = written(row("The foxes didn't bark twice.", kind), kind)
    apostrophe = [" didn't"] if kind == "word" else [" didn", "'t"] if kind == "bpe" else [" didn", "'", "t"]
    assert found == ["", "The", " foxes", *apostrophe, " bark", " twice", "."]
    # Seen by nobody: spelled in several tokens, and yet one word.
    assert len(row(" foxes", kind)) > 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_chinese_character_never_falls_apart_and_control_tokens_stand_alone(kind: TokenizerKind) -> None:
    ids = np.concatenate((row("我们去鱻园。", kind), row("fox", kind)))
    found = written(ids, kind)
    assert "".join(found) == "我们去鱻园。fox"
    assert any(word.startswith("鱻") for word in found)
    assert len(tokenizer(kind).encode("鱻")) > 1
    assert [place for place, word in enumerate(found) if word == ""] == [0, found.index("。") + 1]


def test_a_row_that_begins_inside_a_character_keeps_its_places() -> None:
    ids = row("鱻 dogs bark")[2:]
    words = written(ids, "wordpiece")
    assert words[-2:] == [" dogs", " bark"]
    assert set("".join(words[:-2])) == {"\ufffd"}


@pytest.mark.parametrize("masking", MASKINGS)
@pytest.mark.parametrize("share", [0.15, 0.4])
def test_so_many_tokens_are_asked_for_and_no_control_token_is(masking: Masking, share: float) -> None:
    ids = np.concatenate((row(ENGLISH[:400]), row(CHINESE[:100])))
    own = int((ids > 0).sum())
    random = np.random.default_rng(1)
    counts = []
    for _ in range(50):
        read, asked = masker(masking, share).hide(ids, random)
        assert not asked[ids == 0].any()
        assert (read == ids)[~asked].all()
        counts.append(int(asked.sum()))
    assert max(counts) <= round(share * own)
    assert np.mean(counts) == pytest.approx(share * own, abs=0.7)


@pytest.mark.parametrize("masking", MASKINGS)
def test_eighty_percent_become_the_mask_ten_another_token_and_ten_stay(masking: Masking) -> None:
    ids, random = row(ENGLISH), np.random.default_rng(2)
    mask = tokenizer().mask
    assert mask is not None
    asked_for, masked, same, exchanged = 0, 0, 0, set[int]()
    for _ in range(300):
        read, asked = masker(masking).hide(ids, random)
        chosen = read[asked]
        asked_for += len(chosen)
        masked += int((chosen == mask).sum())
        same += int((chosen == ids[asked]).sum())
        exchanged |= set(chosen[(chosen != mask) & (chosen != ids[asked])].tolist())
    # A draw decides for a whole span, so that there are fewer of them.
    near = 0.05 if masking == "spans" else 0.02
    assert masked / asked_for == pytest.approx(0.8, abs=near)
    assert same / asked_for == pytest.approx(0.1, abs=near)
    # Any token may stand in another's place, but no sign that stands for no text.
    assert len(exchanged) > 0.9 * (tokenizer().vocabulary_size - 2)
    assert not exchanged & {0, mask}


def test_a_word_is_hidden_whole_or_not_at_all() -> None:
    ids, random = row(ENGLISH), np.random.default_rng(3)
    starts = WordStarts(tokenizer())(ids)
    number = np.cumsum(starts)
    torn = 0
    for _ in range(50):
        _, asked = masker("whole_words").hide(ids, random)
        assert all(asked[number == word].all() for word in set(number[asked].tolist()))
        _, single = masker("tokens").hide(ids, random)
        torn += any(not single[number == word].all() for word in set(number[single].tolist()))
    assert torn == 50


def test_spans_are_runs_of_whole_words_of_geometric_length() -> None:
    ids, random = row(ENGLISH * 4), np.random.default_rng(4)
    starts = WordStarts(tokenizer())(ids)
    lengths = []
    for _ in range(60):
        begins, sizes = masker("spans").choose(ids, random)
        for begin, size in zip(begins.tolist(), sizes.tolist(), strict=True):
            assert starts[begin]
            assert begin + size == len(ids) or starts[begin + size]
        lengths += [int(starts[begin : begin + size].sum()) for begin, size in zip(begins, sizes, strict=True)]
    assert max(lengths) == LONGEST_SPAN
    # SpanBERT: 3.8 words on average; a little less here, since a span ends early where the budget does.
    assert 3.2 < float(np.mean(lengths)) < 3.8
    shares = np.bincount(lengths, minlength=11)[1:] / len(lengths)
    exact = 0.2 * 0.8 ** np.arange(10)
    assert shares[:4] == pytest.approx((exact / exact.sum())[:4], abs=0.06)


def test_all_of_a_span_has_the_same_lot() -> None:
    ids, random = row(ENGLISH * 2), np.random.default_rng(5)
    lots = set()
    for _ in range(30):
        state = random.bit_generator.state
        begins, sizes = masker("spans").choose(ids, random)
        random.bit_generator.state = state
        read, _ = masker("spans").hide(ids, random)
        for begin, size in zip(begins.tolist(), sizes.tolist(), strict=True):
            part, was = read[begin : begin + size], ids[begin : begin + size]
            lot = "mask" if (part == tokenizer().mask).all() else "same" if (part == was).all() else "other"
            assert lot != "other" or not (part == tokenizer().mask).any()
            lots.add(lot)
    assert lots == {"mask", "same", "other"}


def test_the_generator_decides_alone() -> None:
    ids = row(ENGLISH)
    runs = [masker("whole_words").hide(ids, np.random.default_rng(seed)) for seed in (6, 6, 7)]
    assert (runs[0][0] == runs[1][0]).all()
    assert (runs[0][1] != runs[2][1]).any()


def test_a_row_of_one_token_is_asked_for_it_and_an_empty_one_for_nothing() -> None:
    random = np.random.default_rng(8)
    for masking in MASKINGS:
        assert masker(masking).hide(np.array([0, 5]), random)[1].tolist() == [False, True]
        assert masker(masking).hide(np.array([0]), random)[1].tolist() == [False]


def test_settings_say_how() -> None:
    found = Masker.of(tokenizer(), TrainingConfig(masking="spans", mask_share=0.3))
    assert (found.masking, found.share) == ("spans", 0.3)
