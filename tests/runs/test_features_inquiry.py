"""A sparse autoencoder as a run: its rows, its files, and how it is had again."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from llm_core.errors import UserError
from llm_core.interpret.components import Component
from llm_core.interpret.features.autoencoder_report import features_of_texts, judge_autoencoder
from llm_core.interpret.features.feature_labels import find_labelled
from llm_core.interpret.features.feature_table import excitement_of, feature_table, load_table
from llm_core.interpret.features.sparse_autoencoder import load_autoencoder
from llm_core.interpret.loss_texts import loss_texts
from llm_core.interpret.neurons.excitements import heights
from llm_core.interpret.neurons.written_tokens import way_out
from llm_core.interpret.reading import Reading
from llm_core.models.build import build
from llm_core.models.presets import preset
from llm_core.runs import inquiry
from llm_core.runs.features import AUTOENCODER, TABLE, trained_autoencoder, trained_autoencoders
from llm_core.runs.inquired import FeaturesQuestion, InquiryConfig
from llm_core.runs.inquiries import features
from llm_core.runs.inquiry import Answer
from llm_core.runs.inquiry_subject import Subject
from llm_core.runs.own_texts import own_readings
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from tests.interpret.opened import side_of, variety_of
from tests.pages.made_inside import made

MODEL = "e" * 16
PLACE = "decoder.0.residual_after"


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Run, Answer]:
    root = tmp_path_factory.mktemp("features") / "runs"
    root.mkdir()
    made(root, MODEL)
    store = Store(root, bundled=root / "none")
    question = FeaturesQuestion(place=PLACE, features=24, k=3, steps=30, texts=12)
    config = InquiryConfig(run=MODEL, step=1, question=question, threads=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "start", lambda self, run, owner: None)
        for name, value in (("LOOKED_AT", 8), ("JUDGED", 6), ("_LABELLED", 24)):
            patch.setattr(f"llm_core.runs.inquiries.features.{name}", value)
        run = inquiry.begin(store, config, name="features")
        assert work(run).state == "finished"
    answer = inquiry.known(store, config)
    assert answer is not None
    return store, store.find(MODEL), answer


def test_it_tells_how_it_learns_beside_its_control(answered: tuple[Store, Run, Answer]) -> None:
    _store, _run, answer = answered
    for of in ("learnt", "random"):
        steps = [row for row in answer.rows if row["kind"] == "step" and row["of"] == of]
        assert [row["update"] for row in steps] == list(range(1, 31))
        assert all(row["active"] <= 3 for row in steps)
        assert steps[-1]["unexplained"] < steps[0]["unexplained"]
    learnt, random = (row for row in answer.rows if row["kind"] == "report")
    assert (learnt["of"], random["of"]) == ("learnt", "random")
    assert learnt["intact"] == random["intact"]
    assert learnt["zeroed"] == random["zeroed"]
    assert learnt["explained"] > random["explained"]
    assert all(0.4 < row["random"] <= 1 for row in answer.rows if row["kind"] == "label")


def test_what_is_told_is_true_of_what_is_kept(answered: tuple[Store, Run, Answer]) -> None:
    store, run, answer = answered
    model, tokenizer = store.model(run, 1)
    found = load_autoencoder(answer.file(AUTOENCODER))
    assert str(found.place) == PLACE
    readings = own_readings(run, model, tokenizer, 6, 8)
    again = judge_autoencoder(model, found, loss_texts(model, readings))
    report = next(row for row in answer.rows if row["kind"] == "report")
    assert report["spliced"] == pytest.approx(again.spliced, rel=1e-4)
    assert report["density"] == pytest.approx(again.density.tolist(), rel=1e-2)


def test_the_table_says_what_every_feature_does(answered: tuple[Store, Run, Answer]) -> None:
    store, run, answer = answered
    model, tokenizer = store.model(run, 1)
    found, table = load_autoencoder(answer.file(AUTOENCODER)), load_table(answer.file(TABLE))
    readings = own_readings(run, model, tokenizer, 8)
    by_text = features_of_texts(model, found, readings)
    strengths = np.concatenate(by_text)
    assert table.positions.tolist() == [len(strengths)]
    np.testing.assert_allclose(table.density, (strengths > 0).mean(0), atol=1e-3)
    assert (table.counts.sum(1) == len(strengths)).all()
    feature = int(table.density.argmax())
    card = excitement_of(model, found, table, feature, dict(enumerate(readings)))
    best = max(range(len(by_text)), key=lambda text: by_text[text][:, feature].max())
    assert card.most[0].text == best
    assert card.most[0].activation == pytest.approx(strengths[:, feature].max(), rel=1e-5)
    assert card.counts.sum() == card.positions
    assert card.height == pytest.approx(heights(strengths)[feature], rel=1e-2)
    effects = way_out(model, Component.parse(PLACE), readings).effects(found.decoder[feature : feature + 1])[0]
    assert table.promoted[feature, 0] == effects.argmax()
    assert table.suppressed[feature, 0] == effects.argmin()
    assert table.effects[feature, 0] == pytest.approx(effects.max(), rel=1e-2)
    assert table.random_heights.shape == table.random_effects.shape == (24,)
    with pytest.raises(UserError, match="holds no features"):
        load_table(answer.file("missing"))


@pytest.mark.parametrize(
    "broken",
    [
        {"density": np.zeros(3, np.float16)}, {"texts": np.zeros(24, np.int16)}, {"effects": np.zeros((24, 3), np.float16)},
        {"positions": np.array([5, 6])}, {"highest": np.full(24, np.nan, np.float16)},
    ],
)  # fmt: skip
def test_a_table_that_is_not_whole_is_refused(
    answered: tuple[Store, Run, Answer], tmp_path: Path, broken: dict[str, NDArray[Any]]
) -> None:
    table = load_table(answered[2].file(TABLE))
    replace(table, **broken).save(tmp_path / "features.safetensors")
    with pytest.raises(UserError, match="holds no features"):
        load_table(tmp_path / "features.safetensors")


def test_numbers_of_texts_are_theirs_where_some_were_left_out(answered: tuple[Store, Run, Answer]) -> None:
    store, run, answer = answered
    model, tokenizer = store.model(run, 1)
    found = load_autoencoder(answer.file(AUTOENCODER))
    readings = own_readings(run, model, tokenizer, 4)
    shifted = feature_table(model, found, found, {number + 3: each for number, each in enumerate(readings)}).texts
    plain = feature_table(model, found, found, dict(enumerate(readings))).texts
    np.testing.assert_array_equal(np.where(plain < 0, plain, plain + 3), shifted)
    assert plain.max() >= 0
    with pytest.raises(UserError, match="at least one"):
        feature_table(model, found, found, {})


def test_an_encoder_learns_from_what_it_is_judged_on_masks_too() -> None:
    decoder, encoder = variety_of("ours"), variety_of("bert")
    texts = [Reading(side_of(3, 4, 5, 6 + number), None, 0) for number in range(3)]
    (plain,) = features.learnt_from(decoder, texts, None)
    assert plain.tokens is not None
    first, second = features.learnt_from(encoder, [*texts, Reading(side_of(18), None, 0)], 18)
    assert first.tokens is not None
    assert second.tokens is not None
    assert torch.equal(first.tokens[:3], plain.tokens)
    assert second.tokens.shape == (3, 4)
    assert (second.tokens == 18).sum(1).tolist() == [1, 1, 1]
    hidden = second.tokens == 18
    assert torch.equal(second.tokens[~hidden], plain.tokens[~hidden])
    asked = loss_texts(encoder, texts, mask=18).batches[0].tokens
    assert asked is not None
    assert not torch.equal(asked, second.tokens)


def test_texts_in_which_nothing_can_be_asked_judge_nothing(
    answered: tuple[Store, Run, Answer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, run, _answer = answered
    model, tokenizer = store.model(run, 1)
    texts = [Reading(side_of(3), None, 0), Reading(side_of(3, 4, 5), None, 0)]
    monkeypatch.setattr(features, "own_readings", lambda *_asked: texts)
    monkeypatch.setattr(features, "LOOKED_AT", 2)
    monkeypatch.setattr(features, "_LABELLED", 4)
    question = FeaturesQuestion(place=PLACE, features=8, k=2, steps=1)
    rows = [row for row in features.answer(question, Subject(store, run, 1, model, tokenizer, tmp_path, ())) if isinstance(row, dict)]  # fmt: skip
    assert [row["positions"] for row in rows if row["kind"] == "report"] == [3, 3]
    assert (tmp_path / TABLE).is_file()


def test_a_model_with_two_streams_is_refused_before_anything_is_read(
    answered: tuple[Store, Run, Answer], tmp_path: Path
) -> None:
    store, run, _answer = answered
    _model, tokenizer = store.model(run, 1)
    model = build(preset("bert", query_stream=True, vocabulary_size=19, context=12, width=24, layers=1, heads=4)).eval()
    subject = Subject(store, run, 1, model, tokenizer, tmp_path, ())
    with pytest.raises(UserError, match="second stream"):
        next(features.answer(FeaturesQuestion(place=PLACE), subject))


def test_it_is_had_again_by_its_place(answered: tuple[Store, Run, Answer]) -> None:
    store, run, _answer = answered
    (known,) = trained_autoencoders(store, run, 1)
    assert known.place == PLACE
    np.testing.assert_array_equal(trained_autoencoder(store, run, 1).decoder, known.load().decoder)
    assert str(trained_autoencoder(store, run, 1, PLACE).place) == PLACE
    with pytest.raises(UserError, match="has been trained"):
        trained_autoencoder(store, run, 1, "decoder.1.residual_after")
    with pytest.raises(UserError, match="has been trained"):
        trained_autoencoder(store, run, 0)


def test_one_that_comes_with_a_model_is_found_too(answered: tuple[Store, Run, Answer], tmp_path: Path) -> None:
    _store, _run, answer = answered
    folder = tmp_path / "models" / "one"
    folder.parent.mkdir()
    made(folder.parent, "one")
    (folder / inquiry.FOLDER).mkdir()
    (folder / inquiry.FOLDER / "abc.jsonl").write_text(
        '{"kind": "asked", "place": "decoder.0.residual_after", "step": 1}\n'
    )
    (folder / inquiry.FOLDER / f"abc.{AUTOENCODER}").write_bytes(answer.file(AUTOENCODER).read_bytes())
    other = Store(tmp_path / "runs", bundled=folder.parent)
    assert [each.place for each in trained_autoencoders(other, other.find("one"), 1)] == [PLACE]
    assert trained_autoencoders(other, other.find("one"), 0) == []


def test_a_label_is_found_by_one_half_and_measured_by_the_other() -> None:
    random = np.random.default_rng(0)
    text = np.repeat(np.arange(20), 10)
    label = random.integers(0, 2, 200)
    strengths = np.maximum(random.normal(size=(200, 6)), 0).astype(np.float32)
    strengths[:, 4] = label * (1 + strengths[:, 4])
    strengths[:, 2] = np.where(text % 2 == 0, label, 0)  # tells it in the first half alone
    _no, yes = find_labelled(strengths, text, label, ("no", "yes"))
    assert set(yes.features[:2]) == {2, 4}
    at = dict(zip(yes.features, yes.areas.tolist(), strict=True))
    assert at[4] == pytest.approx(1)
    assert at[2] == pytest.approx(0.5)
    place = yes.features.index(4)
    assert (yes.on[place], yes.elsewhere[place]) == (1, 0)
    assert yes.tokens == int((label[text % 2 == 1] == 1).sum())
