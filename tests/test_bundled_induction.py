"""The bundled attention-only model has the heads that its card says, counted here in a few lines, and enough snapshots
around the moment at which they form."""

import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from llm_core.data.corpora import CORPORA
from llm_core.data.tasks import TASKS, Induction
from llm_core.models.base import Batch
from llm_core.runs.head_scores_job import exercises_for
from llm_core.runs.run import Run
from llm_core.runs.scored import HeadScoresConfig
from llm_core.runs.store import Store
from llm_core.taps import observe

COPY, TEXTS = 16, 24
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("induction"))


@pytest.fixture(scope="module")
def run(store: Store) -> Run:
    return store.find("induction-en")


def counted(store: Store, run: Run, step: int) -> tuple[Floats, Floats]:
    """(layers, heads) each: attention to the token before, and to the one after the same token's first coming, in random
    words that come twice."""
    model, tokenizer = store.model(run, step)
    task = TASKS[CORPORA[run.config.data.corpus].source]
    assert isinstance(task, Induction)
    words = [tokenizer.pieces.index(f" {word}") for word in task.signs]
    random = np.random.default_rng(5)
    copies = np.stack([random.permutation(words)[:COPY] for _ in range(TEXTS)])
    ids = np.concatenate([np.zeros((TEXTS, 1), dtype=np.int64), copies, copies], axis=1)
    with torch.no_grad(), observe(model, only=["blocks.*.attention.pattern"]) as seen:
        model(Batch(torch.from_numpy(ids)))
    layers = [seen[f"blocks.{layer}.attention.pattern"].double().numpy() for layer in range(2)]
    pattern = np.stack(layers)  # (layers, texts, heads, T, T)
    places = range(1 + COPY, 1 + 2 * COPY)
    previous = np.mean([pattern[..., place, place - 1] for place in range(2, 1 + 2 * COPY)], axis=(0, 2))
    induction = np.mean([pattern[..., place, place - COPY + 1] for place in places], axis=(0, 2))
    return previous, induction


def test_its_heads_do_what_the_card_says_and_did_not_at_the_start(store: Store, run: Run) -> None:
    best = json.loads((run.folder / "card.json").read_bytes())["best_heads"]
    previous, induction = counted(store, run, run.steps()[-1])
    for name, found in (("previous_token", previous), ("induction", induction)):
        said = best[f"decoder {name}"]
        assert found[said["layer"], said["head"]] == pytest.approx(said["mean"], abs=0.08), name
        assert said["interval"][0] < said["mean"] < said["interval"][1]
    assert (best["decoder previous_token"]["layer"], best["decoder induction"]["layer"]) == (0, 1)
    assert previous[0].max() > 0.5
    assert induction[1].max() > 0.8
    assert induction[0].max() < 0.1, "one layer alone cannot know what came before the first of two"
    assert max(counted(store, run, 0)[1].max(), counted(store, run, 0)[0].max()) < 0.1


def test_the_moment_at_which_the_head_forms_is_seen_in_several_snapshots(store: Store, run: Run) -> None:
    best = json.loads((run.folder / "card.json").read_bytes())["best_heads"]["decoder induction"]
    rows = [json.loads(line) for line in (run.folder / "heads.jsonl").read_text().splitlines()]
    series = {row["step"]: row["mean"][1][best["head"]] for row in rows if row.get("score") == "induction"}
    assert sorted(series) == run.steps()
    rising = [step for step, mean in series.items() if 0.15 < mean < 0.9 * best["mean"]]
    assert len(rising) >= 3
    assert all(mean < 0.15 for step, mean in series.items() if step < rising[0])
    assert all(mean > 0.7 for step, mean in series.items() if step > rising[-1])
    middle = rising[len(rising) // 2]
    assert counted(store, run, middle)[1][1, best["head"]] == pytest.approx(series[middle], abs=0.12)


def test_random_texts_for_a_model_of_a_task_are_made_of_the_tasks_own_words(store: Store, run: Run) -> None:
    model, tokenizer = store.model(run)
    asked = exercises_for(run, model, tokenizer, HeadScoresConfig(run="induction-en", texts=40))
    task = TASKS["word-induction"]
    assert isinstance(task, Induction)
    pieces = {
        tokenizer.pieces[token] for exercise in asked for batch in exercise.batches for token in _ids(batch.batch)
    }
    assert pieces - {tokenizer.pieces[0]} <= {f" {word}" for word in task.signs}
    assert len(pieces) > 60


def _ids(batch: Batch) -> set[int]:
    assert batch.tokens is not None
    return set(batch.tokens.flatten().tolist())


def test_it_goes_on_with_an_ordinary_sentence_as_it_began(store: Store, run: Run) -> None:
    model, tokenizer = store.model(run)
    text = "Mia put an old hat on the table and Max looked at a red kite . Mia put"
    ids = [tokenizer.end_of_text, *tokenizer.encode(text)]
    for word in ("an", "old", "hat"):
        with torch.no_grad():
            following = int(model(Batch(torch.tensor([ids])))[0, -1].argmax())
        assert tokenizer.pieces[following] == f" {word}"
        ids.append(following)
