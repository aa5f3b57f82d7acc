"""The training loop: a generator of records. Whoever takes them draws curves, writes files, or stops taking.

Knows no file, no page and no objective but by its seam. Between two records nothing runs; closing the generator ends
the run without a trace. Resume is exact: from a state read back, the same records follow, bit for bit, on the same
number of threads.
"""

import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from llm_core.config import NgramConfig, RunConfig
from llm_core.data.prepare import TokenizedCorpus
from llm_core.devices import autocast
from llm_core.evaluate.language_model import Score, targets_of
from llm_core.training.counting import count
from llm_core.training.fixed_text import HeldText, fixed_text
from llm_core.training.layer_norms import Measuring, parts_of
from llm_core.training.looking import evaluation, samples
from llm_core.training.objective import Example
from llm_core.training.objectives import OBJECTIVES
from llm_core.training.opened_step import Opening
from llm_core.training.optimizers import set_rate
from llm_core.training.records import Finish, Layers, Record, Snapshot, Step
from llm_core.training.schedules import factor
from llm_core.training.state import TrainingState, begin

Clock = Callable[[], float]
Opens = Callable[[int], bool]
"""Whether a step is to be opened, asked right before it."""

_LARGEST_RESERVE = 0.25
_CHECK_WINDOWS = 8
_EARLY_SAMPLES = (4, 16, 64)
_LONG_LOOK = 100_000
"""Held-out tokens, some seconds of a processor's work: before so long a last look the state is kept."""


def train(
    config: RunConfig,
    corpus: TokenizedCorpus,
    resume: TrainingState | None = None,
    clock: Clock = time.monotonic,
    opens: Opens = lambda step: False,
) -> Iterator[Record]:
    """Train, yielding what happens; the last record is a `Finish`.

    A new run begins with a full Snapshot, an Evaluation, the fixed text with what it costs, and Samples at step 0. Each
    step then gives a Step and, where they are due, Evaluation, Text, Samples and Snapshot in this order; a last look that
    takes long has a full Snapshot before it, too. Before its Step come Layers, where they are due (at evaluations and at
    1, 2, 3, 4, 6, 8, 12, ...), and Opened where `opens` says so. No number is infinite or NaN, and no Snapshot is
    offered of a model that has diverged. A state that has not been `looked` at begins as a new run does, but for its
    weights.

    Looking closely is cheap: over the 500 steps of the recipe gpt, Layers and Text took 0.3 % of the time, and Samples of
    three prompts 1 % (of stories, which are longer, 1.6 %).

    `clock` gives the seconds that count for a time limit; a worker that pauses passes one that stands still meanwhile.
    Raises UserError where the settings and the text do not fit (see `begin`).
    """
    started = clock()
    state = resume or begin(config, corpus)
    torch.set_num_threads(state.threads)
    if isinstance(state.config.model, NgramConfig):
        yield from count(state, corpus, lambda: clock() - started)
        return
    loop = _Loop(state, corpus, started - state.seconds, clock, opens)
    if state.looked < 0:
        yield from loop.begin()
    elif state.looked < state.step:
        yield from loop.look()  # stopped between a step and its looks
    while not (loop.diverged or state.finished):
        yield from loop.step()
    yield Finish(state.step, "diverged" if loop.diverged else "finished")


class _Loop:
    """One run under way: its methods change the state and yield what happened."""

    def __init__(
        self, state: TrainingState, corpus: TokenizedCorpus, started: float, clock: Clock, opens: Opens
    ) -> None:
        self.state = state
        self.corpus = corpus
        self.started = started
        self.clock = clock
        self.opens = opens
        self.training = state.config.training
        self.objective = OBJECTIVES[self.training.objective]
        self.parameters = [parameter for parameter in state.model.parameters() if parameter.requires_grad]
        self.parts = parts_of(state.model)
        self.text: HeldText | None = fixed_text(corpus, state.config)
        self.step_seconds = 0.0
        self.diverged = False

    def begin(self) -> Iterator[Record]:
        """Step 0: a checkpoint before anything else, then what an untrained model loses and writes."""
        yield self.state.snapshot()
        before = self.clock()
        score = self._score(self.training.evaluation_tokens)
        self._keep_time_back((self.clock() - before) / max(1, score.looked_at))
        if self.state.watch.initial is None:
            self.state.watch.initial = score.loss
        yield evaluation(self.state, self.corpus, score, self.training.evaluation_tokens)
        if self.text is not None:
            yield self.text.record(self.state.step, self.corpus, self.state.config)
            yield self.text.look(self.state.model, self.state.step)
        yield from samples(self.state, self.corpus)
        self.state.looked = self.state.step

    def step(self) -> Iterator[Record]:
        """One update of the weights and whatever is due after it."""
        state, before = self.state, self.clock()
        progress = self._progress_after(before - self.started)
        share = factor(self.training, progress)
        rate = self.training.learning_rate * share
        examples = [state.source.next() for _ in range(self.training.accumulation)]
        opening = Opening(state, self.objective, examples, self.corpus) if self.opens(state.step + 1) else None
        measuring = Measuring(self.parts) if opening or self._looks_close(state.step + 1) else None
        loss, gradient_norm, tokens = self._update(examples, share, measuring)
        now = self.clock()
        state.step += 1
        state.tokens += tokens
        state.seconds = now - self.started
        self.step_seconds = max(1e-9, now - before)
        if opening and measuring:
            yield opening.record(measuring, rate, share, progress, gradient_norm)
        # Where fp16 overflowed, the scaler has left out the update and halves its scale: no news.
        overflowed = state.scaler.is_enabled() and not math.isfinite(gradient_norm)
        self.diverged = state.watch.diverged(loss, None if overflowed else gradient_norm)
        gradient_norm = 0.0 if overflowed else gradient_norm
        if math.isfinite(loss) and math.isfinite(gradient_norm):
            speed = tokens / self.step_seconds
            if measuring:
                # Before the Step, where a worker may stop: what a part has done cannot be told later.
                yield Layers(state.step, measuring.names, measuring.gradient, measuring.weight, measuring.update)
            yield Step(state.step, state.tokens, state.seconds, loss, rate, gradient_norm, speed)
        if not self.diverged:
            yield from self.look()

    def look(self) -> Iterator[Record]:
        """Evaluation, sample and snapshot where they are due; all of them after the last step."""
        state, training, last = self.state, self.training, self.state.finished
        if last and not state.watch.in_a_row and len(self.corpus.held_out) > _LONG_LOOK:
            yield from self._keep(full=True)  # a worker ended during the look goes on here, and looks
            if self.diverged:
                return
        if last or state.step % training.evaluation_every == 0:
            limit = self._fitting() if last else training.evaluation_tokens
            score = self._score(limit)
            self.diverged = not state.watch.usable(score.loss)
            if self.diverged:
                return
            yield evaluation(state, self.corpus, score, limit)
        if self.text is not None and (last or self._looks_close(state.step)):
            yield self.text.look(state.model, state.step)
        if last or state.step % training.sample_every == 0 or state.step in _EARLY_SAMPLES:
            yield from samples(state, self.corpus)
        state.looked = state.step
        full = last or state.step % training.checkpoint_every == 0
        if last or (not state.watch.in_a_row and (full or _log_spaced(state.step))):
            yield from self._keep(full)

    def _keep(self, full: bool) -> Iterator[Snapshot]:
        """A snapshot, unless the model has diverged."""
        # What this update has done to the loss is not known before the next step: look before it is kept.
        check = self._score(_CHECK_WINDOWS * self.state.config.model.context)
        self.diverged = not self.state.watch.usable(check.loss)
        if not self.diverged:
            yield Snapshot(self.state.step, full, self.state)

    def _looks_close(self, step: int) -> bool:
        """Whether norms and the losses of single tokens are due."""
        every, of = self.training.evaluation_every, self.training.steps
        return step % every == 0 or _log_spaced(step) or (self.training.seconds is None and step == of)

    def _update(self, examples: list[Example], share: float, measuring: Measuring | None) -> tuple[float, float, int]:
        """Forward, backward, optimizer: loss, gradient norm before clipping, targets learned from."""
        state = self.state
        seed_step(self.training.seed, state.step, state.device)
        set_rate(state.optimizers, share)
        total = torch.zeros((), device=state.device)
        asked = [example.asked for example in examples]
        for example, targets in zip(examples, asked, strict=True):
            with autocast(state.device, state.precision):
                # Every target weighs the same, however many share its forward pass.
                loss = self.objective.loss(state.model, example.to(state.device)) / (sum(asked) / targets)
            torch.autograd.backward(state.scaler.scale(loss))
            total += loss.detach()
        norm = self._clip(measuring)
        for optimizer in state.optimizers:
            state.scaler.step(optimizer)
            optimizer.zero_grad(set_to_none=True)
        state.scaler.update()
        # The only wait for the device in a step; a bad update made before it is never kept.
        mean_loss, gradient_norm = torch.stack((total, norm.to(total.dtype))).tolist()
        return mean_loss, gradient_norm, sum(asked)

    def _clip(self, measuring: Measuring | None) -> Tensor:
        for optimizer in self.state.optimizers:
            self.state.scaler.unscale_(optimizer)
        if measuring:
            measuring.take_gradients()
        norm = get_total_norm([parameter.grad for parameter in self.parameters if parameter.grad is not None])
        if self.training.gradient_clipping is not None:
            clip_grads_with_norm_(self.parameters, self.training.gradient_clipping, norm)
        return norm

    def _progress_after(self, elapsed: float) -> float:
        """Where the run will stand after the coming step, so that a warm-up's first step is not an idle one."""
        if self.training.seconds is None:
            return (self.state.step + 1) / self.training.steps
        return self.state.progress_at(elapsed + self.step_seconds)

    def _score(self, limit: int | None) -> Score:
        return self.objective.score(self.state.model, self.corpus, self.state.config, limit)

    def _fitting(self) -> int | None:
        """How many held-out tokens the last look scores: all, or as many as fit in the time kept back for it."""
        training, kept = self.training, self.state.final_evaluation_seconds
        if training.seconds is None or kept < _LARGEST_RESERVE * training.seconds:
            return None
        # The untrained model's time was a guess, with all that a first call costs: measure once more.
        before = self.clock()
        tokens = self._score(training.evaluation_tokens).looked_at
        taken = max(1e-9, self.clock() - before)
        return max(training.evaluation_tokens, int((kept - taken) * tokens / taken))

    def _keep_time_back(self, seconds_per_token: float) -> None:
        """A time limit holds the last look, too, at the whole held-out text unless that took most of the time."""
        if self.training.seconds is not None:
            needed = seconds_per_token * targets_of(self.corpus.held_out, self.corpus.rows)
            self.state.final_evaluation_seconds = min(needed, _LARGEST_RESERVE * self.training.seconds)


def seed_step(seed: int, step: int, device: torch.device) -> None:
    """Let all random numbers of a step (dropout) follow from the run's seed and the step's number.

    So there is no generator state to save, and whatever else draws numbers between two steps changes nothing. The
    mixing is SplitMix64's (Steele et al. 2014): torch's CPU generator looks at the lower 32 bits only.
    """
    mixed = (seed * 0x9E3779B97F4A7C15 + step + 1) * 0x9E3779B97F4A7C15 % 2**64
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
    mixed ^= mixed >> 31
    # torch.manual_seed would format a stack trace each time where CUDA is not initialised.
    torch.default_generator.manual_seed(mixed)
    if device.type == "cuda":
        torch.cuda.manual_seed(mixed)
    elif device.type == "mps":
        torch.mps.manual_seed(mixed)


def _log_spaced(step: int) -> bool:
    """1, 2, 3, 4, 6, 8, 12, 16, 24, ...: powers of two and the steps half-way between them."""
    highest = 1 << (step.bit_length() - 1)
    return step == highest or step == highest + highest // 2
