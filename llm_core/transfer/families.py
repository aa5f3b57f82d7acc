"""The three ways to put a pre-trained encoder to work as a classifier: all of it, its head, or low-rank matrices."""

import time
from abc import abstractmethod
from collections.abc import Callable, Iterator

import numpy as np
import torch

from llm_core.data.labelled import Labelled
from llm_core.errors import N_
from llm_core.inference.classifiers.encoder import EncoderClassifier
from llm_core.inference.classifiers.text_rows import TextRows
from llm_core.models.task_model import TaskModel
from llm_core.training.classifiers.base import Family, FitOptions, Fitted, Progress
from llm_core.transfer.encoder import Encoder, bundled_encoder, classifier_on
from llm_core.transfer.features import Head, learn_head, read_features
from llm_core.transfer.lora import add_low_rank, merge_low_rank
from llm_core.transfer.tuning import Budget, Settings, Tuning, layer_groups

# Steps ten times as large as for BERT: the encoder is a hundredth of its size and was trained in large steps itself.
FINETUNED = Settings(learning_rate=2e-3, head_learning_rate=4e-3, layer_decay=0.85)
LOW_RANK = Settings(learning_rate=3e-3, head_learning_rate=3e-3)
RANK, ALPHA = 8, 16.0
_KEPT_BACK = 0.03
"""The share of the time that making the classifier may take once the weights are there."""

Start = Callable[[Encoder, int, int], TaskModel]
"""From an encoder, the number of classes and a seed to the model that is tuned."""


class EncoderFamily(Family):
    """A family that starts from an encoder: the bundled one, unless it is given another."""

    neural = True

    def __init__(self, encoder: Callable[[], Encoder] = bundled_encoder) -> None:
        self.encoder = encoder

    def fit(
        self,
        training: Labelled,
        *,
        seconds: float,
        seed: int,
        options: FitOptions = FitOptions(),
        clock: Callable[[], float] = time.monotonic,
    ) -> Iterator[Progress | Fitted]:
        budget = Budget(clock, seconds * (1 - _KEPT_BACK))
        encoder = self.encoder()
        rows = TextRows(encoder.tokenizer, encoder.body.context, options.long_texts)
        yield from self._fit(encoder, rows, training, budget, seed, options)

    @abstractmethod
    def _fit(
        self,
        encoder: Encoder,
        rows: TextRows,
        training: Labelled,
        budget: Budget,
        seed: int,
        options: FitOptions,
    ) -> Iterator[Progress | Fitted]: ...

    def _fitted(
        self,
        model: TaskModel,
        rows: TextRows,
        training: Labelled,
        parameters: int,
        budget: Budget,
        chosen: dict[str, float | int | str],
    ) -> Fitted:
        made = EncoderClassifier(self.name, training.names, model, rows.tokenizer, rows.long_texts, parameters)
        return Fitted(made, budget.spent, chosen)


class EncoderFinetuned(EncoderFamily):
    """All layers learn, the lower ones in smaller steps (Howard & Ruder 2018)."""

    name = "encoder_finetuned"
    title = N_("Encoder, all layers")

    def __init__(
        self,
        encoder: Callable[[], Encoder] = bundled_encoder,
        start: Start = classifier_on,
        settings: Settings = FINETUNED,
    ) -> None:
        """`start`: another beginning than the encoder's own weights, as random ones to compare with."""
        super().__init__(encoder)
        self.start, self.settings = start, settings

    def _fit(
        self, encoder: Encoder, rows: TextRows, training: Labelled, budget: Budget, seed: int, options: FitOptions
    ) -> Iterator[Progress | Fitted]:
        model = self.start(encoder, len(training.names), seed)
        groups = layer_groups(model, self.settings)
        tuning = Tuning(model, groups, rows, training, self.settings, seed=seed, budget=budget, augment=_augment(options))  # fmt: skip
        yield from tuning.run()
        parameters = sum(parameter.numel() for parameter in model.parameters())
        yield self._fitted(model, rows, training, parameters, budget, {"epoch": round(tuning.best.epoch, 2)})


class EncoderLora(EncoderFamily):
    """The encoder stays as it is; low-rank matrices beside its own learn, and the head (Hu et al. 2021)."""

    name = "encoder_lora"
    title = N_("Encoder, LoRA")

    def __init__(self, encoder: Callable[[], Encoder] = bundled_encoder, settings: Settings = LOW_RANK) -> None:
        super().__init__(encoder)
        self.settings = settings

    def _fit(
        self, encoder: Encoder, rows: TextRows, training: Labelled, budget: Budget, seed: int, options: FitOptions
    ) -> Iterator[Progress | Fitted]:
        model = classifier_on(encoder, len(training.names), seed).requires_grad_(False)
        generator = torch.Generator().manual_seed(seed)
        added = add_low_rank(model, RANK, ALPHA, ("query", "value", "up", "down"), generator)
        head = list(model.task_head.requires_grad_(True).parameters())
        groups: list[dict[str, object]] = [
            {"params": added, "lr": self.settings.learning_rate},
            {"params": head, "lr": self.settings.head_learning_rate},
        ]
        tuning = Tuning(
            model, groups, rows, training, self.settings, seed=seed, budget=budget, augment=_augment(options)
        )
        yield from tuning.run()
        merge_low_rank(model)
        parameters = sum(parameter.numel() for parameter in (*added, *head))
        chosen: dict[str, float | int | str] = {"rank": RANK, "epoch": round(tuning.best.epoch, 2)}
        yield self._fitted(model, rows, training, parameters, budget, chosen)


class EncoderHeadOnly(EncoderFamily):
    """The encoder stays as it is and reads each text once; only a head learns on what it has seen."""

    name = "encoder_head_only"
    title = N_("Encoder, head only")

    def _fit(
        self, encoder: Encoder, rows: TextRows, training: Labelled, budget: Budget, seed: int, options: FitOptions
    ) -> Iterator[Progress | Fitted]:
        model = classifier_on(encoder, len(training.names), seed).requires_grad_(False)
        random = np.random.default_rng(seed)
        shuffled = training.take(random.permutation(len(training)))
        texts, augment = list(shuffled.texts), _augment(options)
        if augment is not None:  # the copies stand beside the texts, for each is read only once
            shuffled = shuffled.take([*range(len(shuffled)), *range(len(shuffled))])
            texts += [augment(text, random) for text in texts]
        read: list[int] = []
        features = torch.zeros(0)
        for record in read_features(model, rows, texts, budget):
            if isinstance(record, Progress):
                yield record
            else:
                read, features = record
        head = learn_head(features, shuffled.take(read), seed, budget)
        _set_head(model, head)
        yield Progress(budget.spent, 1.0, 1, 1.0, inner_accuracy=head.accuracy)
        yield self._fitted(
            model, rows, training, head.weight.numel() + head.bias.numel(), budget, {"penalty": head.penalty}
        )


def _set_head(model: TaskModel, head: Head) -> None:
    with torch.no_grad():
        model.task_head.weight.copy_(head.weight)
        model.task_head.bias.copy_(head.bias)


def _augment(options: FitOptions) -> Callable[[str, np.random.Generator], str] | None:
    if options.augmentation == "none":
        return None
    from llm_core.data.augmentation import augment

    return lambda text, random: augment(text, options.augmentation, random, options.synonyms)


FAMILIES: dict[str, Family] = {family.name: family for family in (EncoderFinetuned(), EncoderHeadOnly(), EncoderLora())}


def families_on(encoder: Callable[[], Encoder]) -> dict[str, Family]:
    """The same families on another encoder than the bundled one."""
    return {family.name: family for family in (EncoderFinetuned(encoder), EncoderHeadOnly(encoder), EncoderLora(encoder))}  # fmt: skip
