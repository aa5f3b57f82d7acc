"""The tables of a race: checked before its folder is made, and kept beside the runs, so that it can be looked at later."""

import hashlib
import secrets
import shutil
from contextlib import suppress
from pathlib import Path

from llm_core.data.labelled import folds
from llm_core.data.prepare import file_name
from llm_core.data.table_examples import EXAMPLES
from llm_core.data.table_preparing import prepare_table
from llm_core.errors import UserError
from llm_core.runs.race import RaceConfig


def refuse_untabled(config: RaceConfig) -> None:
    """What is checked before a race is made. Raises UserError with what is wrong with its table; leaves nothing."""
    prepared = prepare_table(config.table)
    if config.folds:
        folds(prepared.training, config.folds, config.seed)


def keep_tables(config: RaceConfig, corpora: Path) -> RaceConfig:
    """The same race on copies of its files in `corpora`, named by what is in them; an included example stays a name.

    Raises UserError where the disk does not take them.
    """
    table = config.table
    kept = {
        name: str(keep_file(Path(path), corpora))
        for name, path in (("file", table.file), ("test_file", table.test_file))
        if path is not None and path not in EXAMPLES
    }
    return config.model_copy(update={"table": table.model_copy(update=kept)})


def keep_file(path: Path, corpora: Path) -> Path:
    """A copy of a table in `corpora`, named by what is in it. Raises UserError where the disk does not take it."""
    partial: Path | None = None
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
        target = corpora / "imported" / digest / file_name(path.name)
        if target.is_file():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.parent / f".{target.name}-{secrets.token_hex(4)}"
        shutil.copyfile(path, partial)
        return partial.replace(target)
    except OSError as error:
        if partial is not None:
            with suppress(OSError):
                partial.unlink()
        raise UserError("{file} cannot be kept: {reason}.", file=path.name[:80], reason=error.strerror or str(error)) from None  # fmt: skip
