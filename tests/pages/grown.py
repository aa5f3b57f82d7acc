"""A run that has really been trained, so small that it takes a second or two: for what needs a model that writes."""

import random
from pathlib import Path

from llm_core.config import DataConfig, RunConfig, TrainingConfig, TransformerConfig
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from llm_core.runs.worker import work

STEPS = 60


def grow(root: Path, *, context: int = 32, layers: int = 1, batch_size: int = 8, masked: bool = False) -> Run:
    """Train on a page of made sentences in runs folder `root`; `masked`: an encoder that fills in hidden words."""
    dice = random.Random(7)
    words = {
        "who": ["the cat", "a small bird", "my old friend", "the teacher", "one quiet child"],
        "does": ["sees", "likes", "draws", "finds", "remembers"],
        "what": ["the sea", "a red house", "two green trees", "the moon", "a long song"],
    }
    lines = [" ".join(dice.choice(words[part]) for part in ("who", "does", "what")) + ".\n" for _ in range(600)]
    root.mkdir(parents=True, exist_ok=True)
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
