"""What every feature of a sparse autoencoder does in some texts, as tables: kept in a file, so that a card is drawn at once.

Beside it stands the same of a control autoencoder whose directions were drawn at random: how far the peak of such a
feature stands out, and how much it promotes some token.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import UserError
from llm_core.interpret.array_files import in_16_bits, read_arrays, write_arrays
from llm_core.interpret.attention.attention import Floats
from llm_core.interpret.features.autoencoder_report import features_of_texts
from llm_core.interpret.features.sparse_autoencoder import SparseAutoencoder
from llm_core.interpret.neurons.excitements import Excitement, Moments, excite, side_read
from llm_core.interpret.neurons.written_tokens import way_out
from llm_core.interpret.reading import Reading
from llm_core.models.base import Model

Numbers = NDArray[np.int64]
NONE = -1
_BINS = 24
_TOP = 8
_TOKENS = 8
_WRITES = ("embedding", "attention", "feed_forward", "residual_before", "residual_middle", "residual_crossed", "residual_after")  # fmt: skip
_TEXTS_FOR_EFFECTS = 32
_FEATURES_AT_ONCE = 256


@dataclass(frozen=True)
class FeatureTable:
    """Of F features at `positions` (1,) tokens of some texts: density, mean, deviation, highest (F,) · counts (F, bins): the
    histogram from 0 to the highest · texts (F, n): the numbers of those that excite it most, -1 where there is none.

    promoted, suppressed (F, m): tokens, the strongest first, with effects (F, 2 m) of one unit of activation on their
    logits, in the order promoted, suppressed; m is 0 where the place writes no logits. random_heights, random_effects (F,):
    of the features of the control.
    """

    positions: Numbers
    density: Floats = field(repr=False)
    mean: Floats = field(repr=False)
    deviation: Floats = field(repr=False)
    highest: Floats = field(repr=False)
    counts: Numbers = field(repr=False)
    texts: Numbers = field(repr=False)
    promoted: Numbers = field(repr=False)
    suppressed: Numbers = field(repr=False)
    effects: Floats = field(repr=False)
    random_heights: Floats = field(repr=False)
    random_effects: Floats = field(repr=False)

    def save(self, path: Path) -> None:
        """Write it to a safetensors file, whole or not at all: numbers in 16 bits, counts in as many as they need."""
        write_arrays(path, {each.name: _small(getattr(self, each.name)) for each in fields(self)})


def load_table(path: Path) -> FeatureTable:
    """Read what `save` has written. Raises UserError where the file is missing or holds something else."""
    names = [each.name for each in fields(FeatureTable)]
    try:
        kept = read_arrays(path, *names)
    except UserError as error:
        raise UserError("The file {name} holds no features.", name=path.name) from error
    arrays: list[Any] = [each.astype(np.float32 if each.dtype.kind == "f" else np.int64) for each in kept]
    table = FeatureTable(*arrays)
    if not _whole(table):
        raise UserError("The file {name} holds no features.", name=path.name)
    return table


def _whole(table: FeatureTable) -> bool:
    """Whether all is there of the same features, and every fraction is a number."""
    count, tokens = table.density.size, table.promoted.shape[-1] if table.promoted.ndim else 0
    expected = {
        **dict.fromkeys(("density", "mean", "deviation", "highest"), (count,)),
        **dict.fromkeys(("promoted", "suppressed"), (count, tokens)),
        "positions": (1,), "effects": (count, 2 * tokens),
    }  # fmt: skip
    fit = all(getattr(table, name).shape == shape for name, shape in expected.items())
    rows = all(each.ndim == 2 and len(each) == count for each in (table.counts, table.texts))
    random = table.random_heights.ndim == table.random_effects.ndim == 1
    return fit and rows and random and all(np.isfinite(getattr(table, each.name)).all() for each in fields(table))


def feature_table(
    model: Model, autoencoder: SparseAutoencoder, control: SparseAutoencoder, texts: Mapping[int, Reading]
) -> FeatureTable:
    """Look at all features of an autoencoder and of its control in some texts, each with its number.

    Raises UserError for a place that the model has not and where there is no text; ValueError in training mode.
    """
    if not texts:
        raise UserError("Give at least one text.")
    readings = list(texts.values())
    by_text = features_of_texts(model, autoencoder, readings)
    found, random = Moments(), Moments()
    for each in by_text:
        found.add(each)
    for reading in readings:  # one by one: all that the control does is many numbers, and little is kept of them
        random.add(features_of_texts(model, control, [reading])[0])
    peaks = np.stack([each.max(0) for each in by_text])  # (texts, F)
    order = np.argsort(-peaks, axis=0, kind="stable")[:_TOP].T
    promoted, suppressed, effects, random_effects = _effects(model, autoencoder, control, readings)
    return FeatureTable(
        positions=np.array([found.count]), density=found.on, mean=found.mean, deviation=found.deviation, highest=found.highest,
        counts=_histograms(by_text, found.highest),
        texts=np.where(np.take_along_axis(peaks.T, order, 1) > 0, np.array(list(texts))[order], NONE),
        promoted=promoted, suppressed=suppressed, effects=effects,
        random_heights=random.heights, random_effects=random_effects,
    )  # fmt: skip


def excitement_of(
    model: Model, autoencoder: SparseAutoencoder, table: FeatureTable, feature: int, texts: Mapping[int, Reading]
) -> Excitement:
    """What excites one feature, `texts` those by number that its row of the table names: only they are read again.

    Raises UserError for a feature that is not there; ValueError for a model in training mode.
    """
    autoencoder.direction(feature)
    edges = np.linspace(0, max(float(table.highest[feature]), 1e-6), table.counts.shape[1] + 1).astype(np.float32)
    numbers = [int(number) for number in table.texts[feature] if number != NONE]
    most = []
    if numbers:
        strengths = features_of_texts(model, autoencoder, [texts[number] for number in numbers])
        sides = [side_read(texts[number], autoencoder.place.part) for number in numbers]
        found = excite([each[:, feature] for each in strengths], sides)
        most = [replace(each, text=numbers[each.text]) for each in found.most]
    return Excitement(
        tuple(most), (), edges, table.counts[feature], int(table.positions[0]), float(table.density[feature]),
        float(table.mean[feature]), float(table.deviation[feature]), float(table.highest[feature]), 0.0,
    )  # fmt: skip


def _histograms(by_text: Sequence[Floats], highest: Floats) -> Numbers:
    """(F, bins) from 0 to the highest of each feature; all at 0 where it never speaks."""
    found = []
    for start in range(0, len(highest), _FEATURES_AT_ONCE):
        some = slice(start, start + _FEATURES_AT_ONCE)
        columns = np.concatenate([each[:, some] for each in by_text]).T
        for column, peak in zip(columns, highest[some].tolist(), strict=True):
            found.append(np.histogram(column, bins=_BINS, range=(0.0, peak if peak > 0 else 1.0))[0])
    return np.stack(found).astype(np.int64)


def _effects(
    model: Model, autoencoder: SparseAutoencoder, control: SparseAutoencoder, readings: Sequence[Reading]
) -> tuple[Numbers, Numbers, Floats, Floats]:
    """promoted, suppressed, effects and those of the control; empty where what the place writes says no token."""
    count = autoencoder.features
    nothing = np.zeros((count, 0), dtype=np.int64)
    none = nothing, nothing, np.zeros((count, 0), dtype=np.float32), np.zeros(0, dtype=np.float32)
    if autoencoder.place.kind not in _WRITES:
        return none
    try:
        way = way_out(model, autoencoder.place, readings[:_TEXTS_FOR_EFFECTS])
    except UserError:  # the stream of an encoder whose findings go to a decoder, or a head that is not read out
        return none
    found = way.effects(autoencoder.decoder)  # (F, V)
    most = min(_TOKENS, found.shape[1] // 2)
    order = np.argsort(-found, axis=1, kind="stable")
    promoted, suppressed = order[:, :most], order[:, ::-1][:, :most]
    effects = np.take_along_axis(found, np.concatenate([promoted, suppressed], 1), 1)
    return promoted, suppressed, effects, way.effects(control.decoder).max(1)


def _small(values: Floats | Numbers) -> NDArray[np.generic]:
    if values.dtype.kind == "f":
        return in_16_bits(values)
    large = int(np.abs(values).max(initial=0)) >= 1 << 15
    return np.ascontiguousarray(values, dtype=np.int32 if large else np.int16)
