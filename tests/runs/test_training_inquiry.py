"""A measure over the snapshots of a run, by a worker: the numbers of the method, resumed, extended, and thinned out."""

import shutil
from pathlib import Path

import pytest

from llm_core.errors import UserError
from llm_core.interpret.dynamics.step_measures import AtStep, measure_named
from llm_core.interpret.lenses.logit_lens import logit_lens
from llm_core.interpret.reading import read
from llm_core.runs import history, inquiry
from llm_core.runs.inquired import InquiryConfig, TrainingQuestion
from llm_core.runs.run import Run
from llm_core.runs.run_over_steps import measured_run, refuse_unfit
from llm_core.runs.store import Store
from llm_core.runs.used_tokens import spoken_language, used_tokens
from llm_core.runs.worker import work
from tests.pages.made_inside import TEXT, made

MODEL = "d" * 16
QUESTION = TrainingQuestion(text=TEXT, token=4, target=7, against=3, measure="probability", until=1)
ASKED = InquiryConfig(run=MODEL, question=QUESTION)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "runs").mkdir()
    made(tmp_path / "runs", MODEL)
    return Store(tmp_path / "runs", bundled=tmp_path / "none")


def keep(store: Store, *steps: int) -> Run:
    """More snapshots, all like the last one."""
    folder = store.find(MODEL).folder / "steps"
    for step in steps:
        shutil.copytree(folder / "00000001", folder / f"{step:08d}")
    return store.find(MODEL)


def asked(store: Store, config: InquiryConfig) -> Run:
    return store.create(config, name="over the steps", identity=config.digest, threads=1)


def rows(run: Run) -> dict[int, list[float]]:
    return {row["at"]: row["values"] for row in inquiry.answer_of(run).rows if row["kind"] == "at_step"}


def until(step: int) -> InquiryConfig:
    return ASKED.model_copy(update={"question": QUESTION.model_copy(update={"until": step})})


def test_rows_are_what_the_lens_says_of_each_snapshot(store: Store) -> None:
    run = asked(store, ASKED)
    assert work(run).state == "finished"
    assert list(rows(run)) == [1, 0]
    for step, values in rows(run).items():
        model, tokenizer = store.model(store.find(MODEL), step)
        lens = logit_lens(model, read(model, tokenizer, TEXT), pinned=[7, 3])
        assert values == pytest.approx(lens.pinned_probabilities[-1, 4].tolist(), rel=1e-4)
    head = inquiry.answer_of(run).rows[0]
    assert (head["kind"], head["target"], len(head["tokens"])) == ("text", tokenizer.pieces[7], 6)


def test_what_was_measured_before_a_stop_is_not_measured_again(store: Store) -> None:
    keep(store, 2, 3, 4)
    run = asked(store, until(4))
    with history.History(run.folder) as lines:
        lines.append({"kind": "text", "tokens": [], "target": "", "against": ""})
        lines.append({"kind": "at_step", "at": 4, "measure": "probability", "names": ["target", "against"], "values": [2.0, 2.0], "controls": {}})  # fmt: skip
    assert work(run).state == "finished"
    found = rows(run)
    assert list(found) == [4, 0, 2, 1, 3]
    assert found.pop(4) == [2.0, 2.0]
    assert all(max(values) <= 1 for values in found.values())


def test_new_steps_of_a_run_are_added_to_what_is_known(store: Store) -> None:
    before = asked(store, ASKED)
    with history.History(before.folder) as lines:
        for step in (0, 1, 77):
            lines.append({"kind": "at_step", "at": step, "measure": "probability", "names": ["target", "against"], "values": [2.0, step], "controls": {}})  # fmt: skip
    keep(store, 2, 3)
    after = asked(store, until(3))
    assert work(after).state == "finished"
    assert list(rows(after)) == [0, 1, 3, 2]
    assert (rows(after)[0], rows(after)[1]) == ([2.0, 0], [2.0, 1])
    similar = until(3).model_copy(
        update={"question": QUESTION.model_copy(update={"measure": "similarity", "until": 3})}
    )
    other = asked(store, similar)
    assert work(other).state == "finished"
    assert rows(other)[3] == pytest.approx([1, 1, 1])


def test_a_snapshot_that_is_thinned_out_meanwhile_is_left_out(store: Store) -> None:
    run = keep(store, 2, 3, 4)
    found = []
    for each in measured_run(store, run, QUESTION.model_copy(update={"until": 4})):
        if isinstance(each, AtStep):
            found.append(each.step)
            if each.step == 0:
                shutil.rmtree(run.folder / "steps" / "00000002")
                shutil.rmtree(run.folder / "steps" / "00000003")
    assert found == [4, 0, 1]


def test_one_step_alone_shows_nothing_and_a_measure_may_not_apply(store: Store) -> None:
    run = store.find(MODEL)
    with pytest.raises(UserError, match="one step only"):
        list(measured_run(store, run, QUESTION.model_copy(update={"until": 0})))
    with pytest.raises(UserError, match="no token or class 99999"):
        list(measured_run(store, run, QUESTION.model_copy(update={"target": 99_999})))
    for target in (QUESTION.model_copy(update={"target": 99_999}), QUESTION.model_copy(update={"against": 99_999})):
        failed = asked(store, ASKED.model_copy(update={"question": target}))
        assert work(failed).state == "failed"


def test_random_texts_are_drawn_from_what_a_run_has_read(store: Store) -> None:
    bundled = Store(store.root)
    for name, language in (("induction-en", None), ("stories-zh", "zh"), ("translate-en-zh", "en")):
        run = bundled.find(name)
        tokenizer = bundled.model(run)[1]
        tokens = used_tokens(run, tokenizer)
        assert spoken_language(run) == language
        assert 20 < len(tokens) < len(tokenizer.pieces)
        assert not set(tokens) & {*tokenizer.begin, *tokenizer.end, *tokenizer.separators}
    text = bundled.find("python-reference")
    assert len(used_tokens(text, bundled.model(text)[1])) > 200


def test_what_a_model_cannot_be_asked_is_refused_before_a_worker_takes_it_up() -> None:
    bundled = Store()
    for name, measure in (("cloze-en-zh", "induction"), ("tagger-en-zh", "copying"), ("induction-en", "probe")):
        with pytest.raises(UserError):
            refuse_unfit(bundled.find(name), measure_named(measure))
    for name, measure in (("translate-en-zh", "induction"), ("cloze-en-zh", "previous_token"), ("stories-zh", "probe")):
        refuse_unfit(bundled.find(name), measure_named(measure))
