"""Texts like those that a model has read: new ones where they can be written, else what was held out."""

from pathlib import Path

import pytest

from llm_core.config import DataConfig, RunConfig, TransformerConfig
from llm_core.data.generated import first_unread
from llm_core.data.tokenizers import Tokenizer
from llm_core.errors import UserError
from llm_core.runs.imported import ImportConfig
from llm_core.runs.own_texts import has_own_texts, numbered_readings, own_readings, own_texts
from llm_core.runs.run import Run
from llm_core.runs.store import BUNDLED_MODELS, Store
from llm_core.runs.worker import work
from tests.training.conftest import run_config


@pytest.fixture
def bundled(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs", bundled=BUNDLED_MODELS)


def tokenizer_of(run: Run) -> Tokenizer:
    return Tokenizer.load(run.folder / "tokenizer.json")


def test_texts_of_a_grammar_are_written_anew_each_with_a_number(bundled: Store) -> None:
    run = bundled.find("stories-en")
    every = own_texts(run, tokenizer_of(run), 6)
    assert len({text for text, _source in every}) == 6
    assert own_texts(run, tokenizer_of(run), 2, start=3) == every[3:5]
    assert all(source is None for _text, source in every)


def test_a_translation_has_its_source(bundled: Store) -> None:
    run = bundled.find("translate-en-zh")
    ((text, source),) = own_texts(run, tokenizer_of(run), 1)
    assert source is not None
    assert text != source
    assert source.startswith("In the evening")


def test_an_embedded_text_gives_pieces_of_itself(bundled: Store) -> None:
    run = bundled.find("python-reference")
    first = own_texts(run, tokenizer_of(run), 3)
    assert [len(text) for text, _source in first] == [240, 240, 240]
    assert own_texts(run, tokenizer_of(run), 2, start=1) == first[1:]


@pytest.fixture(scope="module")
def bottles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Run, str]:
    """A run on a text of one's own, and that text: some windows of it were held out."""
    tmp_path = tmp_path_factory.mktemp("bottles")
    lines = [f"{number} green bottles hanging on the wall.\n" for number in range(99, 0, -1)]
    (tmp_path / "text.txt").write_text("".join(lines))
    settings: RunConfig = run_config(TransformerConfig(context=24, width=16, layers=1, heads=2), steps=1).model_copy(
        update={"data": DataConfig(corpus=str(tmp_path / "text.txt"), tokenizer="character", vocabulary_size=400)}
    )
    store = Store(tmp_path / "runs", bundled=tmp_path / "models")
    run = store.create(settings, name="bottles", threads=1)
    assert work(run).state == "finished"
    return store, store.find(run.id), "".join(lines)


def test_a_text_of_ones_own_gives_what_was_held_out(bottles: tuple[Store, Run, str]) -> None:
    store, run, whole = bottles
    model, tokenizer = store.model(run)
    texts = [text for text, _source in own_texts(run, tokenizer, 4)]
    assert all(text in whole for text in texts)
    assert len({len(reading.text.ids) for reading in own_readings(run, model, tokenizer, 4)}) == 1


def test_a_short_text_is_shared_out_and_no_piece_comes_twice(bottles: tuple[Store, Run, str]) -> None:
    _store, run, whole = bottles
    tokenizer = tokenizer_of(run)
    every = [text for text, _source in own_texts(run, tokenizer, 1000)]
    assert 3 < len(every) < 40
    shares = [[text for text, _source in own_texts(run, tokenizer, count, start, total=100)] for count, start in ((40, 0), (60, 40))]  # fmt: skip
    assert all(shares)
    assert shares[0] + shares[1] == every
    assert len(set(every)) == len(every)
    assert all(text in whole for text in every)
    with pytest.raises(UserError, match="Too little text"):
        own_texts(run, tokenizer, 1, 0, total=1000)


def test_texts_without_a_token_keep_their_numbers(bottles: tuple[Store, Run, str], monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    store, run, _whole = bottles
    model, tokenizer = store.model(run)
    monkeypatch.setattr("llm_core.runs.own_texts.own_texts", lambda *_asked: [("", None), ("hanging", None), ("on", None)])  # fmt: skip
    monkeypatch.setattr(Tokenizer, "begin", ())
    found = numbered_readings(run, model, tokenizer, 3)
    assert list(found) == [1, 2]
    assert own_readings(run, model, tokenizer, 3) == list(found.values())


def test_texts_lie_beyond_all_that_was_to_be_read() -> None:
    usual = DataConfig(corpus="stories-en")
    assert first_unread(usual) == 3_000_000
    assert first_unread(usual.model_copy(update={"documents": 5_000_000})) == 5_000_000


def test_of_a_model_that_was_brought_in_nobody_knows(bundled: Store, tmp_path: Path) -> None:
    model = bundled.find("stories-en").model_config
    run = bundled.keep(
        ImportConfig(model=model, model_type="gpt2", source="elsewhere"), lambda folder: None, name="brought"
    )
    assert not has_own_texts(run)
    with pytest.raises(UserError, match="Nobody knows"):
        own_texts(run, tokenizer_of(bundled.find("stories-en")), 2)
