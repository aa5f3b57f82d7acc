"""Bring a model: an upload in the subject bar becomes the model that all pages look at, or one sentence."""

import io
import zipfile
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.errors import UserError
from llm_core.runs import importing
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from pages.ui import writing
from pages.ui.bringing import LARGEST_UPLOAD
from tests import foreign

PAGES = Path(__file__).parents[2] / "pages"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("folders")
    for kind in ("gpt2", "bert"):
        foreign.write_model(kind, root / kind)
    return root


def packed(folder: Path) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.iterdir():
            archive.write(path, f"{folder.name}/{path.name}")
    return made.getvalue()


def open_page(page: str, **query: str) -> AppTest:
    test = AppTest.from_file(PAGES / "navigation.py", default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    test.run().switch_page(page).run()
    assert not test.exception
    return test


def upload(test: AppTest, content: bytes, name: str = "theirs.zip") -> AppTest:
    test.file_uploader[0].set_value((name, content, "application/zip"))
    test.run()
    assert not test.exception
    return test


def chosen(test: AppTest) -> str:
    return str(next(box.value for box in test.selectbox if box.label in ("Model", "模型")))


def test_an_upload_becomes_the_model_that_is_looked_at(store: Store, folders: Path) -> None:
    test = upload(open_page("attention.py"), packed(folders / "gpt2"))
    (run,) = store.runs()
    assert (run.kind, run.name, run.owner) == ("import", "theirs", "local")
    assert chosen(test) == run.id
    assert test.query_params["run"] == run.id
    assert test.file_uploader[0].value is None
    test.run()
    assert len(store.runs()) == 1


def test_a_fault_is_one_sentence_said_once_and_the_page_stays(
    store: Store, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def refuse(*_: object, **__: object) -> Run:
        tried.append(1)
        raise UserError("The zip holds {name!r} twice.", name="<b>*x*</b>")

    monkeypatch.setattr(importing, "import_zip", refuse)
    test = open_page("attention.py")
    before = chosen(test)
    upload(test, b"whatever")
    assert [error.value for error in test.error] == [r"The zip holds \'\<b\>\*x\*\<\/b\>\' twice\."]
    test.run()
    assert len(test.error) == 1
    assert len(tried) == 1, "the same file is not looked at again"
    assert (chosen(test), store.runs()) == (before, [])
    monkeypatch.undo()
    upload(test, packed(folders / "gpt2"))
    assert chosen(test) != before
    assert not test.error


def test_the_panel_speaks_chinese(store: Store) -> None:
    test = open_page("attention.py", lang="zh")
    said = " ".join(caption.value for caption in test.caption)
    assert "50 MB" in said
    assert "Hugging Face" in said
    assert "At most" not in said


def test_generate_says_why_an_encoder_does_not_write(store: Store, folders: Path) -> None:
    run = importing.import_folder(store, folders / "bert", name="my *bert*")
    test = open_page("generate.py", run=run.id)
    (said,) = [info.value for info in test.info]
    assert "it is an encoder" in said
    assert r"my \*bert\*" in said
    assert chosen(test) == run.id
    assert not test.get("bidi_component")


def test_a_causal_one_writes_after_its_own_control_token(store: Store, folders: Path) -> None:
    run = importing.import_folder(store, folders / "gpt2")
    test = open_page("generate.py", run=run.id)
    assert not test.info
    assert not test.error
    asked = writing.Writing(run=run.id, step=0, prompt="the fox", decoding=writing.DEFAULT.model_copy(update={"tokens": 4}))  # fmt: skip
    text = writing.whole(asked)
    _, tokenizer = store.model(run)
    assert [tokenizer.encode("the fox")] == [[tokenizer.pieces.index(piece) for piece in text["prompt"]]]
    assert 1 <= len(text["tokens"]) <= 4
    assert writing.prompt_ids(tokenizer, "")[0] == tokenizer.end_of_text


def test_train_says_that_it_was_trained_elsewhere(store: Store, folders: Path) -> None:
    run = importing.import_folder(store, folders / "gpt2")
    test = open_page("train.py", run=run.id)
    assert "was brought in" in test.info[0].value
    assert chosen(test) == run.id


@pytest.mark.parametrize("kind", ["gpt2", "bert"])
def test_attention_and_home_show_it(kind: str, store: Store, folders: Path) -> None:
    run = importing.import_folder(store, folders / kind)
    for page in ("attention.py", "home.py"):
        test = open_page(page, run=run.id)
        assert not test.error
        if page == "attention.py":
            assert chosen(test) == run.id


def test_the_stated_upload_is_the_servers_limit() -> None:
    import tomllib

    settings = tomllib.loads((PAGES.parent / ".streamlit" / "config.toml").read_text(encoding="utf-8"))
    assert settings["server"]["maxUploadSize"] == LARGEST_UPLOAD
