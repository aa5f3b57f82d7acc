"""Pairs of texts: laid out with their signs, half of them true, the same for the same place."""

import numpy as np
import pytest

from llm_core.data.sentence_pairs import SentencePair, SentencePairs, Sentences
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.errors import UserError

NAMES = ["Ada", "Ben", "Cleo", "Dan", "Eve", "Fay"]
TEXTS = [f"{name} ran home. Then {name} said: “I slept!” So {name} ate. 她{name}笑了。 End {name}?" for name in NAMES]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer("word", 400, TEXTS * 3, mask_token=True)


def stream(tokenizer: Tokenizer, texts: list[str] = TEXTS) -> np.ndarray:
    return np.concatenate([[0, *tokenizer.encode(text)] for text in texts]).astype(np.uint16)


def shown(tokenizer: Tokenizer, pair: SentencePair) -> tuple[str, str]:
    ids = pair.tokens.tolist()
    assert ids[0] == ids[-1] == 0
    middle = ids.index(0, 1)
    assert ids.count(0) == 3
    assert pair.segments.tolist() == [0] * (middle + 1) + [1] * (len(ids) - middle - 1)
    return tokenizer.decode(ids[1:middle]), tokenizer.decode(ids[middle + 1 : -1])


def test_seams_are_where_a_sentence_ends_inside_a_document(tokenizer: Tokenizer) -> None:
    found = Sentences(stream(tokenizer), tokenizer, 128)
    tokens = stream(tokenizer)
    after = [tokenizer.decode(tokens[seam : seam + 2].tolist()).split()[0] for seam in found.seams[:4]]
    assert after == ["Then", "So", "她", "End"]
    assert len(found.seams) == 4 * len(TEXTS)
    assert 0 not in tokens[found.seams]


def test_half_of_the_pairs_go_on_and_the_others_come_from_another_document(tokenizer: Tokenizer) -> None:
    sentences = Sentences(stream(tokenizer), tokenizer, 128)
    random = np.random.default_rng(1)
    follows, partners = [], set()
    for _ in range(60):
        for number in range(len(sentences.seams)):
            pair = sentences.pair(number, random)
            first, second = shown(tokenizer, pair)
            mine = NAMES[number // 4]
            assert mine in first
            follows.append(pair.follows)
            if pair.follows:
                assert first + second == TEXTS[number // 4]
            else:
                assert mine not in second
                partners |= {name for name in NAMES if name in second}
    assert abs(np.mean(follows) - 0.5) < 0.04
    assert partners == set(NAMES)


def test_a_pair_fits_the_context_and_keeps_what_is_nearest_to_the_seam(tokenizer: Tokenizer) -> None:
    sentences = Sentences(stream(tokenizer), tokenizer, 13)
    random = np.random.default_rng(2)
    for number in (1, 2, 3) * 10:
        pair = sentences.pair(number, random)
        first, second = shown(tokenizer, pair)
        assert len(pair.tokens) <= 13
        if pair.follows:
            assert first + second in TEXTS[0]
    # At the last seam the second text is short, and the first one takes what it leaves.
    last = next(pair for _ in range(20) if (pair := sentences.pair(3, random)).follows)
    assert len(last.tokens) == 13


def test_places_follow_from_two_numbers(tokenizer: Tokenizer) -> None:
    sentences = Sentences(stream(tokenizer), tokenizer, 64)
    one = SentencePairs(sentences, 5, seed=3)
    before = [[shown(tokenizer, pair) for pair in one.next()] for _ in range(7)]
    other = SentencePairs(sentences, 5, seed=3)
    for count in (0, 3, 4, 6):
        part = SentencePairs(sentences, 5, seed=3)
        for _ in range(count):
            part.next()
        other.restore(part.state())
        assert [shown(tokenizer, pair) for pair in other.next()] == before[count]
    assert one.state() == {"epoch": 1, "position": 3}
    assert before[4:] != before[:3]
    # In an epoch every seam comes at most once.
    firsts = [first for batch in before[:4] for first, _ in batch]
    assert len(set(firsts)) == 20


def test_a_text_of_single_sentences_is_refused(tokenizer: Tokenizer) -> None:
    for texts in (["Ada ran home."] * 4, [TEXTS[0], "Ben ran", "Cleo ran"]):
        with pytest.raises(UserError, match="too few documents of two sentences"):
            Sentences(stream(tokenizer, texts), tokenizer, 64)
