"""A model that was trained elsewhere becomes a run: a Hugging Face folder, or a zip of one, checked, then kept.

The run has one snapshot, at step 0, and a new id whatever is brought. A refused input leaves nothing behind.
"""

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from llm_core.config import MAXIMUM_PARAMETERS
from llm_core.errors import UserError
from llm_core.runs.files import replace_json, replace_text
from llm_core.runs.imported import ImportConfig
from llm_core.runs.names import display_name, new_id
from llm_core.runs.owners import LOCAL
from llm_core.runs.run import Run
from llm_core.runs.status import Status, as_json
from llm_core.runs.store import Store

if TYPE_CHECKING:
    from llm_core.data.tokenizers import Tokenizer
    from llm_core.models.base import Model

MOST_PARAMETERS = 500_000_000
"""On the command line; a page, where others wait for the same processor and memory, takes MAXIMUM_PARAMETERS."""

Progress = Callable[[float], None]

ONE_AT_A_TIME = threading.Lock()


def import_folder(
    store: Store, folder: Path, *, name: str = "", owner: str = LOCAL, limit: int = MOST_PARAMETERS
) -> Run:
    """Bring in a local folder with `config.json`, safetensors and a tokenizer. Raises UserError on whatever does not fit."""
    if not folder.is_dir():
        raise UserError("There is no folder {folder}. Give one on this computer: nothing is fetched from elsewhere.", folder=display_name(str(folder), "-"))  # fmt: skip
    return _import(store, folder, folder.resolve().name, name, owner, limit)


def import_zip(
    store: Store, file: BinaryIO, source: str, *, name: str = "", owner: str = LOCAL, progress: Progress | None = None
) -> Run:
    """Bring in a zip of such a folder; `source` is what it is called. `progress` is told the share done.

    One at a time: each may take some hundred megabytes of memory. Raises UserError on whatever does not fit.
    """
    from llm_core.runs.unpacking import unpack

    with ONE_AT_A_TIME, aside(store.root) as folder:
        unpack(file, folder, None if progress is None else lambda share: progress(share / 2))
        run = _import(store, folder, source, name or Path(source).stem, owner, MAXIMUM_PARAMETERS)
    if progress is not None:
        progress(1.0)
    return run


def _import(store: Store, folder: Path, source: str, name: str, owner: str, limit: int) -> Run:
    from llm_core import hub
    from llm_core.data.foreign_files import read_tokenizer

    theirs = hub.read_settings(folder)
    kind = hub.find_kind(theirs)
    config = hub.read_config(kind, theirs)
    assert config.vocabulary_size is not None
    encoder = config.architecture == "encoder"
    tokenizer = read_tokenizer(folder, config.vocabulary_size, encoder=encoder, config=theirs)
    model = hub.read_folder(folder, limit)
    settings = ImportConfig(model=config, model_type=kind.model_type, source=display_name(source, "-"))
    return store.keep(settings, lambda place: _fill(place, model, tokenizer), name=name or source, owner=owner)


def _fill(folder: Path, model: "Model", tokenizer: "Tokenizer") -> None:
    from llm_core.models.files import model_files
    from llm_core.training.atomic import write_folder

    write_folder(folder / "steps", f"{0:08d}", model_files(model))
    replace_text(folder / "tokenizer.json", tokenizer.to_json(), durable=True)
    replace_json(folder / "status.json", as_json(Status(state="finished")), durable=True)


@contextlib.contextmanager
def aside(root: Path) -> Iterator[Path]:
    """A folder beside the runs that is gone afterwards, and with it a runs folder that was made only for it.

    Its name begins as `Store` begins those of unfinished runs, so that one which a killed process left is swept.
    """
    existed = root.exists()
    folder = root / f".new-{os.getpid()}-{new_id()}"
    try:
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        raise UserError("The zip cannot be unpacked in {folder}: {reason}.", folder=str(root), reason=error.strerror or str(error)) from None  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if not existed:
            with contextlib.suppress(OSError):  # not there, or not empty: a run stands in it
                root.rmdir()
