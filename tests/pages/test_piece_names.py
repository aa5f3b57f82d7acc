"""How the pieces of a model are called on the page *Inside*, also in the pictures that grow outside of a session."""

from functools import partial

import pytest

from llm_core.runs.inquired import AblationQuestion, InquiryConfig, PathsQuestion
from llm_core.runs.inquiry import Answer
from pages.ui.charts import LIGHT
from pages.ui.inside.ablation import ablation_rows
from pages.ui.inside.patching import path_rows
from pages.ui.inside.places import listed, piece_in
from pages.ui.text import translate

CHINESE = partial(translate, code="zh")
TEXT = {"text": "a b", "token": 1, "target": 0}


@pytest.mark.parametrize(
    ("name", "english", "chinese"),
    [
        ("decoder.embedding", "embedding", "嵌入"),
        ("decoder.0.2", "layer 0, head 2", "第 0 层第 2 头"),
        ("encoder.10.2", "encoder, layer 10, head 2", "编码器，第 10 层第 2 头"),
        ("decoder.1.feed_forward", "layer 1, feed-forward", "第 1 层的前馈层"),
        ("decoder.1.feed_forward.17", "layer 1, neuron 17", "第 1 层第 17 个神经元"),
        ("position.3", "the token at position 3", "位置 3 的词元"),
    ],
)
def test_a_piece_has_a_name_in_every_language(name: str, english: str, chinese: str) -> None:
    assert piece_in(str, name) == english
    assert piece_in(CHINESE, name) == chinese


def test_names_with_commas_of_their_own_are_told_apart() -> None:
    assert listed(("decoder.0.2", "position.3")) == "layer 0, head 2; the token at position 3"


def test_growing_pictures_speak_the_language_of_their_reader() -> None:
    rows = ({"kind": "path", "sender": "decoder.embedding", "value": 0.5}, {"kind": "path", "sender": "decoder.0.2", "value": 0.1})  # fmt: skip
    config = InquiryConfig(run="d" * 16, step=1, question=PathsQuestion(**TEXT, other="a c"))
    drawn = path_rows.figure(config, Answer(rows, False, None, ""), CHINESE, LIGHT)
    assert list(drawn.data[0].customdata) == ["嵌入", "第 0 层第 2 头"]


def test_pieces_that_are_taken_away_together_are_named_together() -> None:
    rows = ({"kind": "chosen", "components": ["decoder.0.2", "decoder.1.feed_forward"], "change": -1.0, "after": 0.0},)
    config = InquiryConfig(run="d" * 16, step=1, question=AblationQuestion(**TEXT, of="others"))
    answer = Answer(rows, False, None, "")
    assert list(ablation_rows.figure(config, answer, CHINESE, LIGHT).data[0].customdata) == [
        "第 0 层第 2 头；第 1 层的前馈层"
    ]
    assert ablation_rows.csv(config, answer).splitlines()[1].startswith("decoder.0.2 decoder.1.feed_forward,")


def test_a_token_that_is_taken_away_is_named_by_its_position() -> None:
    rows = ({"kind": "ablated", "components": ["decoder.embedding"], "change": -1.0, "after": 0.0, "position": 3},)
    config = InquiryConfig(run="d" * 16, step=1, question=AblationQuestion(**TEXT, of="tokens"))
    drawn = ablation_rows.figure(config, Answer(rows, False, None, ""), CHINESE, LIGHT)
    assert list(drawn.data[0].customdata) == ["位置 3 的词元"]
