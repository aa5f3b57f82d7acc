"""Going on from a checkpoint of a run with other settings of training: a branch."""

from pathlib import Path

from llm_core.config import RunConfig
from llm_core.data.prepare import TokenizedCorpus, with_vocabulary
from llm_core.errors import UserError
from llm_core.models.base import Model
from llm_core.models.build import outline
from llm_core.models.files import load_model, load_tensors, read_tensors
from llm_core.training.atomic import Damaged, verify
from llm_core.training.checkpoints import OPTIMIZER, STATE, read_scalars
from llm_core.training.divergence import Watch
from llm_core.training.optimizers import restore_state
from llm_core.training.state import TrainingState, begin


def branched_state(
    folder: Path, config: RunConfig, corpus: TokenizedCorpus, *, tokens: int, seconds: float, initial: float | None
) -> TrainingState:
    """A run that begins at the checkpoint in `folder`, of whatever run, with the settings `config`.

    From a full checkpoint everything goes on that the settings leave as it was: the optimizer where it is of the same
    kind, the order of the text where seed and batch size are the same (else with the next epoch). With equal settings
    the same steps follow to the bit. From weights alone the optimizer and the order begin anew; `tokens`, `seconds` and
    the `initial` loss are then what is known of the run before.

    Raises Damaged when a byte is wrong, UserError when the checkpoint is of another text or does not fit the model.
    """
    full = STATE in verify(folder)
    model = _fitted(load_model(folder), config, corpus)
    state = begin(config, corpus, model)
    state.step, state.tokens, state.seconds = int(folder.name), tokens, seconds
    state.watch = Watch(initial=initial)
    if not full:
        return state
    scalars = read_scalars(folder)
    if scalars.get("corpus") != corpus.digest:
        raise UserError("This run was trained on another text, or its text was cut into tokens otherwise.")
    try:
        before, now = scalars["config"]["training"], config.training
        state.tokens, state.seconds = scalars["tokens"], scalars["seconds"]
        state.watch = Watch(**scalars["watch"])
        if before["optimizer"] == now.optimizer:
            restore_state(state.model, state.optimizers, read_tensors(folder / OPTIMIZER))
        if (before["seed"], before["batch_size"]) == (now.seed, now.batch_size):
            state.source.restore(scalars["source"])
        else:
            state.source.restore({"epoch": scalars["source"]["epoch"] + 1, "position": 0})
        if scalars["precision"] == state.precision:
            state.scaler.load_state_dict(scalars["scaler"])
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged("{folder} is damaged: {reason}.", folder=str(folder), reason=str(error)) from error
    return state


def _fitted(model: Model, config: RunConfig, corpus: TokenizedCorpus) -> Model:
    """The same weights in a model of these settings: its dropout may be another."""
    wanted = with_vocabulary(config.model, corpus)
    if model.config == wanted:
        return model
    other = outline(wanted)
    load_tensors(other, model.state_dict())
    return other
