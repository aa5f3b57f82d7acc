"""The views of proved heads and of graphs: what they say is what was found, at any threshold, and what is clicked is opened."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from llm_core.interpret.circuits.composition import composition
from llm_core.interpret.circuits.contributions import check, contribution_graph
from llm_core.interpret.reading import read
from llm_core.runs.inquired import InquiryConfig, ProofQuestion
from llm_core.runs.inquiry import Answer
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from pages.ui.charts import LIGHT
from pages.ui.inside.circuits import composing, heads, proof_rows
from pages.ui.inside.circuits.contribution_graph import Whole, brought, figure
from pages.ui.inside.circuits.heads import offered, question_of, told
from pages.ui.text import number
from tests.pages.made_inside import TEXT, made
from tests.pages.opened_inside import link_of
from tests.pages.shared_store import shared_store
from tests.pages.test_inside_page import DECODER, open_page, parts, table

CHOSEN = {"kind": "chosen", "components": ["decoder.1.1"], "before": 0.96, "after": 0.1, "change": -0.86}
OTHERS = [{"kind": "other", "components": [f"decoder.0.{head}"], "before": 0.96, "after": after, "change": after - 0.96} for head, after in enumerate((0.9, 0.05, 0.5))]  # fmt: skip
SCORES = {"kind": "scores", "heads": ["decoder.0.0", "decoder.1.1"], "scores": [0.1, 0.8], "chosen": ["decoder.1.1"], "least": 0.4, "reached": True, "baseline": None}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with shared_store(tmp_path_factory) as store:
        made(store.root, DECODER)
        yield store


def answer(*rows: dict[str, Any]) -> Answer:
    return Answer(rows, True, None, "")


def proof(rank: int, of: int = 4) -> dict[str, Any]:
    return {
        "kind": "proof",
        "items": 128,
        "rank": rank,
        "of": of,
        "exhaustive": False,
        "loss_before": 0.1,
        "loss_after": 2.0,
    }


def said(*rows: dict[str, Any]) -> str:
    found = proof_rows.proved(answer(*rows))
    assert found is not None
    return told(found)


def test_the_sentence_says_what_came_out_whatever_it_is() -> None:
    best = said(SCORES, CHOSEN, OTHERS[0], OTHERS[2], proof(1, 3))
    assert "96 % right, without those that were found 10 %" in best
    assert "0 of them are missed as much" in best
    assert "Some other sets come near" in best
    alone = said(SCORES, CHOSEN, OTHERS[0], proof(1, 2))
    assert "no others are missed as much" in alone
    second = said(SCORES, CHOSEN, *OTHERS, proof(2))
    assert "50 % in the middle and 5 % at worst; 1 of them" in second
    assert "not on them alone" in second
    assert "not missed" in said(SCORES, {**CHOSEN, "after": 0.93, "change": -0.03}, *OTHERS, proof(4))


def test_a_proof_grows_with_its_rows() -> None:
    assert proof_rows.proved(answer()) is None
    config = InquiryConfig(run=DECODER, step=1, question=question_of("induction"))
    words = str
    for count in range(4):
        some = answer(SCORES, CHOSEN, *OTHERS[:count])
        assert proof_rows.points(config, some) == 1 + count
        drawn = proof_rows.figure(config, some, words, LIGHT)
        assert list(drawn.data[0].x) == [row["change"] for row in OTHERS[:count]]
        assert list(drawn.data[1].x) == [CHOSEN["change"]]
        assert len(proof_rows.csv(config, some).splitlines()) == 2 + count
    assert not proof_rows.figure(config, answer(SCORES), words, LIGHT).data


def test_heads_of_a_subject_are_looked_for_where_stories_are_known(store: Store) -> None:
    assert "subject" in offered(store.find("stories-zh"))
    assert "subject" not in offered(store.find("induction-en"))
    assert set(offered(store.find("cloze-en-zh"))) == {"previous_token", "duplicate_token"}


def test_a_model_is_asked_first_for_what_its_texts_are_full_of(tmp_path: Path, store: Store) -> None:
    bundled = Store(tmp_path)
    assert [next(iter(offered(bundled.find(name)))) for name in ("stories-en", "induction-en", "cloze-en-zh")] == [
        "subject", "induction", "previous_token"
    ]  # fmt: skip
    assert link_of(open_page(view="heads"))["proved"] == next(iter(offered(store.find(DECODER))))


def test_found_heads_are_drawn_and_taken_away_by_a_click(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "question_of", lambda about: ProofQuestion(about=about, texts=4, draws=2))
    config = InquiryConfig(run=DECODER, step=1, question=heads.question_of("previous_token"))
    work(store.create(config, name="proof", identity=config.digest))
    test = open_page(view="heads", proved="previous_token")
    scores = table(test, "heads-previous_token")
    assert [row["head"] for row in scores] == ["decoder.0.0", "decoder.0.1", "decoder.1.0", "decoder.1.1"]
    sets = table(test, "proof-previous_token")
    assert [row["found"] for row in sets] == ["True", *["False"] * (len(sets) - 1)]
    test.button(key="inside_heads_off").click().run()
    assert not test.exception
    assert link_of(test)["off"] == ",".join(sorted(sets[0]["heads"].split()))
    (code,) = {data["code"] for data in parts(test) if str(data.get("name", "")).startswith("terrarium-proof")}
    exec(compile(code, "heads", "exec"), {})
    printed = capsys.readouterr().out
    best = max(scores, key=lambda row: float(row["score"]))
    assert printed.splitlines()[0].split() == [best["head"], f"{float(best['score']):.3f}"]


@pytest.mark.parametrize("threshold", [0.02, 0.1, 0.3])
def test_a_higher_threshold_shows_a_part_of_the_same_graph(store: Store, threshold: float) -> None:
    model, tokenizer = store.model(store.find(DECODER))
    reading = read(model, tokenizer, TEXT)
    whole = Whole(contribution_graph(model, reading, 4, 0.01))
    expected = contribution_graph(model, reading, 4, threshold)
    assert set(whole.at(threshold).edges) == set(expected.edges)
    edges = brought(expected)
    drawn = figure(expected, LIGHT)
    handles = [each for each in drawn.data if each.customdata is not None]
    assert sum(len(each.customdata) for each in handles) == len(edges)
    assert len(brought(whole.at(whole.usual))) <= 30


def test_the_graph_of_the_page_has_a_threshold_in_its_link(store: Store) -> None:
    test = open_page(view="graph", threshold="250")
    model, tokenizer = store.model(store.find(DECODER))
    reading = read(model, tokenizer, TEXT)
    graph = contribution_graph(model, reading, len(reading.text.ids) - 1, 0.25)
    assert len(table(test, "graph")) == len(graph.edges)
    found = check(model, reading, graph)
    assert any(number(found.kept) in text.value.replace("\\", "") for text in test.markdown)
    (slider,) = test.main.slider
    slider.set_value(0.1).run()
    assert link_of(test)["threshold"] == "100"
    test = open_page(view="graph", graph="K")
    scores = composition(model).scores["K"]
    assert len(table(test, "composition-K")) == int(np.isfinite(scores).sum())
    assert "threshold" not in link_of(test)


def test_pairs_are_those_above_the_threshold_the_highest_first(store: Store) -> None:
    found = composition(store.model(store.find(DECODER))[0])
    scores = found.scores["V"]
    threshold = float(np.nanmedian(scores))
    shown = composing.pairs(found, "V", threshold)
    assert [score for *_pair, score in shown] == sorted(
        scores[np.nan_to_num(scores) >= threshold].tolist(), reverse=True
    )
    for first, second, score in shown:
        assert scores[found.heads.index(first), found.heads.index(second)] == score
    assert composing.highest(found, "V") == np.nanmax(scores)
    drawn = composing.figure(found, shown, "decoder.0.1", LIGHT)
    assert len(drawn.data[-1].x) == len(found.heads)


def clicked(values: list[object]) -> None:
    """Let both views hear each of these."""
    from pages.ui.inside.circuits import graph, heads

    for value in values:
        graph.pick(value)
        heads.pick(value)


def test_a_click_opens_the_head_and_nonsense_changes_nothing() -> None:
    def state_after(*values: object) -> Any:
        test = AppTest.from_function(clicked, args=(list(values),), default_timeout=90).run()
        assert not test.exception
        return test.session_state

    state = state_after(["x"], [9, 0, 0], None, [0, 1], [0, -1, 0])
    assert "inside_layer" not in state
    assert "inside_off" not in state
    state = state_after([0, 1, 0])
    assert (state["inside_layer"], state["inside_head"], state["inside_view"]) == (1, 0, "circuit")
    assert state["inside_off"] == ("decoder.1.0",)
