"""What is held out is chosen by content, close to the asked share, and never on both sides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_core.data import split
from llm_core.data.split import HELD_OUT, LEFT_OUT, TRAINING, Splitter, cut_near_line_end
from llm_core.errors import UserError


def decide(documents: list[tuple[int, int]], share: float) -> split.Split:
    splitter = Splitter(share)
    for content_hash, characters in documents:
        splitter.add(content_hash, characters)
    return splitter.finish()


documents = st.lists(st.tuples(st.integers(0, 2**64 - 1), st.just(7)), min_size=2, max_size=40).map(
    lambda items: [(content, 2 + content % 1000) for content, _ in items]
)


@given(documents=documents, share=st.floats(0.01, 0.5))
def test_equal_documents_fall_on_the_same_side_and_both_sides_have_some(
    documents: list[tuple[int, int]], share: float
) -> None:
    found = decide(documents, share)
    assert len(found.sides) == len(documents)
    if len({content for content, _ in documents}) == 1:
        assert list(found.sides) == [TRAINING] + [LEFT_OUT] * (len(documents) - 1)
        return
    assert set(found.sides) == {TRAINING, HELD_OUT}
    side_of = dict(zip((content for content, _ in documents), found.sides, strict=True))
    assert [side_of[content] for content, _ in documents] == list(found.sides)
    trained = sum(size for (_, size), side in zip(documents, found.sides, strict=True) if side == TRAINING)
    assert found.characters == trained


def test_the_order_of_documents_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    items = [(int(rng.integers(2**63)), int(rng.integers(1, 500))) for _ in range(100)]
    there = dict(zip(items, decide(items, 0.1).sides, strict=True))
    back = dict(zip(items[::-1], decide(items[::-1], 0.1).sides, strict=True))
    assert there == back


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
def test_the_share_is_met_in_characters(share: float) -> None:
    rng = np.random.default_rng(1)
    items = [(int(rng.integers(2**63)), int(rng.integers(1, 2000))) for _ in range(200)]
    total = sum(size for _, size in items)
    assert decide(items, share).characters / total == pytest.approx(1 - share, abs=0.02)


def test_very_many_documents_are_split_without_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split, "_MOST_WEIGHED", 1000)
    rng = np.random.default_rng(2)
    items = [(int(rng.integers(2**64, dtype=np.uint64)), 10) for _ in range(20_000)]
    found = decide(items + items[:500], 0.1)
    assert found.sides.count(HELD_OUT) / len(found.sides) == pytest.approx(0.1, abs=0.01)
    assert list(found.sides[-500:]) == list(found.sides[:500])
    assert found.characters == 10 * found.sides.count(TRAINING)


def test_very_many_copies_of_one_document_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(split, "_MOST_WEIGHED", 10)
    with pytest.raises(UserError, match="alike"):
        decide([(5, 10)] * 100, 0.1)


def test_one_document_is_cut_and_its_copies_left_out() -> None:
    found = decide([(5, 1000)] * 3, 0.1)
    assert found.cut == 900
    assert list(found.sides) == [TRAINING, LEFT_OUT, LEFT_OUT]


def test_one_character_cannot_be_split() -> None:
    with pytest.raises(UserError, match="needs at least 2"):
        decide([(5, 1)], 0.1)
    assert decide([(5, 2)], 0.01).cut == 1


@given(text=st.text("ab \n", min_size=2, max_size=50), data=st.data())
def test_a_cut_lies_inside_and_near(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(text) - 1))
    tolerance = data.draw(st.integers(1, 10))
    place = cut_near_line_end(text, at, tolerance)
    assert 0 < place < len(text)
    assert abs(place - at) <= tolerance


def test_a_cut_prefers_line_ends_then_spaces() -> None:
    assert cut_near_line_end("aaaa aa\nbb", 5, 4) == 8
    assert cut_near_line_end("a\naaaaaaaa", 4, 4) == 2
    assert cut_near_line_end("aaaaaa bbbb", 4, 4) == 6
