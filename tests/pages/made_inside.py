"""A run folder with a small model of random weights, large enough that every head matters; nothing is trained."""

import json
from pathlib import Path

import torch

from llm_core.config import TransformerConfig
from llm_core.data.tokenizers import train_tokenizer
from llm_core.models.build import build
from llm_core.models.files import model_files
from llm_core.training.atomic import write_folder
from tests.pages.recorded import write_run

TEXT = "the cat sees the cat"


def made(root: Path, name: str, architecture: str = "decoder", *, masked: bool = False) -> None:
    """Two layers of two heads, width 16, with two snapshots; an encoder with a mask where `masked`."""
    folder = write_run(root / name, until=1)
    tokenizer = train_tokenizer("word", 300, [TEXT, "the dog sees a dog <b>runs</b>"] * 5, mask_token=masked)
    values = json.loads((folder / "run.json").read_text())
    config = TransformerConfig(architecture=architecture, context=48, width=16, layers=2, heads=2)  # type: ignore[arg-type]  # fmt: skip
    values["config"]["model"] = config.model_dump(mode="json")
    if architecture == "encoder":
        values["config"]["training"]["objective"] = "masked"
        values["config"]["data"]["mask_token"] = True
    (folder / "run.json").write_text(json.dumps(values))
    tokenizer.save(folder / "tokenizer.json")
    for step, scale in ((0, 1.0), (1, 8.0)):
        model = build(config.model_copy(update={"vocabulary_size": tokenizer.vocabulary_size}), seed=1)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(scale if parameter.ndim == 2 else 1.0)
        write_folder(folder / "steps", f"{step:08d}", model_files(model, half=False))
