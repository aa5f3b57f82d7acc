"""A run comes in as a zip, checked, never trusted: what is in it may have been made to do harm.

Only files that a run has, of the sizes that are taken; every one of them read as what it says it is; a new id, and who
brings it as its owner; no wish, no process, no path of another computer. A refused zip leaves nothing behind.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZipInfo

from llm_core.config import parse
from llm_core.data.corpora import CORPORA
from llm_core.data.prepare import file_name
from llm_core.data.table_examples import EXAMPLES
from llm_core.errors import UserError
from llm_core.runs import classroom, tags
from llm_core.runs import status as statuses
from llm_core.runs.archive import FILE_KEYS, OF_A_RUN, OF_A_TEXT, TEXTS, refuse_part
from llm_core.runs.files import replace_json, replace_text
from llm_core.runs.importing import ONE_AT_A_TIME, aside
from llm_core.runs.limits import refuse_large
from llm_core.runs.names import BUNDLED, CHILDREN, ID, display_name, new_id
from llm_core.runs.row_check import is_number, is_opened_step, is_row
from llm_core.runs.run import FORMAT, KINDS, Run, children_of, open_run
from llm_core.runs.status import Status
from llm_core.runs.store import Store
from llm_core.runs.unpacking import path_of, unpack_chosen

Progress = Callable[[float], None]

_LARGEST_JSON = 32_000_000
_LONGEST_LINE = 4_000_000
_DIGEST = re.compile(r"([0-9a-f]{32})[/\\]+([^/\\]+)")
_VERSION = re.compile(r"[\w.+ -]{1,40}", re.ASCII)


def import_run(store: Store, file: BinaryIO, *, name: str = "", owner: str, progress: Progress | None = None) -> Run:
    """Bring in a run that `archive.export` has written: a new run of the owner's. `progress` is told the share done.

    One at a time, for each may take some hundred megabytes. Raises UserError on whatever does not fit.
    """
    store.refuse_full(owner)
    with ONE_AT_A_TIME, aside(store.root) as place:
        folder = place / new_id()
        folder.mkdir()
        was = _unpack(file, folder, progress)
        try:
            return _settle(store, folder, was, name, owner)
        except RecursionError:
            raise UserError("The zip holds a file that is nested too deeply.") from None


def _settle(store: Store, folder: Path, was: str, name: str, owner: str) -> Run:
    """Check all that was unpacked, make it a run of this place, and move it there last of all."""
    texts = _checked_texts(folder)
    ids = {was: folder.name} if ID.fullmatch(was) or BUNDLED.fullmatch(was) else {}
    children = folder / CHILDREN
    for child in sorted(children.iterdir()) if children.is_dir() else ():
        ids[child.name] = new_id()
        child.rename(children / ids[child.name])
    for one in (folder, *(sorted(children.iterdir()) if children.is_dir() else ())):
        _make_ours(one, ids, store, owner)
    if name:
        replace_text(folder / "name.txt", display_name(name, folder.name))
    run = open_run(folder, store.corpora)
    refuse_part(run)
    for each in (run, *children_of(run)):
        if each.problem is not None:
            raise each.problem
        _check_model(each)
    for digest, path in texts.items():
        target = store.corpora / "imported" / digest / path.name
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        else:
            path.unlink()
        path.parent.rmdir()
    if (folder / TEXTS).is_dir():
        (folder / TEXTS).rmdir()
    replace_json(folder / "wanted.json", {"state": "stopped", "until_step": None, "at": time.time(), "owner": owner})
    folder.rename(store.root / folder.name)
    store.listing.forget()
    return open_run(store.root / folder.name, store.corpora)


# ---- out of the zip


def _unpack(file: BinaryIO, folder: Path, progress: Progress | None) -> str:
    """Unpack what belongs to the run; what the folder was called that it stood in, which is its id where it comes from."""
    return path_of(unpack_chosen(file, folder, _wanted, progress)["run.json"]).parent.name


def _wanted(entries: list[ZipInfo]) -> dict[str, ZipInfo]:
    """The files of the run by their places in the folder that it stands in, which may be the zip itself."""
    files = {path_of(entry).as_posix(): entry for entry in entries if not entry.is_dir()}
    files = {place: entry for place, entry in files.items() if not place.startswith("__MACOSX/")}
    first = min((place for place in files if place.rpartition("/")[2] == "run.json"), key=lambda p: p.count("/"), default=None)  # fmt: skip
    if first is None or first.count("/") > 1:
        raise UserError("The zip holds no run: its file run.json is missing.")
    base = first.removesuffix("run.json")
    wanted = {}
    for place, entry in files.items():
        inside = place.removeprefix(base)
        if not place.startswith(base) or not (OF_A_RUN.fullmatch(inside) or OF_A_TEXT.fullmatch(inside)):
            raise UserError("{name!r} in the zip is no file of a run.", name=place[:80])
        wanted[inside] = entry
    for child in {place.split("/")[1] for place in wanted if place.startswith(f"{CHILDREN}/")}:
        if f"{CHILDREN}/{child}/run.json" not in wanted:
            raise UserError("The zip holds a part of run {run} without its file run.json.", run=child)
    return wanted


# ---- what the files say


def _make_ours(folder: Path, ids: Mapping[str, str], store: Store, owner: str) -> None:
    """Write anew what names its old place, its old owner or its old life; check the rest."""
    values = _object(folder / "run.json")
    kind = values.get("kind")
    if values.get("format") != FORMAT or not isinstance(kind, str) or kind not in KINDS:
        raise UserError("The run in the zip was made by another version of this program.")
    config = values.get("config")
    config = _placed(config if isinstance(config, dict) else {}, store.corpora, ids)
    if folder.parent.name == CHILDREN and isinstance(config.get("race"), str):
        config["race"] = folder.parents[1].name
    settings = parse(KINDS[kind], config)
    found = classroom.read(store.root)
    limits = None if found is None else found.limits_of(owner)
    if limits is not None:
        refuse_large(settings, limits)
    recipe, grammar, threads = values.get("recipe"), values.get("grammar"), values.get("threads")
    versions = values.get("versions")
    kept: dict[str, Any] = {
        "format": FORMAT, "kind": kind, "config": settings.model_dump(mode="json"), "owner": owner, "created": time.time(),
        "recipe": recipe if isinstance(recipe, str) and BUNDLED.fullmatch(recipe) else None,
        "threads": threads if type(threads) is int and 1 <= threads <= 256 else 1,
        "versions": {str(k)[:40]: v for k, v in versions.items() if isinstance(v, str) and _VERSION.fullmatch(v)} if isinstance(versions, dict) else {},
        "grammar": grammar if isinstance(grammar, str) and re.fullmatch(r"[0-9a-f]{8,64}", grammar) else None,
    }  # fmt: skip
    branched = values.get("branched_from")
    if isinstance(branched, dict) and ID.fullmatch(str(branched.get("run"))) and type(branched.get("step")) is int:
        kept["branched_from"] = {"run": ids.get(branched["run"], branched["run"]), "step": branched["step"]}
    for path in sorted(folder.glob("*.json*")):
        if path.name in ("run.json", "status.json", "tags.json"):
            continue
        if path.suffix == ".jsonl":
            _check_lines(path)
        elif path.name != "tokenizer.json":
            _object(path)
        content = path.read_bytes()
        for old, new in ids.items():
            if ID.fullmatch(old):
                content = content.replace(old.encode(), new.encode())
        path.write_bytes(content)
    for path in sorted(folder.glob("opened/*.json")):
        if not is_opened_step(_object(path), int(path.stem)):
            raise _broken(path)
    replace_json(folder / "run.json", kept, durable=True)
    called = (folder / "name.txt").read_bytes()[:2000].decode("utf-8", "replace") if (folder / "name.txt").is_file() else ""  # fmt: skip
    replace_text(folder / "name.txt", display_name(called.replace("\n", " "), kept["recipe"] or folder.name))
    put_on = tags.tags_of(folder)
    (folder / tags.FILE).unlink(missing_ok=True)
    if put_on:
        replace_json(folder / tags.FILE, {"tags": put_on})
    replace_json(folder / "status.json", statuses.as_json(_at_rest(folder)), durable=True)


def _at_rest(folder: Path) -> Status:
    """How far it had come; nobody works on it here."""
    last = statuses.recorded(folder) or Status()
    known = {
        name: value
        for name in ("step", "steps", "tokens", "seconds", "loss", "validation_loss", "bits_per_character")
        if is_number(value := getattr(last, name)) and value >= 0
    }
    return Status(state="finished" if last.state == "finished" else "stopped", heartbeat=time.time(), **known)


def _check_lines(path: Path) -> None:
    """Every line must be an object of JSON, with the values in it that whoever draws it relies on."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_LONGEST_LINE + 1):
            number += 1
            row = _parsed(line) if len(line) <= _LONGEST_LINE and line.endswith(b"\n") else None
            if not isinstance(row, dict) or not is_row(row):
                raise UserError("{file}, line {line}: this is no record of a run.", file=path.name, line=number)


def _check_model(run: Run) -> None:
    """All weights must be what their headers say, fit their model, and be the bytes that were written."""
    from llm_core.data.foreign_tokenizers import load_tokenizer
    from llm_core.models.files import load_model, read_shapes
    from llm_core.training.atomic import verify
    from llm_core.training.checkpoints import STATE, read_scalars

    for path in (*sorted(run.folder.glob("*.safetensors")), *sorted(run.folder.glob("classifier/*.safetensors"))):
        read_shapes(path)
    if (run.folder / "classifier").is_dir():
        verify(run.folder / "classifier")
    size = None
    for folder in sorted((run.folder / "steps").glob("*")):
        verify(folder)
        size = load_model(folder).config.vocabulary_size
        for path in folder.glob("*.json"):
            _object(path)
        if (folder / "optimizer.safetensors").is_file():
            read_shapes(folder / "optimizer.safetensors")
        if (folder / STATE).is_file():
            read_scalars(folder)
    if (run.folder / "tokenizer.json").is_file():
        have = load_tokenizer(run.folder / "tokenizer.json").vocabulary_size
        if size is not None and have != size:
            raise UserError("The tokenizer has {have} tokens and the model {size}; they do not belong together.", have=have, size=size)  # fmt: skip
    elif size is not None:
        raise UserError("The run in the zip has a model and no tokenizer.json.")


def _checked_texts(folder: Path) -> dict[str, Path]:
    """The texts that came along, by the digests that they really have."""
    found = {}
    for path in sorted((folder / TEXTS).glob("*/*")):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
        if digest != path.parent.name or file_name(path.name) != path.name:
            raise UserError("The text {file} in the zip is not the one that its folder names.", file=path.name[:80])
        if digest in found:
            raise UserError("The zip holds {name!r} twice.", name=path.name[:80])
        found[digest] = path
    return found


def _placed(config: Mapping[str, Any], corpora: Path, ids: Mapping[str, str]) -> dict[str, Any]:
    """The same settings with files of this place only, whatever path they name, and with the new ids."""
    placed: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, dict):
            placed[name] = _placed(value, corpora, ids)
        elif name in FILE_KEYS and isinstance(value, str) and value not in CORPORA and value not in EXAMPLES:
            match = _DIGEST.search(value)
            digest, last = match.groups() if match else ("0" * 32, value)
            placed[name] = os.fspath(corpora / "imported" / digest / file_name(last[-100:]))
        elif isinstance(value, str) and (name in ("run", "race") or ID.fullmatch(value)):
            placed[name] = ids.get(value, value)
        else:
            placed[name] = value
    return placed


def _object(path: Path) -> dict[str, Any]:
    size = path.stat().st_size if path.is_file() else 0
    value = _parsed(path.read_bytes()) if 0 < size <= _LARGEST_JSON else None
    if not isinstance(value, dict):
        raise _broken(path)
    return value


def _broken(path: Path) -> UserError:
    return UserError("{file} in the zip is broken, or larger than {limit:,} bytes.", file=path.name, limit=_LARGEST_JSON)  # fmt: skip


def _parsed(content: bytes) -> Any:
    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    try:
        value = json.loads(content.decode("utf-8"), parse_constant=refuse)
        if b"\\ud" in content.lower():  # half a character may be spelled so, and then nothing can be sent that holds it
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except (ValueError, RecursionError):
        return None
