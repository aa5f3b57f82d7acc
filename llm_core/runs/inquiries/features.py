"""A sparse autoencoder of one place of a model: trained, judged beside one with directions drawn at random, and looked at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from llm_core.config import RunConfig, TaskConfig
from llm_core.data.annotated import ASKED
from llm_core.data.corpora import CORPORA
from llm_core.errors import UserError
from llm_core.interpret.components import Component, streams
from llm_core.interpret.features.autoencoder_report import features_of_texts, judge_autoencoder
from llm_core.interpret.features.autoencoder_training import AutoencoderStep, train_autoencoder, vectors_at
from llm_core.interpret.features.feature_labels import LabelFeatures, find_labelled
from llm_core.interpret.features.feature_table import feature_table
from llm_core.interpret.features.sparse_autoencoder import SparseAutoencoder, load_autoencoder
from llm_core.interpret.loss_texts import LossTexts, askable, loss_texts
from llm_core.interpret.neurons.told_apart import at_labels
from llm_core.interpret.probes.probe_labels import Property, labelled_tokens
from llm_core.interpret.read_together import batches_of
from llm_core.interpret.reading import Reading, as_batch
from llm_core.interpret.target import refuse_two_streams
from llm_core.models.base import Batch, Model
from llm_core.runs.features import AUTOENCODER, JUDGED, LOOKED_AT, TABLE, texts_needed
from llm_core.runs.history import Row
from llm_core.runs.inquired import FeaturesQuestion
from llm_core.runs.inquiry_subject import Subject
from llm_core.runs.own_texts import numbered_readings, own_readings
from llm_core.runs.run import Run

_LABELLED = 120
_POINTS = 50
"""Steps of a training that are rows."""
_LEARNT, _CONTROL = "learnt", "random"


def answer(question: FeaturesQuestion, subject: Subject) -> Iterator[float | Row]:
    """Rows of kind "step" while it learns, "report" of it and of its control (`of`: "learnt" or "random"), "label" of what
    a grammar knows; the autoencoder and what its features do lie in files beside them.

    Raises UserError for a place that the model has not, for a model with two streams, and where there are no texts.
    """
    refuse_two_streams(subject.model)
    model, run, place = subject.model, subject.run, Component.parse(question.place)
    mask, needed = getattr(subject.tokenizer, "mask", None), texts_needed(question.texts)
    yield {"kind": "asked", "place": question.place, "step": subject.step}
    known = own_readings(run, model, subject.tokenizer, question.texts, LOOKED_AT + JUDGED, needed)
    judged = own_readings(run, model, subject.tokenizer, JUDGED, LOOKED_AT, needed)
    yield 0.02
    vectors = vectors_at(model, place, learnt_from(model, known, mask))
    asked = _asked(model, [each for each in judged if askable(model, each, mask)], mask)
    yield 0.05
    made = {}
    for number, of in enumerate((_LEARNT, _CONTROL)):
        work = train_autoencoder(
            vectors, place, features=question.features, k=question.k, steps=question.steps, seed=question.seed,
            random_directions=of == _CONTROL,
        )  # fmt: skip
        while True:
            try:
                step = next(work)
            except StopIteration as end:
                made[of] = _kept(end.value, subject.folder / AUTOENCODER) if of == _LEARNT else end.value
                break
            if step.step % max(1, question.steps // _POINTS) == 0 or step.step in (1, step.of):
                yield _row(step, of)
            yield 0.05 + 0.4 * (number + step.step / step.of)
        yield _report(model, made[of], asked, of)
    yield from _labels(subject, made)
    looked_at = numbered_readings(run, model, subject.tokenizer, LOOKED_AT, 0, needed)
    yield 0.95
    feature_table(model, made[_LEARNT], made[_CONTROL], looked_at).save(subject.folder / TABLE)
    yield {"kind": "table", "texts": len(looked_at)}


def learnt_from(model: Model, readings: Sequence[Reading], mask: int | None) -> list[Batch]:
    """Texts as they are read; by an encoder that fills in hidden tokens also with some hidden, as when a word is asked for."""
    batches = list(batches_of(readings))
    if model.causal or isinstance(model.config, TaskConfig):
        return batches
    hidden = loss_texts(model, [each for each in readings if askable(model, each, mask)], mask=mask, seed=1).batches
    longer = max(len(batches), len(hidden))
    # By turns: of very many texts the first are learnt from.
    return [batch for at in range(longer) for batch in (*batches[at : at + 1], *hidden[at : at + 1])]


def _kept(autoencoder: SparseAutoencoder, path: Path) -> SparseAutoencoder:
    """As it is in the file: what is told of it is true of what is kept, in 16 bits."""
    autoencoder.save(path, half=True)
    return load_autoencoder(path)


def _row(step: AutoencoderStep, of: str) -> Row:
    values = {name: float(f"{getattr(step, name):.4g}") for name in ("loss", "unexplained", "active")}
    return {"kind": "step", "of": of, "update": step.step, **values, "dead": step.dead}


def _report(model: Model, autoencoder: SparseAutoencoder, asked: LossTexts, of: str) -> Row:
    found = judge_autoencoder(model, autoencoder, asked)
    names = ("intact", "spliced", "zeroed", "averaged", "explained", "active", "recovered", "recovered_of_mean", "dead")
    values = {name: getattr(found, name) for name in names}
    numbers = {name: float(f"{value:.6g}") if np.isfinite(value) else None for name, value in values.items()}
    density = [float(f"{value:.3g}") for value in found.density.tolist()]
    return {"kind": "report", "of": of, **numbers, "positions": found.positions, "density": density}


def _asked(model: Model, readings: Sequence[Reading], mask: int | None) -> LossTexts:
    """What the model should say of texts; one for a task what it says itself, since it is asked what is left of that."""
    if not isinstance(model.config, TaskConfig):
        return loss_texts(model, readings, mask=mask)
    said: list[int | Sequence[int]] = []
    for reading in readings:
        with torch.no_grad():
            best = model(as_batch(reading).to(next(model.parameters()).device))[0].argmax(-1)
        said.append(best.tolist())
    return loss_texts(model, readings, mask=mask, labels=said)


@dataclass(frozen=True)
class _World:
    """What a grammar knows of a run's texts: these properties, of texts in a language by a grammar."""

    language: str
    grammar: str
    properties: tuple[Property, ...]


def _world(run: Run) -> _World:
    corpus = CORPORA.get(run.settings.data.corpus) if isinstance(run.settings, RunConfig) else None
    if corpus is not None and corpus.kind == "task":
        return _World("en", "stories", ("depth", "position") if corpus.source == "brackets" else ("position",))
    own = corpus is not None and corpus.kind in ("grammar", "parallel", *ASKED)
    language = "zh" if corpus is not None and corpus.language == "zh" else "en"
    properties: tuple[Property, ...] = ("part_of_speech", "entity", "number", "position")
    return _World(language, corpus.source if corpus is not None and own else "stories", properties)


def _labels(subject: Subject, made: dict[str, SparseAutoencoder]) -> Iterator[float | Row]:
    """For each label the features that tell it, and how well the best of the control does."""
    model, place, world = subject.model, made[_LEARNT].place, _world(subject.run)
    if len(streams(model)) > 1 and place.part != "encoder":
        return  # the labelled texts are its sources, which a decoder does not read
    for about in world.properties:
        try:
            labelled = labelled_tokens(
                model, subject.tokenizer, about, texts=_LABELLED, language=world.language, grammar=world.grammar
            )
            found = {}
            for of, autoencoder in made.items():
                by_text = features_of_texts(model, autoencoder, labelled.readings)
                found[of] = find_labelled(at_labels(by_text, labelled), labelled.text, labelled.label, labelled.names)
                yield 0.9
        except UserError:
            continue  # this world has nothing of the kind: Chinese no plurals, a task no words
        controls = {each.label: each for each in found[_CONTROL]}
        for each in found[_LEARNT]:
            yield _label_row(about, each, controls[each.label])


def _label_row(about: Property, found: LabelFeatures, control: LabelFeatures) -> Row:
    def exact(values: Sequence[float]) -> list[float]:
        return [float(f"{value:.4g}") for value in values]

    return {
        "kind": "label", "about": about, "label": found.label, "tokens": found.tokens, "features": list(found.features),
        "areas": exact(found.areas.tolist()), "on": exact(found.on.tolist()), "elsewhere": exact(found.elsewhere.tolist()),
        "random": float(f"{control.areas[0]:.4g}"),
    }  # fmt: skip
