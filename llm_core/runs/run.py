"""A run: its folder read, without trusting what is in it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_core.config import Config, ModelConfig, RunConfig, parse
from llm_core.errors import UserError
from llm_core.runs import status as statuses
from llm_core.runs.file_to_classify import ClassifyFileConfig
from llm_core.runs.files import moment, read_object
from llm_core.runs.imported import ImportConfig
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.locks import held
from llm_core.runs.names import BUNDLED, CHILDREN, ID, LONGEST_NAME
from llm_core.runs.pretrained import PretrainingConfig
from llm_core.runs.race import ClassifyConfig, RaceConfig
from llm_core.runs.scored import HeadScoresConfig
from llm_core.runs.sized import DataSizesConfig
from llm_core.runs.swept import RangeTestConfig, SweepConfig

FORMAT = 1
LABELS = "labels.json"
KINDS: dict[str, type[Config]] = {
    "train": RunConfig, "import": ImportConfig, "head_scores": HeadScoresConfig,
    "race": RaceConfig, "classify": ClassifyConfig, "data_sizes": DataSizesConfig,
    "classify_file": ClassifyFileConfig, "pretraining": PretrainingConfig, "inquiry": InquiryConfig,
    "sweep": SweepConfig, "range_test": RangeTestConfig,
}  # fmt: skip
"""The kinds of runs, each with its settings. `llm_core.runs.kinds` has what each does."""
KIND_OF = {settings: kind for kind, settings in KINDS.items()}

WITH_MODEL = ("train", "import")
"""Those of them that keep a model."""

_STEP = re.compile(r"[0-9]{8}")


@dataclass(frozen=True)
class Origin:
    """The run that a branch comes from, by its id, which may be gone, and after which of its steps it goes on."""

    run: str
    step: int


@dataclass(frozen=True)
class Run:
    """One run folder. `problem` says why it cannot be used; then `config` raises it, and the rest may be empty.

    `created`: seconds since 1970. `digest`: of the tokenized corpus, None until that is prepared. `corpora`: where
    tokenized corpora lie. `read_only`: a bundled model, or a folder that must not be written to. `grammar`: digest of
    the grammar that wrote its text, None where none did. `branched_from`: None where it began by itself.
    """

    id: str
    folder: Path
    kind: str
    owner: str
    created: float
    recipe: str | None
    corpora: Path
    read_only: bool
    settings: Config | None
    problem: UserError | None = None
    grammar: str | None = None
    branched_from: Origin | None = None

    @property
    def config(self) -> RunConfig:
        """The settings of a training. Raises UserError when the folder is broken, or its run trains nothing."""
        if isinstance(self.settings, ImportConfig):
            raise UserError("The model of run {run} was brought in; how it was trained is not known here.", run=self.id)
        if not isinstance(self.settings, RunConfig):
            raise self.problem or UserError("Run {run} does not train a model.", run=self.id)
        return self.settings

    @property
    def model_config(self) -> ModelConfig:
        """The settings of its model, trained here or brought in. Raises UserError where it has none."""
        if not isinstance(self.settings, RunConfig | ImportConfig):
            raise self.problem or UserError("Run {run} has no model.", run=self.id)
        return self.settings.model

    @property
    def has_model(self) -> bool:
        """Whether it is of a kind that keeps a model, and not broken."""
        return isinstance(self.settings, RunConfig | ImportConfig)

    @property
    def name(self) -> str:
        """The display name: a person's text, to be shown as plain text only."""
        try:
            text = (self.folder / "name.txt").read_text(encoding="utf-8", errors="replace")[:LONGEST_NAME]
        except OSError:
            text = ""
        return text.strip() or self.id

    def status(self) -> statuses.Status:
        """How it stands now."""
        if self.problem is not None:
            return statuses.Status(state="failed", template=self.problem.template, values=self.problem.values)
        return statuses.current(self.folder)

    def alive(self) -> bool:
        """Whether a worker process holds this run."""
        return held(self.folder / statuses.LOCK)

    def steps(self) -> list[int]:
        """The steps at which the model was kept, ascending."""
        try:
            names = [entry.name for entry in os.scandir(self.folder / "steps") if _STEP.fullmatch(entry.name)]
        except OSError:
            return []
        return sorted(int(name) for name in names if (self.folder / "steps" / name / "manifest.json").is_file())

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the classes or tags that its model chooses from, in the order of its logits; empty where it does
        not choose, or has not begun."""
        names = (read_object(self.folder / LABELS) or {}).get("labels")
        return tuple(str(name) for name in names) if isinstance(names, list) else ()

    @property
    def digest(self) -> str | None:
        """Digest of the tokenized corpus; None until it is prepared."""
        value = (read_object(self.folder / "corpus.json") or {}).get("digest")
        return value if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{8,64}", value) else None


def open_run(folder: Path, corpora: Path, *, read_only: bool = False) -> Run:
    """Read a run folder. Never raises: a broken one comes back with its `problem`."""
    values: Mapping[str, Any] = read_object(folder / "run.json") or {}
    settings, problem = None, None
    try:
        if not values:
            raise UserError("Run {run} cannot be opened: its file run.json is missing or broken.", run=folder.name)
        kind, config = values.get("kind"), values.get("config")
        if values.get("format") != FORMAT or not isinstance(kind, str) or kind not in KINDS:
            raise UserError("Run {run} was made by another version of this program.", run=folder.name)
        try:
            settings = parse(KINDS[kind], config if isinstance(config, dict) else {})
        except UserError as error:
            raise UserError("Run {run} cannot be opened: {reason}", run=folder.name, reason=str(error)) from None
    except UserError as error:
        problem = error
    recipe, grammar = values.get("recipe"), values.get("grammar")
    return Run(
        id=folder.name,
        folder=folder,
        kind=str(values.get("kind", "")),
        owner=str(values.get("owner", "")),
        created=moment(values.get("created")),
        recipe=recipe if isinstance(recipe, str) else None,
        corpora=corpora,
        read_only=read_only or not os.access(folder, os.W_OK),
        settings=settings,
        problem=problem,
        grammar=grammar if isinstance(grammar, str) else None,
        branched_from=_origin(values.get("branched_from")),
    )


def _origin(value: object) -> Origin | None:
    """Where a run says it comes from; None where it does not say, or not in the right words."""
    if not isinstance(value, dict):
        return None
    run, step = value.get("run"), value.get("step")
    if not (isinstance(run, str) and type(step) is int and step >= 0):
        return None
    return Origin(run, step) if ID.fullmatch(run) or BUNDLED.fullmatch(run) else None


def children_of(run: Run) -> list[Run]:
    """The runs that belong to this one, the oldest first. A broken one is among them with its `problem`."""
    try:
        entries = [entry for entry in os.scandir(run.folder / CHILDREN) if ID.fullmatch(entry.name)]
    except OSError:
        return []
    found = [
        open_run(Path(entry.path), run.corpora, read_only=run.read_only)
        for entry in entries
        if entry.is_dir(follow_symlinks=False)
    ]
    return sorted(found, key=lambda child: child.created)
