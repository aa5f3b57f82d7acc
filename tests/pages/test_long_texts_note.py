"""Texts that are longer than the encoder reads are counted, and the page says what becomes of them."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.config import TableConfig
from llm_core.data.tokenizers import train_tokenizer
from llm_core.runs.store import Store
from pages.ui.classify import long_texts
from tests.pages.recorded import write_run

WAYS = list(long_texts.SAYS)


@pytest.fixture
def table(tmp_path: Path) -> TableConfig:
    """Of 40 texts 10 have 160 words; one has many bytes and few tokens."""
    texts = [f"good soup {number}" for number in range(29)] + ["soup" * 40]
    texts += [f"{'good soup ' * 80}{number}" for number in range(10)]
    path = tmp_path / "table.csv"
    path.write_text("text,label\n" + "".join(f"{text},{'ab'[n % 2]}\n" for n, text in enumerate(texts)))
    return TableConfig(file=str(path))


@pytest.fixture
def encoder(store: Store) -> str:
    """A run whose model reads 128 tokens at once, one of which begins the text."""
    folder = write_run(store.root / "00000000000000aa")
    train_tokenizer("word", 400, ["good soup"] * 3 + ["soup" * 8] * 3).save(folder / "tokenizer.json")
    return folder.name


def a_note(table: str, encoder: str, way: str) -> None:
    from llm_core.config import TableConfig
    from pages.ui.classify import long_texts

    long_texts.say(TableConfig.model_validate_json(table), encoder, way)


@pytest.mark.parametrize("way", WAYS)
def test_the_page_says_how_many_texts_do_not_fit_and_what_becomes_of_them(
    way: str, table: TableConfig, encoder: str
) -> None:
    test = AppTest.from_function(a_note, args=(table.model_dump_json(), encoder, way), default_timeout=20).run()
    assert not test.exception
    (caption,) = test.caption
    assert caption.value.startswith("10 of 40 texts are longer than the 127 tokens")


def test_nothing_is_said_where_all_fit_or_nothing_is_known(table: TableConfig, store: Store) -> None:
    for encoder in ("0123456789abcdef", "../x"):
        test = AppTest.from_function(
            a_note, args=(table.model_dump_json(), encoder, "truncate"), default_timeout=20
        ).run()
        assert not test.exception
        assert not test.caption
