"""An encoder on the Train and the Generate page: what starts it, what is said of it, and that it does not write."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from llm_core.config import TrainingConfig, load_recipe
from llm_core.evaluate.floor import HIDDEN
from llm_core.runs import history
from llm_core.runs.live import live as live_rows
from llm_core.runs.result import result_of
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from pages.ui import state
from pages.ui.attention.first_text import first_text
from pages.ui.forms import form_key
from pages.ui.state import RECIPE_KEY
from pages.ui.train.labels import labels as labels_of
from tests.pages.test_train_page import started, train_page

__all__ = ["started"]
RECIPE = load_recipe(Path(__file__).parents[2] / "assets" / "recipes" / "next-sentence.toml")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """An encoder that has been trained for a second, in the store that pages share."""
    root = tmp_path_factory.mktemp("encoder") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERRARIUM_RUNS", str(root))
        patch.setattr(state, "_warm_up", lambda: None)
        state.store.cache_clear()
        small = {"steps": 6, "batch_size": 8, "threads": 1, "evaluation_every": 6, "checkpoint_every": 6}
        config = RECIPE.model_copy(update={
            "model": RECIPE.model.model_copy(update={"width": 16, "heads": 2, "layers": 1}),
            "data": RECIPE.data.model_copy(update={"documents": 100}),
            "training": RECIPE.training.model_copy(update=small),
        })  # fmt: skip
        made = Store(root).create(config, name="An encoder")
        assert work(made).state == "finished"
        yield made
    state.store.cache_clear()


@pytest.mark.parametrize(
    ("recipe", "objective"), [("cloze", "masked"), ("next-sentence", "next_sentence"), ("xlnet", "permuted")]
)
def test_each_recipe_that_reads_starts_from_the_page(
    recipe: str, objective: str, store: Store, started: list[str]
) -> None:
    test = train_page()
    test.selectbox(key=RECIPE_KEY).set_value(recipe).run()
    test.button(key="train_start").click().run()
    assert not test.exception
    assert not test.error
    (made,) = store.runs()
    assert started == [made.id]
    assert made.config.training.objective == objective
    assert made.config.data.mask_token
    assert getattr(made.config.model, "architecture", "") == "encoder"


def test_how_tokens_are_hidden_is_asked_only_where_a_mask_hides_them(store: Store) -> None:
    for recipe, asked in (("cloze", True), ("xlnet", False), ("gpt", False)):
        test = train_page()
        test.selectbox(key=RECIPE_KEY).set_value(recipe).run()
        test.session_state["train_more"] = True
        test.run()
        keys = {form_key(TrainingConfig, name) for name in ("mask_share", "masking")}
        shown = {widget.key for widget in (*test.number_input, *test.selectbox)}
        assert (keys <= shown, bool(keys & shown)) == (asked, asked)
        assert form_key(TrainingConfig, "batch_size") in shown


def test_a_run_tells_what_it_fills_in_and_why_it_has_no_floor(run: Run) -> None:
    labels = labels_of(run)
    assert labels["samples"] == "What it fills in"
    assert labels["no_floor"] == HIDDEN.template
    assert {"accuracy", "next_sentence"} <= set(labels["skills"])
    found = result_of(run)
    assert (found.perplexity, found.bits_per_character) == (None, None)
    assert set(found.measures) == {"accuracy", "next_sentence"}
    reply = live_rows(state.store(), run.id)
    assert reply["bits_per_character"] is None
    shown = [row for row in reply["samples"] if row["step"] == 6]
    assert all("[MASK]" in row["prompt"] and "[MASK]" not in row["text"] for row in shown)
    assert any(row.get("kind") == "no_floor" for row in history.records(run.folder))


def test_generate_says_that_an_encoder_does_not_write(run: Run) -> None:
    test = train_page(run=run.id).switch_page("generate.py").run()
    assert not test.exception
    assert any("it is an encoder" in str(info.value) for info in test.info)
    assert not test.text_area


def test_the_text_first_looked_at_has_no_masks(run: Run) -> None:
    assert "[MASK]" not in first_text(run)
