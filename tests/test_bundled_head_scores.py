"""Head scores come with every bundled model that has heads, of every step, and are those of its weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from llm_core.interpret.attention.attention import Part, parts
from llm_core.interpret.attention.head_scores import Score, score
from llm_core.interpret.attention.head_summaries import KINDS
from llm_core.interpret.outcome import outcome
from llm_core.runs.head_scores import FILE, find_rows
from llm_core.runs.head_scores_job import exercises_for
from llm_core.runs.history import Row
from llm_core.runs.run import Run
from llm_core.runs.scored import HeadScoresConfig
from llm_core.runs.store import BUNDLED_MODELS, Store

NAMES = sorted(path.name for path in BUNDLED_MODELS.iterdir() if path.is_dir())
MOST_BYTES = 500_000


@pytest.fixture(params=NAMES)
def bundled(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Store, Run]:
    store = Store(tmp_path)
    run = store.find(request.param)
    if run.model_config.family != "transformer":
        pytest.skip("it has no heads")
    return store, run


def fresh_scores(store: Store, run: Run, texts: int) -> dict[Part, dict[str, Score]]:
    """The scores of the last step now, over fewer texts."""
    model, tokenizer = store.model(run)
    asked = exercises_for(run, model, tokenizer, HeadScoresConfig(run=run.id, texts=texts))
    return outcome(score(model, asked, tokenizer))


def is_near(row: Row, fresh: Score) -> NDArray[Any]:
    """Which heads have a kept score that the fresh one, over far fewer texts, does not contradict."""
    near: NDArray[Any] = np.abs(np.array(row["mean"]) - fresh.mean) <= 1.5 * (fresh.high - fresh.low) + 0.01
    return near


def test_every_step_of_a_bundled_model_has_its_head_scores(bundled: tuple[Store, Run]) -> None:
    store, run = bundled
    rows = find_rows(store, run)
    assert (run.folder / FILE).stat().st_size <= MOST_BYTES
    assert sorted({row["step"] for row in rows}) == run.steps()
    model, _ = store.model(run)
    config: Any = run.model_config
    for part in parts(model):
        ours = [row for row in rows if row["part"] == part]
        assert {row["score"] for row in ours} - set(KINDS)
        for row in ours:
            assert np.shape(row["mean"]) == np.shape(row["low"]) == (config.layers, config.heads)
            # In hardly any text of a language without inflected verbs a verb shows a number.
            assert row["texts"] >= 500 or row["score"] == "subject"
            assert (np.array(row["low"]) <= np.array(row["high"])).all()


def test_the_head_scores_of_a_bundled_model_are_those_of_its_weights(bundled: tuple[Store, Run]) -> None:
    """Fails when a model was built anew and its heads were not: `python -m benchmarks.build_models NAME --heads`."""
    store, run = bundled
    fresh = fresh_scores(store, run, 40)
    rows = find_rows(store, run)
    last = {(row["part"], row["score"]): row for row in rows if row["step"] == run.steps()[-1]}
    assert {(part, name) for part, named in fresh.items() for name in named} == set(last)
    assert all(is_near(last[part, name], found).all() for part, named in fresh.items() for name, found in named.items())
    first = [row for row in rows if row["step"] == run.steps()[0]]
    far = [not is_near(row, fresh[row["part"]][row["score"]]).all() for row in first]
    assert np.mean(far) > 0.3, "scores of other weights would have been noticed"
