"""Sparse autoencoders that have been trained: where they are, and how they are had again."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llm_core.errors import UserError
from llm_core.runs import inquiry
from llm_core.runs.history import rows_of
from llm_core.runs.inquired import FeaturesQuestion, InquiryConfig
from llm_core.runs.run import Run
from llm_core.runs.store import Store

if TYPE_CHECKING:
    from llm_core.interpret.features.sparse_autoencoder import SparseAutoencoder

AUTOENCODER = "autoencoder.safetensors"
TABLE = "features.safetensors"
LOOKED_AT = 200
"""The first so many of a run's own texts are those in which features are looked at."""
JUDGED = 64
"""On so many after them an autoencoder is judged; what comes after these is learnt from."""


@dataclass(frozen=True)
class Trained:
    """An autoencoder of a run at a step: its place, by name, and its file."""

    run: str
    step: int | None
    place: str
    path: Path

    def load(self) -> "SparseAutoencoder":
        """Raises UserError where the file is gone or broken."""
        from llm_core.interpret.features.sparse_autoencoder import load_autoencoder

        return load_autoencoder(self.path)


def texts_needed(learnt_from: int) -> int:
    """How many of a run's own texts are read in all, where so many are learnt from."""
    return LOOKED_AT + JUDGED + learnt_from


def trained_autoencoders(store: Store, run: Run, step: int) -> list[Trained]:
    """The autoencoders of a run's model at a step that are finished, the newest first, those that came with it last."""
    found = []
    for one in store.runs(kind="inquiry", about=run.id):
        asked = one.settings
        if not isinstance(asked, InquiryConfig) or not isinstance(asked.question, FeaturesQuestion):
            continue
        if asked.step == step and one.status().state == "finished":
            found.append(Trained(run.id, step, asked.question.place, one.folder / AUTOENCODER))
    for path in sorted((run.folder / inquiry.FOLDER).glob(f"*.{AUTOENCODER}")):
        try:
            rows = rows_of(path.with_name(f"{path.name.partition('.')[0]}.jsonl").read_bytes())
        except OSError:
            continue
        asked_row = next((row for row in rows if row.get("kind") == "asked"), {})
        if asked_row.get("step") == step:
            found.append(Trained(run.id, step, str(asked_row.get("place")), path))
    return found


def trained_autoencoder(store: Store, run: Run, step: int, place: str | None = None) -> "SparseAutoencoder":
    """The newest one of a place, or of any. Raises UserError where none has been trained."""
    for each in trained_autoencoders(store, run, step):
        if place in (None, each.place):
            return each.load()
    raise UserError("No sparse autoencoder of this model has been trained at step {step}.", step=step)
