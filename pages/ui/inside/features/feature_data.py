"""What the features of a sparse autoencoder do in a typed text and in others, computed once and kept for a while.

The model is whole here, whatever is taken away elsewhere: the autoencoder has learnt from the whole one.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import UserError
from llm_core.runs.features import AUTOENCODER, LOOKED_AT, TABLE, texts_needed
from llm_core.runs.inquiry import Answer
from llm_core.runs.own_texts import own_texts
from pages.ui.inside.computed import KEPT, Asked, opened, refuse_slow
from pages.ui.inside.selection import Against
from pages.ui.state import inference, store

if TYPE_CHECKING:
    from llm_core.interpret.features.feature_table import FeatureTable
    from llm_core.interpret.features.sparse_autoencoder import SparseAutoencoder
    from llm_core.interpret.neurons.excitements import Excitement

Floats = NDArray[Any]


@dataclass(frozen=True)
class Files:
    """Where an autoencoder and the table of its features are, and when they were written."""

    autoencoder: str
    table: str
    moment: int


def files_of(answer: Answer) -> Files:
    """Of an answer that is whole."""
    return files_at(answer.file(AUTOENCODER))


def files_at(autoencoder: Path) -> Files:
    """The same by the autoencoder's file, beside which that of the table is."""
    table = autoencoder.with_name(autoencoder.name.removesuffix(AUTOENCODER) + TABLE)
    try:
        moment = autoencoder.stat().st_mtime_ns
    except OSError:
        moment = 0
    return Files(str(autoencoder), str(table), moment)


@lru_cache(maxsize=KEPT)
def autoencoder_of(files: Files) -> "SparseAutoencoder":
    """Raises UserError where its file cannot be read."""
    from llm_core.interpret.features.sparse_autoencoder import load_autoencoder

    return load_autoencoder(Path(files.autoencoder))


@lru_cache(maxsize=KEPT)
def table_of(files: Files) -> "FeatureTable":
    """Raises UserError where its file cannot be read."""
    from llm_core.interpret.features.feature_table import load_table

    return load_table(Path(files.table))


@lru_cache(maxsize=KEPT)
def strengths_in(asked: Asked, files: Files) -> Floats:
    """(T, F): how strong each feature is at every token of the text, or of the source. Raises UserError."""
    with inference():
        from llm_core.interpret.features.autoencoder_report import features_of_texts

        model, _tokenizer, reading = opened(asked)
        refuse_slow(model, 1, len(reading.text.ids))
        return features_of_texts(model, autoencoder_of(files), [reading])[0]


@lru_cache(maxsize=KEPT)
def changes_without(
    asked: Asked, files: Files, token: int | None, target: int, against: Against, features: tuple[int, ...]
) -> tuple[float, ...]:
    """By how much what is explained changes when each feature is taken out of the whole text, alone. Raises UserError."""
    with inference():
        from llm_core.interpret.features.autoencoder_report import without_each
        from llm_core.interpret.target import Target

        model, _tokenizer, reading = opened(asked)
        refuse_slow(model, 1 + len(features), len(reading.text.ids))
        aim = Target(token, target, against)  # type: ignore[arg-type]
        return tuple(without_each(model, autoencoder_of(files), reading, aim, features).tolist())


@lru_cache(maxsize=2)
def _looked_at(run: str, step: int, learnt_from: int) -> list[tuple[str, str | None]]:
    """The texts of which a table of features holds the numbers, where the features come from so many others."""
    found = store().find(run)
    _model, tokenizer = store().model(found, step)
    return own_texts(found, tokenizer, LOOKED_AT, 0, texts_needed(learnt_from))


@lru_cache(maxsize=KEPT)
def excitement_in(
    asked: Asked, files: Files, feature: int, learnt_from: int
) -> "tuple[Excitement, dict[int, tuple[str, str | None]]]":
    """What excites a feature, and the texts that do, by number, each with its source. Raises UserError."""
    with inference():
        from llm_core.interpret.features.feature_table import NONE, excitement_of
        from llm_core.interpret.reading import read

        run = store().find(asked.run)
        model, tokenizer = store().model(run, asked.step)
        table = table_of(files)
        numbers = [int(number) for number in table.texts[feature] if number != NONE]
        every = _looked_at(asked.run, asked.step, learnt_from)
        if any(not 0 <= number < len(every) for number in numbers):
            raise UserError("The file {name} holds no features.", name=TABLE)
        texts = {number: every[number] for number in numbers}
        readings = {number: read(model, tokenizer, *given) for number, given in texts.items()}
        refuse_slow(model, 1, sum(len(reading.text.ids) for reading in readings.values()))
        return excitement_of(model, autoencoder_of(files), table, feature, readings), texts


def strongest(strengths: Floats, position: int | None) -> list[tuple[int, float]]:
    """The features that speak at a position, or anywhere where it is None, each with its activation, the strongest first."""
    here = strengths.max(0) if position is None else strengths[position]
    return [(int(feature), float(here[feature])) for feature in np.argsort(-here, kind="stable") if here[feature] > 0]
