"""A run that has really been trained, so small that it takes a second or two: for what needs a model that writes."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llm_core.config import DataConfig, RunConfig, TrainingConfig, TransformerConfig
from llm_core.runs.names import new_id
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work
from tests.pages.shared_store import shared_store

STEPS = 60

_kept: dict[tuple[int, int, int, bool], Path] = {}
"""By its settings, a copy of a run as it was when its training was over."""


def grow(root: Path, *, context: int = 32, layers: int = 1, batch_size: int = 8, masked: bool = False) -> Run:
    """A run on a page of made sentences in runs folder `root`; `masked`: an encoder that fills in hidden words.

    Trained where these settings are asked for the first time, copied where they come again.
    """
    root.mkdir(parents=True, exist_ok=True)
    settings = (context, layers, batch_size, masked)
    if settings in _kept:
        folder = root / new_id()
        shutil.copytree(_kept[settings], folder)
        return Store(root).find(folder.name)
    run = _train(root, context, layers, batch_size, masked)
    _kept[settings] = root.parent / f"as-it-was-{run.id}"
    shutil.copytree(run.folder, _kept[settings])
    return run


@contextmanager
def grown_store(places: pytest.TempPathFactory, *, bundled: bool = True, context: int = 32, masked: bool = False) -> Iterator[Run]:  # fmt: skip
    """A grown run in the store that pages share, with the models that come along beside it or without."""
    with shared_store(places, bundled=bundled) as store:
        yield grow(store.root, context=context, masked=masked)


def _train(root: Path, context: int, layers: int, batch_size: int, masked: bool) -> Run:
    dice = random.Random(7)
    words = {
        "who": ["the cat", "a small bird", "my old friend", "the teacher", "one quiet child"],
        "does": ["sees", "likes", "draws", "finds", "remembers"],
        "what": ["the sea", "a red house", "two green trees", "the moon", "a long song"],
    }
    lines = [" ".join(dice.choice(words[part]) for part in ("who", "does", "what")) + ".\n" for _ in range(600)]
    text = root.parent / "sentences.txt"
    text.write_text("".join(lines), encoding="utf-8")
    store = Store(root)
    config = RunConfig(
        model=TransformerConfig(
            context=context, width=32, layers=layers, heads=2, architecture="encoder" if masked else "decoder"
        ),
        data=DataConfig(corpus=str(text), tokenizer="bpe", vocabulary_size=320, mask_token=masked),
        training=TrainingConfig(
            objective="masked" if masked else "next_token", steps=STEPS, batch_size=batch_size, threads=1, evaluation_every=STEPS, evaluation_tokens=256, sample_every=STEPS,
            sample_prompt="the cat", sample_tokens=8, checkpoint_every=STEPS,
        ),
    )  # fmt: skip
    run = store.create(config, name="A grown run")
    status = work(run)
    assert status.state == "finished", status
    return run
