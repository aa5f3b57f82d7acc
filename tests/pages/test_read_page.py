"""The Read page: entities and answers as the model gives them, marked in place, whatever a person types."""

import csv
import io
import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from llm_core.config import TaskConfig, load_recipe
from llm_core.inference.answer import answer
from llm_core.inference.label import label, left_out
from llm_core.inference.tag import tag
from llm_core.runs import history
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from pages.ui import state
from pages.ui.read import guide
from pages.ui.read.example import example, labelled_example
from pages.ui.read.tagged import shares_of
from pages.ui.read.words import percent
from tests.pages.test_train_page import NAVIGATION, train_page

RECIPES = Path(__file__).parents[2] / "assets" / "recipes"
STEPS = 30
INJECTION = "<img src=x onerror=alert(1)> Lily & <b>Tom</b>"
Runs = dict[str, Run]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """A tagger and an answerer that have been trained for a second, in the store that pages share; nothing is bundled."""
    root = tmp_path_factory.mktemp("reading") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERRARIUM_RUNS", str(root))
        patch.setattr(state, "_warm_up", lambda: None)
        state.store.cache_clear()
        made = {}
        for task in ("classify", "answer", "tag"):
            recipe = load_recipe(RECIPES / f"{task}.toml")
            assert isinstance(recipe.model, TaskConfig)
            body = recipe.model.body.model_copy(update={"width": 16, "heads": 2, "layers": 1})
            small = {
                "steps": STEPS,
                "threads": 1,
                "evaluation_every": STEPS,
                "checkpoint_every": STEPS,
                "sample_every": STEPS,
            }
            config = recipe.model_copy(update={
                "model": recipe.model.model_copy(update={"body": body}),
                "data": recipe.data.model_copy(update={"documents": 150}),
                "training": recipe.training.model_copy(update=small),
            })  # fmt: skip
            made[task] = Store(root).create(config, name=f"Trained to {task}")
            assert work(made[task]).state == "finished"
        store = state.store()
        patch.setattr(store, "bundled", list)
        yield made
    state.store.cache_clear()


def read_page(**query: str) -> AppTest:
    return page("read.py", **query)


def page(name: str, **query: str) -> AppTest:
    """A page within the whole application, so that its links have somewhere to go."""
    test = AppTest.from_file(NAVIGATION, default_timeout=30)
    for key, value in query.items():
        test.query_params[key] = value
    test.run()
    test.switch_page(name).run()
    assert not test.exception
    return test


def shown(test: AppTest) -> str:
    """The text with its marks, as HTML."""
    (html,) = [node.proto.body for node in test.get("html") if "t-read" in node.proto.body]
    return str(html)


def plain(html: str) -> str:
    """What a person reads, without the labels of the marks."""
    (paragraph,) = re.findall(r"<p class='t-read'>(.*?)</p>", html, re.DOTALL)
    return unescape(re.sub(r"<[^>]*>", "", re.sub(r"<small>.*?</small>", "", paragraph)))


def drawn(test: AppTest) -> dict[str, Any]:
    """What the picture under it is given."""
    found = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    (data,) = [each for each in found if "figures" in each]
    return dict(data)


def test_a_story_opens_with_the_entities_that_the_model_finds(runs: Runs) -> None:
    test = read_page(run=runs["tag"].id)
    story = example(0, "en")
    model, tokenizer = state.store().model(runs["tag"])
    found = tag(model, tokenizer, runs["tag"].labels, story.text)
    html = shown(test)
    assert plain(html) == story.text
    assert html.count("<mark") == len(found.entities)
    marked = re.findall(r"data-kind='(\w+)'[^>]*>(.*?)<small>(.*?)</small>", html)
    assert marked == [(one.kind, one.text, f"{one.kind} {percent(one.probability).replace('>', '&gt;')}") for one in found.entities]  # fmt: skip
    rows = list(csv.DictReader(io.StringIO(drawn(test)["table"])))
    assert [row["word"] for row in rows] == [story.text[slice(*word)] for word in found.words]
    np.testing.assert_allclose([float(row["B-person"]) for row in rows], found.probabilities[:, runs["tag"].labels.index("B-person")], atol=1e-5)  # fmt: skip
    np.testing.assert_allclose(shares_of(found).sum(0), 1, atol=1e-6)


def test_an_answer_is_marked_where_it_stands(runs: Runs) -> None:
    test = read_page(run=runs["answer"].id, task="answer")
    story = example(0, "en")
    question = next(iter(story.answers))
    model, tokenizer = state.store().model(runs["answer"])
    best = answer(model, tokenizer, story.text, question).answers[0]
    html = shown(test)
    before, _, rest = html.partition("<mark")
    assert plain(html) == story.text
    assert unescape(before.partition("<p class='t-read'>")[2]) == story.text[: best.start]
    assert unescape(rest.partition(">")[2].partition("<small>")[0]) == best.text
    figure = drawn(test)["figures"]["light"]
    begins, ends = figure["data"]
    assert sum(begins["y"]) == pytest.approx(1, abs=1e-4)
    assert sum(ends["y"]) == pytest.approx(1, abs=1e-4)
    assert test.query_params["question"] in (question, [question])


def test_a_text_opens_with_the_class_that_the_model_gives_it(runs: Runs) -> None:
    run = runs["classify"]
    test = read_page(run=run.id, task="classify")
    made = labelled_example(0, "en", "reviews")
    model, tokenizer = state.store().model(run)
    (expected,) = label(model, tokenizer, run.labels, [made.text])
    best = next(iter(expected))
    html = shown(test)
    assert plain(html) == f"{made.text} {best}"
    assert f"{best}<small>{percent(expected[best])}</small>" in html
    rows = {row["class"]: float(row["probability"]) for row in csv.DictReader(io.StringIO(drawn(test)["table"]))}
    assert rows == pytest.approx(expected)
    (bars,) = drawn(test)["figures"]["light"]["data"]
    assert bars["x"] == pytest.approx(list(expected.values()))
    said = next(caption.value for caption in test.caption if "the grammar made the text" in caption.value.lower())
    assert ("another class" in said) == (best != made.label)
    assert (f"surer than {percent(made.sure)}" in said) == (made.sure < 0.995)
    assert ("hardly a doubt" in said) == (made.sure >= 0.995)


def test_a_typed_text_gets_its_class_and_is_read_as_far_as_it_fits(runs: Runs) -> None:
    run = runs["classify"]
    test = read_page(run=run.id, task="classify", text="so dull " * 100)
    model, tokenizer = state.store().model(run)
    count = left_out(model, tokenizer, "so dull " * 100)
    assert count == len(tokenizer.begin) + len(tokenizer.encode("so dull " * 100)) - run.config.model.body.context > 0
    assert any(f"The last {count} tokens" in caption.value for caption in test.caption)
    test.text_area(key=state.READ_TEXT_KEY).set_value("So dull.").run()
    assert plain(shown(test)).startswith("So dull. ")
    assert not any("do not fit" in caption.value for caption in test.caption)
    (model_box,) = [box for box in test.selectbox if box.key == state.RUN_KEY]
    assert model_box.options == ["Trained to classify"]


def test_each_button_of_the_guide_of_classes_finds_a_text(runs: Runs) -> None:
    test = read_page(run=runs["classify"].id, task="classify")
    given = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    views = [button["view"] for data in given for line in data.get("lines", []) for button in line["buttons"]]
    assert views == ["elsewhere", "words", "early"]
    unseen = labelled_example(0, "en", "reviews", held_out_words=True)
    assert unseen.text != labelled_example(0, "en", "reviews").text
    (button,) = [each for each in test.button if each.label == "Another text"]
    button.click().run()
    assert plain(shown(test)).startswith(labelled_example(1, "en", "reviews").text)


@pytest.mark.parametrize("task", ["tag", "answer", "classify"])
def test_what_is_typed_is_shown_as_it_is(task: str, runs: Runs) -> None:
    test = read_page(run=runs[task].id, task=task, text=INJECTION, question="<script>?")
    html = shown(test)
    assert plain(html).startswith(INJECTION)
    assert "<img" not in html
    assert "<b>" not in html


def test_only_models_of_the_task_are_offered_and_a_link_opens_what_was_seen(runs: Runs) -> None:
    test = read_page(task="answer", text="Tom saw a dog.", question="Who saw a dog?")
    (model,) = [box for box in test.selectbox if box.key == state.RUN_KEY]
    assert model.options == ["Trained to answer"]
    assert test.text_area(key=state.READ_TEXT_KEY).value == "Tom saw a dog."
    assert test.text_input(key=state.READ_QUESTION_KEY).value == "Who saw a dog?"
    test.segmented_control(key=state.READ_TASK_KEY).set_value("tag").run()
    (model,) = [box for box in test.selectbox if box.key == state.RUN_KEY]
    assert model.options == ["Trained to tag"]
    assert plain(shown(test)) == "Tom saw a dog."
    assert test.query_params["task"] in ("tag", ["tag"])


def test_another_story_is_told_and_a_touched_text_stays(runs: Runs) -> None:
    test = read_page(run=runs["tag"].id)
    (button,) = [each for each in test.button if each.label == "Another story"]
    button.click().run()
    assert plain(shown(test)) == example(1, "en").text
    assert test.query_params["story"] in ("1", ["1"])
    test.text_area(key=state.READ_TEXT_KEY).set_value("Mia sat.").run()
    test.segmented_control(key=state.READ_TASK_KEY).set_value("answer").run()
    assert plain(shown(test)) == "Mia sat."


def test_the_figures_are_those_of_the_last_look(runs: Runs) -> None:
    test = read_page(run=runs["tag"].id)
    (facts,) = [node.proto.body for node in test.get("html") if "t-facts" in node.proto.body]
    looked = next(row for row in reversed(history.records(runs["tag"].folder)) if row.get("kind") == "evaluation")
    assert [float(share) for share in re.findall(r"<dd>([\d.]+) %</dd>", facts)] == [
        round(100 * share, 1) for share in looked["measures"].values()
    ]


def test_an_empty_question_and_an_empty_text_are_one_sentence(runs: Runs) -> None:
    test = read_page(run=runs["answer"].id, task="answer", text="Tom sat.", question=" ")
    (error,) = test.error
    assert "needs a question" in error.value
    test = read_page(run=runs["tag"].id, task="tag", text=" ")
    assert plain(shown(test)) == " "


def test_each_button_of_the_guide_sets_a_view(runs: Runs) -> None:
    test = read_page(run=runs["tag"].id)
    labels = [json.loads(node.proto.json) for node in test.get("bidi_component")]
    views = [button["view"] for data in labels for line in data.get("lines", []) for button in line["buttons"]]
    assert views == ["new", "answer", "early"]
    assert all(name in guide.NEW_NAMES["en"] for name in ("Zorba", "park"))


def test_without_a_model_the_page_says_what_it_takes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "bundled", list)
    test = read_page(task="answer")
    assert "trained for this task" in test.info[0].value
    (link,) = test.get("page_link")
    assert "recipe=answer" in link.proto.query_string


@pytest.mark.parametrize("task", ["tag", "answer", "classify"])
def test_the_train_page_takes_the_recipe_of_a_link_and_shows_the_run(task: str, runs: Runs) -> None:
    test = train_page(recipe=task)
    assert test.selectbox(key=state.RECIPE_KEY).value == task
    assert not test.error
    assert "recipe" not in test.query_params
    labels = next(json.loads(node.proto.json)["labels"] for node in test.get("bidi_component") if "labels" in json.loads(node.proto.json))  # fmt: skip
    assert labels["samples"] in ("What it says of texts", "What it writes")


def test_other_pages_say_why_a_model_for_a_task_does_not_write(runs: Runs) -> None:
    test = page("generate.py", run=runs["tag"].id)
    assert "does not write" in test.info[0].value


@pytest.mark.parametrize("task", ["tag", "answer"])
def test_what_a_tagger_looks_at_is_seen_on_the_attention_page(task: str, runs: Runs) -> None:
    test = page("attention.py", run=runs[task].id)
    assert not test.error
    said = any("on the page Read" in caption.value for caption in test.caption)
    assert said == (task == "answer")
