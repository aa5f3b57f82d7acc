"""Everything that a run is at one moment: what a checkpoint holds and what the loop goes on from."""

from dataclasses import dataclass, field

import torch
from torch.amp.grad_scaler import GradScaler
from torch.optim import Optimizer

from llm_core.config import RunConfig
from llm_core.data.prepare import TokenizedCorpus, with_vocabulary
from llm_core.devices import Precision, choose_device, choose_precision, physical_cores
from llm_core.models.base import Model
from llm_core.models.build import build
from llm_core.training.divergence import Watch
from llm_core.training.objective import Source
from llm_core.training.objectives import OBJECTIVES
from llm_core.training.optimizers import build_optimizers
from llm_core.training.records import Snapshot


@dataclass
class TrainingState:
    """One live object for a whole run: the loop changes it in place, and at every record it is consistent.

    So whoever takes the records may write a checkpoint after any of them (`snapshot()`), not only where the loop offers
    one; not while `watch.in_a_row` is above 0, for then the loss is far off. Dropout needs no generator state: the
    random numbers of a step follow from the seed and the step's number alone.
    """

    config: RunConfig
    corpus_digest: str
    threads: int
    device: torch.device
    precision: Precision
    model: Model
    optimizers: list[Optimizer]
    source: Source
    scaler: GradScaler
    step: int = 0
    looked: int = -1
    """The last step after which all that was due (evaluation, sample) has been yielded; -1: nothing has, not even what
    a run begins with."""
    tokens: int = 0
    seconds: float = 0.0
    final_evaluation_seconds: float = 0.0
    """What scoring all held-out text will take, kept back from a time limit."""
    watch: Watch = field(default_factory=Watch)

    @property
    def progress(self) -> float:
        """How much of the run is done, 0 to 1: of its steps, or of its time."""
        steps, seconds = self.config.training.steps, self.config.training.seconds
        return min(1.0, self.step / steps) if seconds is None else self.progress_at(self.seconds)

    def progress_at(self, seconds: float) -> float:
        """How much of a run with a time limit is done after these seconds."""
        limit = self.config.training.seconds
        assert limit is not None
        return min(1.0, seconds / max(1e-9, limit - self.final_evaluation_seconds))

    @property
    def finished(self) -> bool:
        return self.step > 0 and self.progress >= 1

    def snapshot(self) -> Snapshot:
        """A full snapshot of this moment, to be written before the loop goes on."""
        return Snapshot(self.step, True, self)


def begin(config: RunConfig, corpus: TokenizedCorpus, model: Model | None = None) -> TrainingState:
    """A run before its first step. `model` stands in for a new one where a run is taken up again.

    Raises UserError when the device is missing, the vocabulary does not fit, or the model is too large.
    """
    config = config.model_copy(update={"model": with_vocabulary(config.model, corpus)})
    training = config.training
    device = choose_device(training.device)
    precision = choose_precision(training.precision, device)
    model = (model or build(config.model, training.seed)).to(device).train()
    return TrainingState(
        config=config,
        corpus_digest=corpus.digest,
        threads=training.threads or physical_cores(),
        device=device,
        precision=precision,
        model=model,
        optimizers=build_optimizers(model, training),
        source=OBJECTIVES[training.objective].source(corpus, config),
        scaler=GradScaler(device.type, enabled=precision == "fp16"),
    )
