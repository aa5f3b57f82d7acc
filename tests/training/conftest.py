"""A small text with something to learn in it, and small models, for runs of a few seconds."""

import random
from pathlib import Path
from typing import Any

import pytest

from llm_core.config import DataConfig, ModelConfig, RunConfig, TrainingConfig, TransformerConfig
from llm_core.data.corpora import with_corpus
from llm_core.data.prepare import TokenizedCorpus, prepare

NAMES = ["Ada", "Ben", "Cleo", "Dan", "Eve"]
VERBS = ["sees", "finds", "likes", "paints"]
THINGS = ["a red door", "the old map", "a small lamp", "the blue cup"]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    folder: Path = tmp_path_factory.mktemp("corpus")
    dice = random.Random(5)
    for number in range(60):
        lines = [f"{dice.choice(NAMES)} {dice.choice(VERBS)} {dice.choice(THINGS)}." for _ in range(6)]
        (folder / f"{number:02}.txt").write_text("\n".join(lines), encoding="utf-8")
    data = DataConfig(corpus=str(folder), tokenizer="character", vocabulary_size=400, held_out=0.2)
    return prepare(data, folder.parent / "corpora")


@pytest.fixture(scope="session")
def stories(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    """Stories in Chinese, a whole one a row; the longest has at most 192 characters."""
    data = with_corpus(RunConfig(), "stories-zh").data.model_copy(update={"documents": 200})
    return prepare(data, tmp_path_factory.mktemp("stories"))


def run_config(model: ModelConfig | None = None, **training: Any) -> RunConfig:
    """A run of a tiny decoder in a context of 16; anything of its training can be set."""
    settings = {
        "steps": 12, "batch_size": 4, "evaluation_every": 5, "evaluation_tokens": 64, "sample_every": 6,
        "sample_tokens": 4, "checkpoint_every": 4, "threads": 1, "device": "cpu", "precision": "fp32",
    }  # fmt: skip
    model = model or TransformerConfig(context=16, width=16, layers=2, heads=2)
    return RunConfig(model=model, training=TrainingConfig(**(settings | training)))
