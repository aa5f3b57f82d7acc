"""Train as a script: what is drawn, what a press on the button does, and what is refused."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.config import DataConfig, TrainingConfig, TransformerConfig
from llm_core.data.corpora import CORPORA, with_corpus
from llm_core.errors import UserError
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from pages.ui import encoding, live, text_source
from pages.ui.forms import form_key
from pages.ui.recipes import recipes
from pages.ui.text import translate
from pages.ui.train import task
from tests.pages.recorded import write_run

NAVIGATION = str(Path(__file__).parents[2] / "pages" / "navigation.py")
RUN = "0123456789abcdef"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of the runs that were handed to a worker; none is started."""
    runs: list[str] = []
    monkeypatch.setattr(Store, "start", lambda self, run, owner: runs.append(run.id))
    return runs


def train_page(**query: str) -> AppTest:
    test = AppTest.from_file(NAVIGATION, default_timeout=20)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    return test.switch_page("train.py").run()


def test_a_press_on_train_makes_one_run_and_shows_it(store: Store, started: list[str]) -> None:
    test = train_page()
    test.number_input(key=form_key(TransformerConfig, "width")).set_value(32).run()
    test.number_input(key=form_key(TrainingConfig, "steps")).set_value(20).run()
    test.button(key="train_start").click().run()
    assert not test.exception
    assert not test.error
    (run,) = store.runs()
    assert started == [run.id]
    assert (run.config.training.steps, getattr(run.config.model, "width", None)) == (20, 32)
    assert test.query_params["run"] == run.id


def test_a_new_run_does_not_inherit_a_step_from_the_address(store: Store, started: list[str]) -> None:
    write_run(store.root / "fedcba9876543210", until=10)
    test = train_page(run="fedcba9876543210", step="7")
    assert test.query_params["step"] in ("7", ["7"])
    test.button(key="train_start").click().run()
    assert started
    assert test.query_params["run"] in (started[0], started)
    assert "step" not in test.query_params


def test_a_double_click_makes_one_run(store: Store, started: list[str]) -> None:
    test = train_page()
    test.button(key="train_start").click().run()
    test.button(key="train_start").click().run()
    assert len(store.runs()) == 1


def test_a_pasted_text_is_kept_with_the_runs(store: Store, started: list[str]) -> None:
    test = train_page()
    test.segmented_control(key="train_text_way").set_value("paste").run()
    assert test.button(key="train_start").disabled
    test.text_area(key="train_paste").set_value("A line of a poem.\n" * 400).run()
    test.button(key="train_start").click().run()
    (run,) = store.runs()
    assert Path(run.config.data.corpus).is_relative_to(store.corpora)


def test_another_recipe_leaves_a_chosen_text_alone(store: Store, started: list[str]) -> None:
    test = train_page()
    test.selectbox(key="train_corpus").set_value("python-library").run()
    test.selectbox(key="train_recipe").set_value("llama").run()
    assert test.selectbox(key="train_corpus").value == "python-library"
    test.button(key="train_start").click().run()
    (run,) = store.runs()
    assert run.config.data.corpus == "python-library"


def test_another_text_leaves_alone_what_it_has_nothing_to_say_about(store: Store, started: list[str]) -> None:
    test = train_page()
    test.number_input(key=form_key(TrainingConfig, "steps")).set_value(20).run()
    test.number_input(key=form_key(TransformerConfig, "width")).set_value(32).run()
    test.selectbox(key="train_corpus").set_value("stories-en").run()
    assert test.number_input(key=form_key(TrainingConfig, "steps")).value == 20
    assert test.number_input(key=form_key(TransformerConfig, "width")).value == 32


def test_a_text_that_is_chosen_brings_its_own_settings_and_takes_them_away_again(
    store: Store, started: list[str]
) -> None:
    test = train_page()
    test.number_input(key=form_key(TrainingConfig, "steps")).set_value(20).run()
    test.selectbox(key="train_corpus").set_value("stories-zh").run()
    test.selectbox(key="train_recipe").set_value("llama").run()
    test.button(key="train_start").click().run()
    assert not test.error
    (run,) = store.runs()
    expected = with_corpus(recipes()["llama"].config, "stories-zh")
    assert run.config.data == expected.data
    assert run.config.model == expected.model
    assert run.config.training == expected.training.model_copy(update={"threads": run.config.training.threads})
    test.segmented_control(key="train_text_way").set_value("paste").run()
    test.text_area(key="train_paste").set_value("A line of a poem.\n" * 400).run()
    test.button(key="train_start").click().run()
    (own,) = [other for other in store.runs() if other.id != run.id]
    usual = recipes()["llama"].config
    assert own.config.data == usual.data.model_copy(update={"corpus": own.config.data.corpus, "encoding": "utf-8"})
    assert own.config.model == usual.model


def test_settings_that_do_not_fit_are_refused_in_one_sentence(store: Store, started: list[str]) -> None:
    test = train_page()
    test.number_input(key=form_key(TransformerConfig, "width")).set_value(37).run()
    assert len(test.error) == 1
    assert "37" in test.error[0].value
    assert test.button(key="train_start").disabled
    assert store.runs() == []


def test_a_model_that_is_too_large_is_refused_before_the_start_and_leaves_nothing_behind(
    store: Store, started: list[str]
) -> None:
    test = train_page()
    test.number_input(key=form_key(TransformerConfig, "width")).set_value(4096).run()
    assert "at most" in test.error[0].value
    assert test.button(key="train_start").disabled
    assert not started
    assert list(store.root.iterdir()) == []


@pytest.mark.parametrize("reference", ["../../etc/passwd", "0000000000000000", "<script>alert(1)</script>", "a" * 999])
def test_a_link_to_no_run_says_so_and_leaves_the_page_usable(store: Store, started: list[str], reference: str) -> None:
    write_run(store.root / RUN, until=10)
    test = train_page(run=reference)
    assert not test.exception
    assert not test.button(key="train_start").disabled


def test_a_link_to_a_broken_run_says_what_is_wrong_with_it(store: Store, started: list[str]) -> None:
    (write_run(store.root / RUN, until=10) / "run.json").write_text("{", encoding="utf-8")
    test = train_page(run=RUN)
    assert "cannot be opened" in test.warning[0].value
    assert not test.info


def test_a_link_opens_its_run(store: Store, started: list[str]) -> None:
    write_run(store.root / RUN, until=10, name="mine")
    write_run(store.root / "fedcba9876543210", until=10, name="another")
    assert train_page(run=RUN).selectbox(key="subject_run").value == RUN


def test_all_settings_can_be_unfolded_in_both_languages(store: Store) -> None:
    for language in ("en", "zh"):
        test = AppTest.from_file(NAVIGATION, default_timeout=20)
        test.query_params["lang"] = language
        test.run()
        test.session_state["train_more"] = True
        test.switch_page("train.py").run()
        assert not test.exception
        assert len(test.number_input) > 20


def test_commands_reach_only_ones_own_runs(store: Store, started: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = (f"student-{digit * 16}" for digit in "01")
    monkeypatch.setattr(live, "owner", lambda: own)
    write_run(store.root / RUN, until=10, state="paused", owner=other)
    write_run(store.root / "fedcba9876543210", until=10, state="paused", owner=own)
    with pytest.raises(UserError):
        live.ask(RUN, "stop")
    live.ask("fedcba9876543210", "resume")
    assert started == ["fedcba9876543210"]
    for strange in ("../x", "", "None"):
        with pytest.raises(UserError):
            live.ask(strange, "pause")


def test_the_script_to_take_away_gives_the_same_settings(store: Store) -> None:
    from pages.ui.start_form import run_in_python

    write_run(store.root / RUN, until=10)
    run: Run = store.find(RUN)
    source = run_in_python(run)
    settings = source[: source.index("for record")].replace("from llm_core.training.loop import train", "")
    names: dict[str, object] = {}
    exec(compile(settings, "script", "exec"), names)
    expected = run.config.model_copy(update={"training": run.config.training.model_copy(update={"threads": None})})
    assert names["config"] == expected


@pytest.mark.parametrize(
    ("name", "raw", "encoding", "begins"),
    [
        ("a.txt", b"Once upon a time", "utf-8", "Once upon"),
        ("b.csv", b"id,text\n1,first words\n2,more\n", "utf-8", "first words"),
        ("c.jsonl", '{"text": "第一行"}\n'.encode(), "utf-8", "第一行"),
        ("d.txt", "床前明月光，疑是地上霜。".encode("gb18030"), "gb18030", "床前明月光"),
        ("../../" + "e" * 300 + ".txt", b"far away", "utf-8", "far away"),
    ],
)  # fmt: skip
def test_the_preview_shows_what_training_would_read(name: str, raw: bytes, encoding: str, begins: str) -> None:
    assert text_source.preview(name, raw, encoding, None).startswith(begins)


def test_a_disk_that_is_full_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match="cannot be read: No space left"):
        text_source.preview("a.txt", b"some words", "utf-8", None)


def preview_page() -> None:
    import streamlit as st

    from llm_core.errors import UserError
    from pages.ui import text_source

    for _again in range(2):
        try:
            st.write(text_source._previewed("file", "a.txt", st.session_state["raw"], None, None))
        except UserError as error:
            st.write(str(error))


@pytest.mark.parametrize(("raw", "says"), [(b"some words", "some words"), (b"", "a.txt")])
def test_a_file_is_written_for_its_preview_only_once(raw: bytes, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    preview = text_source.preview
    monkeypatch.setattr(text_source, "preview", lambda name, *rest: read.append(name) or preview(name, *rest))
    test = AppTest.from_function(preview_page)
    test.session_state["raw"] = raw
    test.run().run()
    assert not test.exception
    assert [says in line.value for line in test.markdown] == [True, True]
    assert read == ["a.txt"]


def test_an_encoding_is_told_by_the_whole_file() -> None:
    chinese = "床前明月光，疑是地上霜。举头望明月，低头思故乡。".encode("gb18030") * 20
    detection = encoding.detect(b"A long English preface.\n" * 4000 + chinese)
    assert (detection.encoding, detection.sure) == ("gb18030", False)
    assert encoding.detect(b"plain\n" * 20_000).sure
    assert encoding.detect(b"plain\n" * 20_000 + "月光".encode()).encoding == "utf-8"
    # What stands in the middle of a file is no byte-order mark.
    assert not encoding.detect(b"plain\n" * 20_000 + b"\xff\xfea\x00").sure


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a.txt", b""),
        ("a.txt", b" \n"),
        ("a.txt", b"a\0b"),
        ("a.txt", b"\xff\xff"),
        ("a.csv", b'text\n"open'),
        ("a.parquet", b"PAR1"),
    ],
)
def test_a_broken_file_is_refused_in_one_sentence(name: str, raw: bytes) -> None:
    with pytest.raises(UserError):
        text_source.preview(name, raw, "utf-8", None)


def test_a_data_config_can_name_what_was_kept(store: Store) -> None:
    source = text_source.Source(title="t", name="t.txt", raw=b"some words\n" * 50, encoding="utf-8")
    assert DataConfig(**source.settings()).corpus.endswith(".txt")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("language", "first"), [("en", ["stories-en", "stories-zh"]), ("zh", ["stories-zh", "stories-en"])]
)
def test_stories_are_offered_first(store: Store, language: str, first: list[str]) -> None:
    test = AppTest.from_file(NAVIGATION, default_timeout=20)
    test.query_params["lang"] = language
    test.run()
    test.switch_page("train.py").run()
    titles = [translate(CORPORA[name].title, language) for name in first]
    assert test.selectbox(key="train_corpus").options[:2] == titles


def test_a_run_on_another_text_says_why_it_has_no_floor(store: Store) -> None:
    write_run(store.root / RUN, until=10)
    write_run(store.root / "fedcba9876543210", until=10, corpus="stories-en")
    assert "grammar" in task.no_floor(store.find(RUN))
    assert task.no_floor(store.find("fedcba9876543210")) == ""
    for run in (RUN, "fedcba9876543210"):
        assert not train_page(run=run).exception
