"""The pre-trained encoders that classifiers start from: the bundled one, or one that a person has trained or brought."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from llm_core.config import TaskConfig
from llm_core.data.foreign_tokenizers import load_tokenizer
from llm_core.data.tokenizers import Tokenizer
from llm_core.errors import UserError
from llm_core.models.base import Model
from llm_core.models.build import build
from llm_core.models.files import load_model
from llm_core.models.task_model import TaskModel
from llm_core.models.transformer import Transformer

BUNDLED_NAME = "cloze-en-zh"
BUNDLED = Path(__file__).parents[2] / "assets" / "models" / BUNDLED_NAME


@dataclass(frozen=True)
class Encoder:
    """A body that reads a whole text, and its tokenizer. Shared and never changed: what is fine-tuned is a copy."""

    name: str
    body: Transformer = field(repr=False)
    tokenizer: Tokenizer = field(repr=False)


def encoder_of(name: str, model: Model, tokenizer: Tokenizer) -> Encoder:
    """The encoder in a model. Raises UserError for a model that writes left to right, or reads no text at once."""
    body = model.reader if isinstance(model, TaskModel) else model
    if not isinstance(body, Transformer) or body.causal:
        raise UserError(
            "{name} cannot be fine-tuned as a classifier: only an encoder reads the whole text at once. Train one with the objective masked.",
            name=name,
        )  # fmt: skip
    return Encoder(name, body, tokenizer)


@cache
def bundled_encoder() -> Encoder:
    """The encoder that comes with the program, at its last step. Raises UserError where it is missing."""
    return read_encoder(BUNDLED)


def read_encoder(folder: Path) -> Encoder:
    """The encoder in a run's folder, at the last step that was kept. Raises UserError where there is none."""
    steps = sorted((folder / "steps").glob("*/model.safetensors"))
    if not steps:
        raise UserError("{folder} holds no trained encoder.", folder=folder.name)
    return encoder_of(folder.name, load_model(steps[-1].parent), load_tokenizer(folder / "tokenizer.json"))


def classifier_on(encoder: Encoder, labels: int, seed: int) -> TaskModel:
    """A copy of the encoder with a new head for so many classes."""
    model = untrained_classifier_like(encoder, labels, seed)
    known = encoder.body.state_dict()
    # What only writes, as the transform of a masked model's head, has no place in a classifier.
    model.reader.load_state_dict({name: known[name] for name in model.reader.state_dict()})
    return model


def untrained_classifier_like(encoder: Encoder, labels: int, seed: int) -> TaskModel:
    """The same network from random weights: what pre-training is measured against.

    Dropout stands before the head alone. In the body it would take a third of a step's time on a processor; tokens are
    hidden from the network while it learns instead.
    """
    body = encoder.body.config.model_copy(update={"dropout": 0.0})
    model = build(TaskConfig(task="classify", body=body, labels=labels), seed)
    assert isinstance(model, TaskModel)
    return model
