"""A classifier out of an encoder: it survives being saved, its parts agree with it, and long texts are read as was said."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from llm_core.data.long_texts import LongTexts
from llm_core.errors import UserError
from llm_core.inference.classifiers.base import ABOUT, load_classifier, save_classifier
from llm_core.inference.classifiers.encoder import EncoderClassifier
from llm_core.models.base import Batch
from llm_core.transfer.encoder import classifier_on, encoder_of
from tests.transfer.small_encoder import NAMES, labelled, small_encoder

WAYS: tuple[LongTexts, ...] = ("truncate", "window", "head_tail")
SHORT = "the meal was lovely"
LONG = " ".join(["the film was awful and we had a very dull book"] * 6)


def classifier(long_texts: LongTexts = "truncate") -> EncoderClassifier:
    encoder = small_encoder()
    model = classifier_on(encoder, 2, 0)
    with torch.no_grad():
        model.task_head.weight.normal_(0, 0.3, generator=torch.Generator().manual_seed(1))
    return EncoderClassifier("encoder_finetuned", NAMES, model, encoder.tokenizer, long_texts, 7)


@pytest.mark.parametrize("way", WAYS)
def test_saved_and_loaded_it_says_the_same(way: LongTexts, tmp_path: Path) -> None:
    made = classifier(way)
    save_classifier(made, tmp_path)
    loaded = load_classifier(tmp_path)
    texts = [SHORT, LONG, "", "x", "中文也行"]
    assert np.array_equal(loaded.probabilities(texts), made.probabilities(texts))
    assert (loaded.family, loaded.names, loaded.parameters) == (made.family, made.names, made.parameters)
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text", [SHORT, LONG, "", "好", LONG * 30])
def test_its_open_parts_lead_to_its_own_probabilities(way: LongTexts, text: str) -> None:
    made = classifier(way)
    tokens = made.tokens(text)
    assert len(tokens.ids) == len(tokens.pieces) == len(tokens.spans) >= 1
    vectors = made.embed(tokens.ids)
    logits = made.logits_of(vectors[None], torch.tensor([len(vectors)]))
    assert logits.softmax(-1).double().numpy() == pytest.approx(made.probabilities([text]), abs=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_a_text_is_judged_alike_alone_and_among_others(way: LongTexts) -> None:
    made = classifier(way)
    texts = [SHORT, LONG, "", "a", *labelled(40, 2).texts]
    together = made.probabilities(texts)
    assert together.sum(axis=1) == pytest.approx(1)
    for place in (0, 1, 2, 3, 20):
        assert made.probabilities([texts[place]])[0] == pytest.approx(together[place], abs=1e-6)


def test_windows_average_what_is_said_of_each() -> None:
    made = classifier("window")
    rows = made.rows.of(LONG)
    assert len(rows) > 2
    assert {len(row) for row in rows} == {made.rows.context}
    logits = torch.cat([made.model(Batch(torch.from_numpy(row)[None])) for row in rows])
    expected = logits.mean(0).softmax(-1).numpy()
    assert made.probabilities([LONG])[0] == pytest.approx(expected, abs=1e-6)


def test_truncation_does_not_see_the_end_and_head_and_tail_does() -> None:
    other = LONG.rsplit(" ", 1)[0] + " lovely"
    assert np.array_equal(*(classifier("truncate").probabilities([text]) for text in (LONG, other)))
    for way in ("window", "head_tail"):
        assert not np.array_equal(*(classifier(way).probabilities([text]) for text in (LONG, other)))  # type: ignore[arg-type]


def test_tokens_say_where_they_stand_in_the_text() -> None:
    made = classifier()
    tokens = made.tokens(SHORT)
    assert tokens.spans[0] == (0, 0)
    assert "".join(SHORT[start:end] for start, end in tokens.spans) == SHORT
    assert made.tokens(LONG).spans[-1][1] < len(LONG)
    assert classifier("head_tail").tokens(LONG).spans[-1][1] == len(LONG)


def test_a_million_characters_are_judged() -> None:
    for way in WAYS:
        assert classifier(way).probabilities(["meal " * 200_000]).sum() == pytest.approx(1)


def test_vectors_of_like_texts_are_alike() -> None:
    made = classifier()
    vectors = made.vectors([SHORT, SHORT, LONG])
    assert vectors[0] == pytest.approx(vectors[1])
    assert not np.allclose(vectors[0], vectors[2])


@pytest.mark.parametrize(
    ("name", "change"),
    [("names", ["one"]), ("names", None), ("long_texts", "skip"), ("parameters", "many"), ("names", [1, 2])],
)
def test_files_that_do_not_fit_each_other_are_refused(name: str, change: object, tmp_path: Path) -> None:
    save_classifier(classifier(), tmp_path)
    about = json.loads((tmp_path / ABOUT).read_text())
    (tmp_path / ABOUT).write_text(json.dumps({**about, name: change}))
    with pytest.raises(UserError, match="do not fit each other"):
        load_classifier(tmp_path)


@pytest.mark.parametrize("name", ["model.safetensors", "model.json", "tokenizer.json"])
def test_a_missing_or_broken_file_is_refused(name: str, tmp_path: Path) -> None:
    save_classifier(classifier(), tmp_path)
    (tmp_path / name).write_bytes(b"{")
    with pytest.raises(UserError):
        load_classifier(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(UserError):
        load_classifier(tmp_path)


def test_only_an_encoder_can_be_fine_tuned() -> None:
    encoder = small_encoder()
    decoder = encoder.body.config.model_copy(update={"architecture": "decoder"})
    from llm_core.models.build import build

    with pytest.raises(UserError, match="only an encoder"):
        encoder_of("mine", build(decoder), encoder.tokenizer)
    assert encoder_of("task", classifier().model, encoder.tokenizer).body is not None
