"""Questions that take over a second, as runs: answered once, found again, stopped and taken up, drawn as rows come."""

import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from llm_core.config import Config, parse
from llm_core.errors import UserError
from llm_core.interpret.ablation.ablation import ablated, against_others, map_ablations, target_of
from llm_core.interpret.components import Component
from llm_core.interpret.names import names_of
from llm_core.interpret.outcome import outcome
from llm_core.interpret.patching.pairs import pair_of_readings
from llm_core.interpret.patching.patching import Patching
from llm_core.interpret.patching.path_patching import patch_paths
from llm_core.interpret.reading import read
from llm_core.interpret.target import Target
from llm_core.runs import history, inquiry
from llm_core.runs.history import Row
from llm_core.runs.inquired import (
    AblationQuestion,
    InquiryConfig,
    PatchingQuestion,
    PathsQuestion,
    Question,
    TrainingQuestion,
)
from llm_core.runs.inquiry_job import InquiryJob
from llm_core.runs.inquiry_job import answering as answering_of
from llm_core.runs.inquiry_subject import Subject
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from pages.ui.inside import inquiry_route
from pages.ui.inside.patching import patching_rows
from pages.ui.inside.patching.path_rows import paths_of
from tests.pages.made_inside import made

MODEL = "d" * 16
TEXT, OTHER = "the cat sees the cat", "the dog sees the cat"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked") / "runs"
    folder.mkdir()
    made(folder, MODEL)
    return folder


@pytest.fixture
def store(root: Path) -> Iterator[Store]:
    store = Store(root, bundled=root / "none")
    before = {run.id for run in store.runs()}
    yield store
    for run in store.runs():
        if run.id not in before:
            for path in sorted(run.folder.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            run.folder.rmdir()


@pytest.fixture
def config(store: Store) -> InquiryConfig:
    step = store.find(MODEL).steps()[-1]
    question = PatchingQuestion(text=TEXT, other=OTHER, token=4, target=1, against=2, where="residual")
    return InquiryConfig(run=MODEL, step=step, question=question)


@pytest.fixture
def quiet(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker process is started: the test is one."""
    monkeypatch.setattr(store, "start", lambda run, owner: None)


def answering(rows: int, *, stop_at: int | None = None) -> Callable[[Run], InquiryJob]:
    def answer(question: Any, subject: Subject) -> Iterator[float | Row]:
        for number in range(rows):
            if number == stop_at:
                raise UserError("It has got stuck at {number}.", number=number)
            yield {"kind": "row", "number": number}
            yield (number + 1) / rows

    return lambda run: InquiryJob(run, lambda method: answer)


def test_a_map_by_a_worker_is_the_map_itself(store: Store, config: InquiryConfig) -> None:
    run = store.create(config, name="a question", identity=config.digest, threads=1)
    assert run.id == config.digest
    assert work(run).state == "finished"
    answer = inquiry.known(store, config)
    assert answer is not None
    assert answer.finished
    assert isinstance(config.question, PatchingQuestion)
    found = patching_rows.map_of_rows(config.question, answer)
    model, tokenizer = store.model(store.find(MODEL), config.step)
    readings = [read(model, tokenizer, text) for text in (TEXT, OTHER)]
    pair = pair_of_readings(model, *readings, names_of(model, tokenizer, ()), Target(4, 1, 2))
    right = Patching(model, pair).map("residual", "decoder")
    assert found is not None
    assert (found.rows, found.columns) == (right.rows, right.columns)
    np.testing.assert_allclose(found.values, right.values, atol=1e-5)
    assert (found.clean, found.corrupted) == pytest.approx((right.clean, right.corrupted))


def test_pieces_taken_away_by_a_worker_lose_what_they_lose(store: Store, config: InquiryConfig) -> None:
    model, tokenizer = store.model(store.find(MODEL), config.step)
    score = target_of(model, read(model, tokenizer, TEXT), Target(4, 1, 2))
    subject = Subject(store, store.find(MODEL), config.step, model, tokenizer, store.root, ())

    def rows(**more: Any) -> list[Row]:
        question = AblationQuestion(text=TEXT, token=4, target=1, against=2, **more)
        return [row for row in answering_of("ablation")(question, subject) if isinstance(row, dict)]

    before, *pieces = rows()
    assert before["value"] == pytest.approx(float(score({}).mean()))
    right = list(map_ablations(model, score))
    assert [row["components"] for row in pieces] == [[str(each.components[0])] for each in right]
    assert [row["change"] for row in pieces] == pytest.approx([each.change for each in right])
    tokens = rows(of="tokens")[1:]
    assert [row["position"] for row in tokens] == [0, 1, 2, 3, 4, 5]
    embedding = [Component("decoder", None, "embedding")]
    assert tokens[1]["change"] == pytest.approx(ablated(model, score, embedding, positions=[1]).change)
    _before, chosen, *others, control = rows(of="others", chosen=("decoder.1.0",))
    beside = outcome(against_others(model, score, [Component("decoder", 1, "head", 0)], draws=50))
    assert chosen["change"] == pytest.approx(beside.chosen.change)
    assert [row["change"] for row in others] == pytest.approx([each.change for each in beside.others])
    assert (control["rank"], control["of"], control["exhaustive"]) == (beside.rank, beside.of, True)
    assert rows(of="others", chosen=("decoder.1.0", "decoder.1.0"))[1:] == [chosen, *others, control]
    with pytest.raises(UserError, match="at least one piece"):
        rows(of="others")


@pytest.mark.parametrize("receiver", ["", "decoder.1.1"])
def test_paths_by_a_worker_are_those_to_the_receiver(store: Store, config: InquiryConfig, receiver: str) -> None:
    model, tokenizer = store.model(store.find(MODEL), config.step)
    readings = [read(model, tokenizer, text) for text in (TEXT, OTHER)]
    pair = pair_of_readings(model, *readings, names_of(model, tokenizer, ()), Target(4, 1, 2))
    to = Component.parse(receiver) if receiver else Component("decoder", None, "hidden")
    right = {str(sender): value for sender, value in patch_paths(Patching(model, pair), to)}
    subject = Subject(store, store.find(MODEL), config.step, model, tokenizer, store.root, ())
    question = PathsQuestion(text=TEXT, token=4, target=1, against=2, other=OTHER, receiver=receiver)
    rows = tuple(row for row in answering_of("paths")(question, subject) if isinstance(row, dict))
    found = paths_of(inquiry.Answer(rows, True, None, ""))
    assert list(found) == list(right)
    assert [*found.values()] == pytest.approx([*right.values()])


@pytest.mark.usefixtures("quiet")
def test_the_same_question_is_answered_once_whoever_asks(store: Store, config: InquiryConfig) -> None:
    run = inquiry.begin(store, config, name="a question", owner="one")
    assert work(run, make_job=answering(2)).state == "finished"
    again = inquiry.begin(store, config.model_copy(update={"threads": 3}), name="the same", owner="two")
    assert (again.id, again.owner) == (run.id, "one")
    assert [row["number"] for row in inquiry.answer_of(again).rows] == [0, 1]
    another = config.model_copy(update={"step": 0})
    assert inquiry.known(store, another) is None
    assert another.digest != config.digest


@pytest.mark.usefixtures("quiet")
def test_what_failed_begins_anew_and_takes_its_rows_back(store: Store, config: InquiryConfig) -> None:
    run = inquiry.begin(store, config, name="a question")
    status = work(run, make_job=answering(3, stop_at=2))
    assert (status.state, status.template) == ("failed", "It has got stuck at {number}.")
    answer = inquiry.known(store, config)
    assert answer is not None
    assert not answer.finished
    assert [row["number"] for row in answer.rows] == [0, 1]
    assert inquiry.begin(store, config, name="a question").id == run.id
    assert work(run, make_job=answering(3)).state == "finished"
    answer = inquiry.known(store, config)
    assert answer is not None
    assert [row["number"] for row in answer.rows] == [0, 1, 2]


@pytest.mark.usefixtures("quiet")
def test_another_asks_anew_what_was_stopped_by_its_owner(store: Store, config: InquiryConfig) -> None:
    run = inquiry.begin(store, config, name="a question", owner="one")
    store.want(run, "stopped", owner="one")
    assert work(run, make_job=answering(3)).state == "stopped"
    other = inquiry.begin(store, config, name="a question", owner="two")
    assert (other.owner, other.id != run.id) == ("two", True)
    assert inquiry.begin(store, config, name="a question", owner="two").id == other.id
    assert work(other, make_job=answering(3)).state == "finished"
    found = inquiry.find(store, config.digest, "two")
    assert found is not None
    assert found.id == other.id


def test_a_question_about_what_is_not_there_is_refused(store: Store, config: InquiryConfig) -> None:
    for values in ({"run": "a" * 16}, {"step": 77_777}):
        with pytest.raises(UserError):
            inquiry.begin(store, config.model_copy(update=values), name="none")
    assert [run.id for run in store.runs()] == [MODEL]


def test_answers_that_come_with_a_model_are_known_at_once(tmp_path: Path, config: InquiryConfig) -> None:
    bundled = tmp_path / "models"
    bundled.mkdir()
    made(bundled, "small-one")
    about = config.model_copy(update={"run": "small-one"})
    folder = bundled / "small-one" / inquiry.FOLDER
    folder.mkdir()
    (folder / f"{about.digest}.jsonl").write_text('{"kind":"row","number":7}\n', encoding="utf-8")
    answer = inquiry.known(Store(tmp_path / "runs", bundled=bundled), about)
    assert answer is not None
    assert (answer.finished, answer.run, [row["number"] for row in answer.rows]) == (True, None, [7])
    assert answer.file("weights.safetensors") == folder / f"{about.digest}.weights.safetensors"


def test_the_route_draws_the_rows_that_are_there(store: Store, config: InquiryConfig, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(inquiry_route, "store", lambda: store)
    client = TestClient(Starlette(routes=[Route("/inquiry/{digest}", inquiry_route.inquiry_route)]))
    assert client.get("/inquiry/nothing").status_code == 404
    empty = client.get(f"/inquiry/{config.digest}").json()
    assert (empty["points"], empty["measuring"], empty["poll_milliseconds"]) == (0, None, None)
    run = store.create(config, name="a question", identity=config.digest, threads=1)
    with history.History(run.folder) as lines:
        lines.append({"kind": "map", "columns": ["the", " cat"], "rows": 2, "clean": 1.0, "corrupted": 0.0})
        lines.append({"kind": "row", "component": "decoder.0.residual_before", "values": [0.25, 1.0]})
    told = client.get(f"/inquiry/{config.digest}?lang=zh").json()
    assert (told["points"], told["measuring"]["lively"]) == (1, True)
    assert told["figures"]["dark"]["data"][0]["z"] == [[0.25, 1.0], [None, None]]
    assert told["csv"].splitlines()[1:] == ["decoder.0.residual_before,0,the,0.25", "decoder.0.residual_before,1, cat,1.0"]  # fmt: skip
    same = client.get(f"/inquiry/{config.digest}?lang=zh&have={told['version']}").json()
    assert "figures" not in same


def test_the_newest_model_is_asked_about_where_no_step_is_named(store: Store, config: InquiryConfig) -> None:
    seen: list[Subject] = []

    def answer(question: Any, subject: Subject) -> Iterator[float | Row]:
        seen.append(subject)
        yield 1.0

    training = TrainingQuestion(text="", measure="weights", until=1)
    for question in (config.question, training):
        unnamed = InquiryConfig(run=MODEL, question=question)
        run = store.create(unnamed, name="a question", identity=unnamed.digest, threads=1)
        assert work(run, make_job=lambda run: InquiryJob(run, lambda method: answer)).state == "finished"
    assert [subject.step for subject in seen] == [store.find(MODEL).steps()[-1], None]


def test_a_method_that_is_not_known_is_said_to_be_of_another_version() -> None:
    with pytest.raises(UserError, match="another version"):
        answering_of("os.path")


@pytest.mark.parametrize("kind", [*get_args(get_args(Question)[0])])
def test_a_question_of_every_kind_is_answered_by_its_own_module(kind: type[Config]) -> None:
    answer = answering_of(kind.model_fields["method"].default)
    assert next(iter(inspect.signature(answer, eval_str=True).parameters.values())).annotation is kind


@pytest.mark.parametrize("kind", [*get_args(get_args(Question)[0])])
def test_a_question_of_every_kind_is_the_same_when_it_is_read_again(kind: type[Config]) -> None:
    values: dict[str, Any] = {
        name: ["a", "b"] if get_origin(field.annotation) is tuple else 1 if field.annotation is int else "text"
        for name, field in kind.model_fields.items()
        if field.is_required() and get_origin(field.annotation) is not Literal
    }
    values |= {name: get_args(field.annotation)[0] for name, field in kind.model_fields.items() if get_origin(field.annotation) is Literal}  # fmt: skip
    config = parse(InquiryConfig, {"run": MODEL, "step": 1, "question": values})
    assert isinstance(config.question, kind)
    again = parse(InquiryConfig, json.loads(json.dumps(config.model_dump(mode="json"))))
    assert again.digest == config.digest
    assert again == config
