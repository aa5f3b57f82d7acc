"""A zip that somebody brings: what it may be, and how the few files that are read leave it.

Nothing in it is believed: names, kinds and sizes are looked at before anything is unpacked, and bytes are counted while
they come. Files go by their names alone into a folder that was made for them.
"""

import re
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from zipfile import ZipInfo

from llm_core.data.foreign_files import FILES
from llm_core.errors import UserError

MOST_BYTES = 200_000_000
MOST_ENTRIES = 1000
_MOST_BYTES_OF_A_NAME = 1000
_CHUNK = 1 << 20
_END, _LOCATOR = b"PK\x05\x06", b"PK\x06\x07"
_LONGEST_END = 22 + 65_535
_WEIGHTS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\.safetensors")
_ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst"}


def unpack(file: BinaryIO, folder: Path, progress: Callable[[float], None] | None = None) -> None:
    """Unpack the one model in a zip into an existing, empty folder: `config.json`, weights, tokenizer, nothing else.

    They may stand in a folder inside the zip. `progress` is told the share done. Raises UserError in one sentence for
    whatever the zip should not be; files may be left in `folder` then.
    """
    unpack_chosen(file, folder, _wanted, progress)


def unpack_chosen(
    file: BinaryIO,
    folder: Path,
    choose: Callable[[list[ZipInfo]], dict[str, ZipInfo]],
    progress: Callable[[float], None] | None = None,
) -> dict[str, ZipInfo]:
    """Unpack the entries that `choose` takes of those of a zip, each to its place in an existing, empty folder; what was
    chosen. What it really unpacks to is counted, whatever the zip says.

    `progress` is told the share done. Raises UserError in one sentence for whatever the zip should not be; files may be
    left in `folder` then.
    """
    check_directory(file)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            check_entries(entries)
            chosen = choose(entries)
            whole, seen = max(sum(entry.file_size for entry in chosen.values()), 1), 0
            for place, entry in chosen.items():
                target = folder / place
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("xb") as kept:
                    while chunk := source.read(_CHUNK):
                        seen += len(chunk)
                        if seen > MOST_BYTES:
                            raise too_large()
                        kept.write(chunk)
                        if progress is not None:
                            progress(min(seen / whole, 1.0))
            return chosen
    except (UserError, OSError):
        raise
    except Exception as error:  # zipfile raises half a dozen kinds of errors, and zlib its own
        raise UserError("The zip file is damaged: {reason}.", reason=str(error)[:200].rstrip(".")) from None


def check_directory(file: BinaryIO) -> None:
    """Look how large the list of entries is, from the record at the end of the zip, before that list is read.

    Raises UserError for what is no zip, or one with too many entries."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _LONGEST_END))
    tail = file.read()
    file.seek(0)
    ends = [match.start() for match in re.finditer(re.escape(_END), tail) if match.start() + 22 <= len(tail)]
    if not ends:
        raise UserError("The file is not a zip.")
    if _LOCATOR in tail:
        raise UserError("The zip is in a form for more than 4 GB; at most {limit:,} bytes are unpacked.", limit=MOST_BYTES)  # fmt: skip
    for place in ends:
        count, length = struct.unpack("<HI", tail[place + 10 : place + 16])
        if count > MOST_ENTRIES or length > MOST_ENTRIES * _MOST_BYTES_OF_A_NAME:
            raise _too_many(count)


def check_entries(entries: list[ZipInfo]) -> None:
    """Look at the names, kinds and sizes that a zip gives its files. Raises UserError for what is never unpacked."""
    if len(entries) > MOST_ENTRIES:
        raise _too_many(len(entries))
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise too_large()
    seen: set[PurePosixPath] = set()
    for entry in entries:
        name = entry.orig_filename
        path, shown = path_of(entry), name[:80]
        if "\0" in name or name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) or ".." in path.parts:
            raise UserError("The zip names a place outside its own folder: {name!r}.", name=shown)
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UserError("{name!r} in the zip is not a regular file; links and devices are not unpacked.", name=shown)  # fmt: skip
        if path.suffix.lower() in _ARCHIVES:
            raise UserError("{name!r} is an archive inside the zip; put the model's files into the zip itself.", name=shown)  # fmt: skip
        if entry.flag_bits & 1:
            raise UserError("{name!r} in the zip is encrypted; make the zip without a password.", name=shown)
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise UserError("{name!r} in the zip is packed in a way that is not read; use the usual one (deflate).", name=shown)  # fmt: skip
        if path in seen and not entry.is_dir():
            raise UserError("The zip holds {name!r} twice.", name=shown)
        seen.add(path)


def _wanted(entries: list[ZipInfo]) -> dict[str, ZipInfo]:
    """The entries to unpack by the names they will have."""
    files = {path_of(entry): entry for entry in entries if not entry.is_dir()}
    models = [path.parent for path in files if path.name == "config.json" and path.parts[0] != "__MACOSX"]
    depth = min((len(folder.parts) for folder in models), default=0)
    nearest = sorted(folder for folder in models if len(folder.parts) == depth)
    if not nearest:
        raise UserError("The zip holds no config.json: it must be a Hugging Face folder with config.json, safetensors and a tokenizer.")  # fmt: skip
    if len(nearest) > 1:
        raise UserError("The zip holds several models, {first!r} and {second!r} among them; bring one at a time.", first=str(nearest[0])[:80], second=str(nearest[1])[:80])  # fmt: skip
    beside = {path.name: entry for path, entry in files.items() if path.parent == nearest[0]}
    from llm_core.hub import INDEX, require_safetensors  # with it comes torch

    require_safetensors(beside)
    known = {"config.json", INDEX, *FILES}
    return {name: entry for name, entry in beside.items() if name in known or _WEIGHTS.fullmatch(name)}


def path_of(entry: ZipInfo) -> PurePosixPath:
    """Where in the zip a file stands, by the name that it really has there."""
    return PurePosixPath(entry.orig_filename.replace("\\", "/"))


def _too_many(count: int) -> UserError:
    return UserError("The zip holds {count:,} files or very long names; at most {limit:,} files are allowed.", count=count, limit=MOST_ENTRIES)  # fmt: skip


def too_large() -> UserError:
    """Why so much is not unpacked."""
    return UserError("The zip unpacks to more than {limit:,} bytes. A larger model can be brought in on the command line: python -m llm_core import FOLDER.", limit=MOST_BYTES)  # fmt: skip
