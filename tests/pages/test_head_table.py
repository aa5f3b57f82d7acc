"""The table of heads: the right head is found, what is said of it, and what it is worth; what reaches the browser."""

import csv
import io
import json
import math
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from llm_core.errors import UserError
from llm_core.runs.head_scores import find_runs
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from pages.ui import state
from pages.ui.attention import heads, measured
from pages.ui.attention.head_rows import HeadRows, find, read_rows
from pages.ui.attention.head_words import baseline_name, score_words, verdict
from tests.pages.made_heads import HEADS, LAYERS, STEPS, made_rows, row, write_measuring
from tests.pages.recorded import write, write_run

RUN, MEASURING = "0123456789abcdef", "fedcba9876543210"


@pytest.fixture
def rows() -> HeadRows:
    return read_rows(made_rows())


@pytest.mark.parametrize(
    ("score", "head", "finding"),
    [
        ("induction", (1, 2), "does"),
        ("previous_token", (0, 1), "does"),
        ("subject", (1, 0), "no better"),
        ("place", (1, 3), "faint"),
    ],
)
def test_the_best_head_is_found_and_what_it_is_worth(
    rows: HeadRows, score: str, head: tuple[int, int], finding: str
) -> None:
    found = find(rows, score, 400)
    assert found is not None
    assert (found.layer, found.head) == head
    assert found.finding == finding
    assert found.heads == LAYERS * HEADS


def test_a_head_is_sought_at_the_nearest_measured_step(rows: HeadRows) -> None:
    early, late = find(rows, "induction", 90), find(rows, "induction", 100_000)
    assert early is not None
    assert late is not None
    assert (early.measured.step, early.finding) == (100, "faint")
    assert (late.measured.step, late.finding) == (400, "does")


def test_what_no_row_tells_of_is_not_found(rows: HeadRows) -> None:
    assert find(rows, "alignment", 400) is None
    assert find(read_rows([]), "induction", 0) is None


def test_the_best_head_of_several_parts_is_found() -> None:
    rows = read_rows(
        [row(0, "alignment", {(0, 3): 0.4}, part="decoder"), row(0, "alignment", {(1, 1): 0.7}, part="cross")]
    )
    found = find(rows, "alignment", 0)
    assert found is not None
    assert (found.measured.part, found.layer, found.head, found.heads) == ("cross", 1, 1, 2 * LAYERS * HEADS)


def test_a_head_that_was_not_measured_is_never_the_best() -> None:
    broken = row(0, "induction", {(0, 0): 0.4})
    broken["mean"][1][1] = None
    found = find(read_rows([broken]), "induction", 0)
    assert found is not None
    assert (found.layer, found.head, found.heads) == (0, 0, LAYERS * HEADS - 1)
    broken["mean"] = [[None] * HEADS] * LAYERS
    assert find(read_rows([broken]), "induction", 0) is None


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "evaluation"}, {"step": "4"}, {"step": None}, {"part": 3}, {"score": None}, {"mean": "much"}, {"mean": [1, 2]},
        {"mean": [[1, 2], [3]]}, {"low": [[0.1]]}, {"high": None}, {"mean": [[{}]]}, {"mean": []},
    ],
)  # fmt: skip
def test_a_broken_row_is_left_out(change: dict[str, Any]) -> None:
    assert read_rows([row(0, "induction", {}) | change]) == HeadRows(())


def test_of_two_rows_about_the_same_the_later_one_counts() -> None:
    rows = read_rows([row(3, "induction", {(0, 0): 0.4}), row(3, "induction", {(1, 1): 0.5})])
    (only,) = rows.measured
    assert only.best() == (1, 1)


def test_other_numbers_have_another_version(rows: HeadRows) -> None:
    assert rows.version == read_rows(made_rows()).version
    assert rows.version != read_rows(made_rows(steps=STEPS[:-1])).version
    assert read_rows([]).version == ""


def said(rows: HeadRows, score: str, step: int = 400, several: bool = False) -> str:
    found = find(rows, score, step)
    assert found is not None
    return verdict(found, "Induction", several)


def test_a_sentence_says_how_good_the_head_is_and_beside_what(rows: HeadRows) -> None:
    sentence = said(rows, "induction")
    for part in ("Induction: layer 1, head 2 does this", "512 texts", "0.910", "0.890 to 0.930", "offset −1", "0.0300"):
        assert part in sentence, part


def test_a_high_score_that_a_fixed_offset_reaches_is_no_evidence(rows: HeadRows) -> None:
    sentence = said(rows, "subject")
    assert "no evidence" in sentence
    assert "does as well" in sentence


def test_where_no_head_does_it_the_sentence_says_so(rows: HeadRows) -> None:
    assert "no head of this model does that at step 400" in said(rows, "place")
    assert "no head of this model does that at step 100" in said(rows, "induction", 100)


def test_between_faint_and_strong_a_head_does_it_in_part_and_its_part_is_named() -> None:
    rows = read_rows([row(5, "alignment", {(1, 3): 0.35}, baseline=0.1, baseline_name="offset 0", part="cross")])
    assert "layer 1, head 3 of the cross-attention does this in part" in said(rows, "alignment", 5, several=True)


def test_a_score_without_a_baseline_is_compared_with_none(rows: HeadRows) -> None:
    assert "without a model" not in said(rows, "previous_token")


# ---- on the page and on its way to the browser


@pytest.fixture
def kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that has kept six steps; no model of it is ever opened."""
    folder = write_run(store.root / RUN, steps=1000)
    change = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    change["config"]["model"] |= {"layers": LAYERS, "heads": HEADS}
    (folder / "run.json").write_text(json.dumps(change), encoding="utf-8")
    for step in (*STEPS, 800, 1000):
        (folder / "steps" / f"{step:08d}").mkdir(parents=True)
        (folder / "steps" / f"{step:08d}" / "manifest.json").write_text("{}", encoding="utf-8")
    shares = {name: [[0.25] * HEADS for _ in range(LAYERS)] for name in ("entropy", "first", "previous")}
    shares["previous"][1][3] = math.nan
    monkeypatch.setattr(heads, "summaries", lambda _looking: {"decoder": shares})
    return store.find(RUN)


@pytest.fixture
def run(kept: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same, its heads measured at all but the last two."""
    monkeypatch.setattr(measured.head_scores, "find_rows", lambda _store, _run: made_rows())
    monkeypatch.setattr(measured.head_scores, "find_runs", lambda _store, _run: [])
    return kept


def a_section(step: int, score: str) -> None:
    import streamlit as st

    from pages.ui.attention import heads
    from pages.ui.attention.looking import Looking
    from pages.ui.attention.measured import rows_of
    from pages.ui.state import store
    from pages.ui.subject import Subject

    run = store().find("0123456789abcdef")
    if score:
        heads.find_head(rows_of(run), score, step)
    layer, head = st.session_state.get("attention_layer", 0), st.session_state.get("attention_head", 0)
    looking = Looking(run.id, step, "a text", "", "decoder", layer, head, "heads")
    heads.show(looking, Subject(run, step))


def section(step: int = 400, score: str = "", part: str = "table") -> dict[str, Any]:
    """What the part of the page was given."""
    test = AppTest.from_function(a_section, args=(step, score), default_timeout=20).run()
    assert not test.exception
    given = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    (data,) = [data for data in given if data["part"] == part]
    return dict(data)


def test_every_head_has_a_row_and_what_cannot_be_summed_up_is_empty(run: Run) -> None:
    data = section()
    assert [head[:3] for head in data["heads"]] == [
        ["decoder", layer, head] for layer in range(LAYERS) for head in range(HEADS)
    ]
    assert data["summaries"]["previous"] == [0.25] * 7 + [None]
    assert [name for name, *_rest in data["columns"]] == ["entropy", "first", "previous"]
    assert data["verdict"] is None
    assert data["chosen"] == "decoder.0.0"


def test_finding_a_head_chooses_it_and_says_so(run: Run) -> None:
    data = section(score="induction")
    assert data["chosen"] == "decoder.1.2"
    assert data["verdict"]["finding"] == "does"
    assert score_words()["induction"].title in data["verdict"]["said"]
    assert section(score="induction", part="steps")["score"] == "induction"


@pytest.mark.parametrize("score", ["alignment", "no such thing"])
def test_what_was_not_measured_cannot_be_asked_for(run: Run, score: str) -> None:
    data = section(score=score)
    assert data["verdict"] is None
    assert data["chosen"] == "decoder.0.0"


def test_the_table_to_take_away_has_all_that_is_seen(run: Run) -> None:
    lines = list(csv.DictReader(io.StringIO(section()["csv"])))
    assert len(lines) == LAYERS * HEADS
    best = next(line for line in lines if (line["layer"], line["head"]) == ("1", "2"))
    assert [float(best[f"induction{end}"]) for end in ("", "_low", "_high", "_baseline")] == pytest.approx([0.91, 0.89, 0.93, 0.03])  # fmt: skip
    assert float(best["first"]) == 0.25
    assert next(line for line in lines if (line["layer"], line["head"]) == ("1", "3"))["previous"] == ""


def get(path: str, **query: str) -> Any:
    routes = [Route("/heads/{run}.csv", measured.heads_csv_route), Route("/heads/{run}", measured.heads_route)]
    return TestClient(Starlette(routes=routes)).get(path, params=query)


def test_the_route_sends_every_number_once(run: Run) -> None:
    reply = get(f"/heads/{RUN}").json()
    induction = reply["scores"]["decoder"]["induction"]
    assert induction["step"] == list(STEPS)
    assert induction["mean"][-1][1 * HEADS + 2] == 0.91
    assert induction["baseline_name"] == ["offset −1 tokens"] * len(STEPS)
    assert reply["shape"] == {"decoder": [LAYERS, HEADS]}
    assert (reply["measured"], reply["snapshots"]) == (4, 6)
    assert reply["poll_milliseconds"] is None, "nothing moves, so nothing is asked"
    again = get(f"/heads/{RUN}", have=reply["version"]).json()
    assert "scores" not in again
    assert again["version"] == reply["version"]
    assert [loss[0] for loss in reply["losses"]] == sorted({*range(0, 1000, 50), 999})


def test_a_measuring_that_has_finished_is_found(kept: Run, store: Store) -> None:
    assert measured.rows_of(kept) == HeadRows(())
    write_measuring(store.root / MEASURING, RUN, made_rows())
    assert measured.rows_of(kept).version == read_rows(made_rows()).version
    assert measured.rows_of(kept) is measured.rows_of(kept), "what has not changed is not read again"


def test_the_route_speaks_the_language_that_was_asked_for(run: Run) -> None:
    names = get(f"/heads/{RUN}", lang="zh").json()["scores"]["decoder"]["induction"]["baseline_name"]
    assert names[0] != "offset −1 tokens"
    assert "−1" in names[0]


def test_before_anything_is_measured_the_route_says_just_that(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured.head_scores, "find_rows", lambda _store, _run: [])
    reply = get(f"/heads/{RUN}").json()
    assert (reply["version"], reply["scores"], reply["measuring"]) == ("", {}, None)
    assert section()["verdict"] is None


def test_rows_about_heads_that_the_model_has_not_are_left_out(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    small = row(0, "induction", {}) | {name: [[0.5]] for name in ("mean", "low", "high")}
    strange = [small, *made_rows("cross"), *made_rows("<b>")]
    monkeypatch.setattr(measured.head_scores, "find_rows", lambda _store, _run: strange)
    assert get(f"/heads/{RUN}").json()["scores"] == {}


def test_while_a_measuring_goes_on_the_route_says_how_far_and_asks_to_come_again(run: Run, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    folder = write_measuring(store.root / MEASURING, RUN, [])
    status = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    write(folder / "status.json", status | {"state": "running", "seconds": 6.0, "progress": 0.25})
    monkeypatch.setattr("llm_core.runs.status.held", lambda _path: True)
    monkeypatch.setattr(measured.head_scores, "find_runs", find_runs)
    reply = get(f"/heads/{RUN}").json()
    about = reply["measuring"]
    assert (about["run"], about["state"], about["lively"], about["progress"]) == (MEASURING, "running", True, 0.25)
    assert about["remaining"] == pytest.approx(27.0), "one of six steps took six seconds, and three quarters are left"
    assert reply["poll_milliseconds"] < 2000


@pytest.mark.parametrize("path", ["/heads/0000000000000000", "/heads/0000000000000000.csv", "/heads/con"])
def test_what_is_no_run_is_refused_in_a_sentence(store: Store, path: str) -> None:
    reply = get(path)
    assert reply.status_code == 404
    assert reply.json()["error"].endswith(".")


def test_a_model_without_attention_is_refused_in_a_sentence(run: Run) -> None:
    file = run.folder / "run.json"
    change = json.loads(file.read_text(encoding="utf-8"))
    change["config"]["model"] = {"family": "ngram"}
    file.write_text(json.dumps(change), encoding="utf-8")
    assert get(f"/heads/{RUN}").status_code == 404


def test_a_press_begins_a_measuring_and_another_ends_it(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[str, str]] = []
    folder = write_measuring(store.root / MEASURING, RUN, [])
    write(folder / "status.json", {"state": "running"})
    monkeypatch.setattr(heads.head_scores, "find_runs", find_runs)
    monkeypatch.setattr(heads.head_scores, "start", lambda _store, run, owner: begun.append((run.id, owner)))
    subject = heads.Subject(run, 400)
    for nothing in (None, "measure", {"command": "delete"}, {"command": ["measure"]}, {}):
        heads._obey(subject, nothing)
    assert begun == []
    heads._obey(subject, {"command": "measure", "at": 1})
    assert begun == [(RUN, "local")]
    heads._obey(subject, {"command": "stop", "at": 2})
    assert json.loads((folder / "wanted.json").read_text(encoding="utf-8"))["state"] == "stopped"


def test_a_measuring_that_is_refused_says_why(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise UserError("{file} is empty.", file="x")

    kept: dict[str, Any] = {}
    monkeypatch.setattr(heads.head_scores, "start", refuse)
    monkeypatch.setattr(heads.st, "session_state", kept)
    heads._obey(heads.Subject(run, 400), {"command": "measure"})
    assert str(kept[state.ATTENTION_FAULT_KEY]) == "x is empty."


@pytest.mark.parametrize("picked", [None, 3, {}, {"part": "x", "layer": 0, "head": 0}, {"part": "decoder", "layer": "0", "head": 0}, {"part": [], "layer": 0, "head": 0}])  # fmt: skip
def test_what_is_no_head_is_not_chosen(picked: object, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, Any] = {}
    monkeypatch.setattr(heads.st, "session_state", kept)
    heads._pick(picked)
    assert kept == {}


def test_the_python_is_python(run: Run) -> None:
    looking = heads.Looking(RUN, 400, 'a "text"\n\\', "", "decoder", 0, 0, "heads")
    compile(heads.as_python(looking), "table", "exec")


@pytest.mark.parametrize("name", ["<a href='x'>y</a>", "offset", "offset 1e9", "", "offset -12345678"])
def test_a_rule_that_no_measuring_names_is_not_shown(name: str) -> None:
    (only,) = read_rows([row(0, "induction", {}, baseline=0.1, baseline_name=name)]).measured
    assert baseline_name(only, "en") == "–"
