"""The features that come with the story models: found by the question that the page asks first, and better than chance."""

from pathlib import Path

import pytest

from llm_core.interpret.features.feature_table import load_table
from llm_core.runs import inquiry
from llm_core.runs.features import AUTOENCODER, TABLE, trained_autoencoder
from llm_core.runs.inquired import FeaturesQuestion, InquiryConfig
from llm_core.runs.store import BUNDLED_MODELS, Store

MOST_BYTES = 400_000


@pytest.mark.parametrize("name", ["stories-en", "stories-zh"])
def test_they_are_there_and_give_back_more_of_the_loss_than_random_directions(name: str, tmp_path: Path) -> None:
    store = Store(tmp_path, bundled=BUNDLED_MODELS)
    run = store.find(name)
    step, question = run.steps()[-1], FeaturesQuestion()
    answer = inquiry.known(store, InquiryConfig(run=run.id, step=step, question=question))
    assert answer is not None
    learnt, random = (row for row in answer.rows if row["kind"] == "report")
    assert learnt["recovered"] > 0.98
    assert learnt["recovered"] > random["recovered"] + 0.1
    assert learnt["active"] == pytest.approx(question.k, abs=0.1)
    found = trained_autoencoder(store, run, step, question.place)
    assert (found.features, found.k) == (question.features, question.k)
    assert len(load_table(answer.file(TABLE)).density) == question.features
    assert answer.file(AUTOENCODER).stat().st_size + answer.file(TABLE).stat().st_size < MOST_BYTES
