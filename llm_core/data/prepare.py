"""Text becomes a tokenized corpus on disk: split, tokenizer, and two files of token ids that are mapped, not read.

Content-addressed: the folder's name is the digest of the text and of the settings, so what exists is used again. The
text streams through in pieces; 1 GB of it needs less than 600 MB. Knows no model and no torch.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import psutil
from numpy.typing import NDArray

from llm_core.config import DataConfig, ModelConfig, RowsKind, TaskConfig, with_vocabulary_size
from llm_core.data.annotated import ASKED
from llm_core.data.generated import check_rows
from llm_core.data.sides import Progress, Sides, sides_of
from llm_core.data.source import content_digest, pieces
from llm_core.data.targets import TURNS, row_lengths
from llm_core.data.tokenizers import Tokenizer, check_vocabulary
from llm_core.errors import UserError

_FORMAT = 1
_NATS = "nats.npy"
_ROWS: dict[str, RowsKind] = {"documents": "documents", "pairs": "pairs", **{asked: asked for asked in ASKED}}
_TURNS: dict[str, int] = {"pairs": 2, **{str(asked): count for asked, count in TURNS.items()}}
_PARTIAL = ".partial-"
_RESERVED = re.compile("con|prn|aux|nul|com[0-9]|lpt[0-9]", re.IGNORECASE)
LARGEST_TEXT = 50_000_000
"""Most bytes of a text that is pasted or uploaded."""


@dataclass(frozen=True)
class TokenizedCorpus:
    """Token ids of a text in two parts. Pairs are (training, held out).

    Each document is preceded by end-of-text, so that all of its own tokens can be predicted.
    `rows`: whether a row of a batch is a window of the stream, one whole document, or a pair; then a document is two
    texts in the stream, each preceded by end-of-text: a sentence and its translation; or texts of which something is
    asked take turns with their targets (`llm_core.data.targets`), which count places in `labels`. `nats`: (documents,) -log P of
    each held-out document, its end included; None where this program has not written them.
    """

    folder: Path
    digest: str
    tokenizer: Tokenizer = field(repr=False)
    training: "NDArray[np.uint16] | NDArray[np.uint32]" = field(repr=False)
    held_out: "NDArray[np.uint16] | NDArray[np.uint32]" = field(repr=False)
    documents: tuple[int, int]
    characters: tuple[int, int]
    rows: RowsKind = "windows"
    nats: NDArray[np.float64] | None = field(default=None, repr=False)
    labels: tuple[str, ...] = ()


def prepare(config: DataConfig, corpora: Path, progress: Progress | None = None) -> TokenizedCorpus:
    """The tokenized corpus of these settings, made in `corpora` unless it is there already.

    Raises UserError for all that can be wrong with the text or the vocabulary size, before anything is written.
    """
    report = progress or (lambda share: None)
    check_rows(config)
    check_vocabulary(config.tokenizer, config.vocabulary_size, config.byte_fallback, config.mask_token)
    digest = corpus_digest(config)
    folder = corpora / digest
    try:
        return open_corpus(folder)
    except UserError:
        pass  # not there, or damaged: make it
    report(0.05)
    sides = sides_of(config, report)
    _sweep(corpora)
    partial = corpora / f"{_PARTIAL}{os.getpid()}-{secrets.token_hex(4)}"
    partial.mkdir(parents=True)
    try:
        _write(partial, config, digest, sides)
        _publish(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    report(1.0)
    return open_corpus(folder)


def corpus_digest(config: DataConfig) -> str:
    """The name of the corpus: 32 hexadecimal digits over its text and settings. Raises UserError without a text."""
    # What came later than the first texts counts only where it matters, so that their names have stayed.
    settings = config.model_dump(mode="json", exclude={"corpus", "documents"})
    if config.rows == "windows":
        del settings["rows"]
    if not config.mask_token:
        del settings["mask_token"]
    settings |= {"format": _FORMAT, "content": content_digest(config)}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:32]


def open_corpus(folder: Path) -> TokenizedCorpus:
    """Open what `prepare` made. Raises UserError when it is missing or damaged."""
    try:
        about: dict[str, Any] = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
        dtype = np.dtype({"uint16": np.uint16, "uint32": np.uint32}[about["dtype"]])
        parts = []
        for name, length in zip(("training.bin", "held_out.bin"), about["tokens"], strict=True):
            if (folder / name).stat().st_size != length * dtype.itemsize:
                raise ValueError(f"{name} has the wrong size")
            parts.append(np.memmap(folder / name, dtype=dtype, mode="r"))
        tokenizer = Tokenizer.load(folder / "tokenizer.json")
        training, held_out = about["documents"]
        seen, unseen = about["characters"]
        rows: RowsKind = _ROWS.get(about["settings"].get("rows"), "windows")
        nats = np.load(folder / _NATS, allow_pickle=False) if (folder / _NATS).exists() else None
        if nats is not None and nats.shape != (held_out,):
            raise ValueError(f"{_NATS} has the wrong size")
        return TokenizedCorpus(folder, str(about["digest"]), tokenizer, parts[0], parts[1], (int(training), int(held_out)), (int(seen), int(unseen)), rows, nats, tuple(map(str, about.get("labels", ()))))  # fmt: skip
    except FileNotFoundError:
        raise UserError("There is no tokenized text {digest}; it has to be prepared again.", digest=folder.name) from None  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError("The tokenized text {digest} is damaged ({reason}); it has to be prepared again.", digest=folder.name, reason=str(error)) from None  # fmt: skip


def import_text(
    name: str, raw: bytes, corpora: Path, encoding: str | None = None, text_column: str | None = None
) -> Path:
    """Keep a pasted or uploaded text in `corpora`, so that a run can name it; the path for `DataConfig.corpus`.

    name: the file's own name; only its ending (which says how to read it) and harmless characters are kept.
    encoding, text_column: as in DataConfig. The text is read through once: what is refused leaves nothing behind.

    Raises UserError for a text over 50 MB and for all that can be wrong with a text.
    """
    if len(raw) > LARGEST_TEXT:
        raise UserError("{file} has {size} MB; the limit for a text brought here is {limit} MB. Larger ones are read from a file with the command line.", file=name[:80], size=-(-len(raw) // 1_000_000), limit=LARGEST_TEXT // 1_000_000)  # fmt: skip
    kept_name = file_name(name)
    folder = corpora / "imported" / hashlib.sha256(raw).hexdigest()[:32]
    partial = folder / f".{kept_name}-{secrets.token_hex(4)}"
    try:
        with tempfile.TemporaryDirectory() as trial:
            tried = Path(trial, kept_name)
            tried.write_bytes(raw)
            for _ in pieces(DataConfig(corpus=str(tried), encoding=encoding, text_column=text_column)):
                pass
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(raw)
        return partial.replace(folder / kept_name)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise UserError("{file} cannot be kept: {reason}.", file=name[:80], reason=error.strerror or str(error)) from None  # fmt: skip


def with_vocabulary(config: ModelConfig, corpus: TokenizedCorpus) -> ModelConfig:
    """The model's config with the vocabulary size of the corpus, and the number of its labels. Raises UserError when it
    names another."""
    size = corpus.tokenizer.vocabulary_size
    if config.vocabulary_size not in (None, size):
        raise UserError(
            "model.vocabulary_size is {asked}, but the tokenizer of this text has {found} tokens; leave it empty.",
            asked=config.vocabulary_size, found=size,
        )  # fmt: skip
    config = with_vocabulary_size(config, size)
    if isinstance(config, TaskConfig) and config.task != "answer":
        if config.labels not in (None, len(corpus.labels)):
            raise UserError("model.labels is {asked}, but this text has {found} labels; leave it empty.", asked=config.labels, found=len(corpus.labels))  # fmt: skip
        config = config.model_copy(update={"labels": len(corpus.labels)})
    return config


def require_length(corpus: TokenizedCorpus, context: int) -> None:
    """Raises UserError when rows of this context cannot be made of the text; says which context would do.

    The training text is too short for a window, or a document is too long to be a row.
    """
    if corpus.rows in ASKED:
        longest = max(int(row_lengths(tokens, corpus.rows).max()) for tokens in (corpus.training, corpus.held_out))
        if longest > context:
            raise UserError(
                "The longest text has {have} tokens, with its question where it has one, but the context is {context}. Set the context to {have} or more.",
                have=longest, context=context,
            ).suggesting({"model.context": (longest,)})  # fmt: skip
        return
    if corpus.rows != "windows":
        longest = max(int(lengths(tokens).max()) for tokens in (corpus.training, corpus.held_out))
        if longest > context and corpus.rows == "pairs":
            raise UserError(
                "The longest sentence has {have} tokens with its end, but the context is {context}. Set model.context to {have} or more.",
                have=longest, context=context,
            ).suggesting({"model.context": (longest,)})  # fmt: skip
        if longest > context:
            raise UserError(
                "The longest document has {have} tokens with its end, but the context is {context}. Set model.context to {have} or more, or data.rows to windows.",
                have=longest, context=context,
            ).suggesting({"model.context": (longest,), "data.rows": ("windows",)})  # fmt: skip
        return
    require_window(len(corpus.training), context)


def require_window(have: int, context: int) -> None:
    """Raises UserError when so many tokens of training text are too few for a window; says which context would do."""
    need = context + 2
    if have >= need:
        return
    if have < 4:
        raise UserError("The text has {have} tokens to train on; it needs at least {need}.", have=have, need=4)
    raise UserError(
        "The text has {have} tokens to train on; a context of {context} needs {need}. Bring more text or set the context to {largest} or less.",
        have=have, context=context, need=need, largest=have - 2,
    ).suggesting({"model.context": (have - 2,)})  # fmt: skip


def lengths(tokens: "NDArray[np.uint16] | NDArray[np.uint32]") -> NDArray[np.int64]:
    """(documents,) how many tokens each document of a stream has, the end-of-text sign counted with it."""
    starts = np.flatnonzero(tokens == Tokenizer.end_of_text)
    return np.diff(starts, append=len(tokens))


def _write(folder: Path, config: DataConfig, digest: str, text: Sides) -> None:
    tokenizer = text.tokenizer
    dtype = np.dtype(np.uint16 if tokenizer.vocabulary_size <= 1 << 16 else np.uint32)
    with (folder / "training.bin").open("wb") as training, (folder / "held_out.bin").open("wb") as held_out:
        sides = (_Side(training, dtype), _Side(held_out, dtype))
        for side, begins, piece in text.pieces:
            if isinstance(piece, str):
                sides[side].add(begins, tokenizer.encode_array(piece), len(piece))
            else:
                sides[side].add(begins, piece, 0)
        for part in sides:
            part.close()
    tokenizer.save(folder / "tokenizer.json")
    if text.nats:
        np.save(folder / _NATS, np.array(text.nats, dtype=np.float64))
    about = {
        "digest": digest,
        "format": _FORMAT,
        "settings": config.model_dump(mode="json", exclude={"corpus"}),
        "vocabulary_size": tokenizer.vocabulary_size,
        "dtype": dtype.name,
        "tokens": [side.tokens for side in sides],
        "documents": [side.documents // _TURNS.get(config.rows, 1) for side in sides],
        "characters": [side.characters for side in sides],
    }
    if text.labels:
        about["labels"] = text.labels
    (folder / "corpus.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


class _Side:
    """One token file as it grows."""

    def __init__(self, stream: BinaryIO, dtype: "np.dtype[Any]") -> None:
        self._stream = stream
        self._end_of_text = np.array([Tokenizer.end_of_text], dtype=dtype).tobytes()
        self._dtype = dtype
        self.tokens = self.documents = self.characters = 0

    def add(self, begins: bool, ids: NDArray[np.uint32], characters: int) -> None:
        if begins:
            self._stream.write(self._end_of_text)
            self.documents += 1
        self._stream.write(ids.astype(self._dtype).tobytes())
        self.tokens += len(ids) + begins
        self.characters += characters

    def close(self) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())


def _publish(partial: Path, folder: Path) -> None:
    """Give the finished folder its name. One of the same name is equal, unless it is damaged: then it goes."""
    try:
        partial.rename(folder)
    except OSError:
        try:
            open_corpus(folder)
        except UserError:
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)


def file_name(name: str) -> str:
    """A harmless file name: no folders, no dots but one, no word that Windows reserves, at most 40 characters."""
    base = name.replace("\\", "/").rpartition("/")[2]
    before, dot, after = base.strip(".").rpartition(".")
    kept, last = _words(before), _words(after)
    # A name may have no other letter than those behind its dot.
    suffix = last.pop() if dot and last else "txt"
    stem = "-".join([*kept, *last])[:40] or "text"
    if _RESERVED.fullmatch(stem):
        stem = f"text-{stem}"
    return f"{stem}.{suffix[:10]}"


def _words(text: str) -> list[str]:
    return "".join(character if character.isalnum() or character in "-_" else " " for character in text).split()


def _sweep(corpora: Path) -> None:
    """Remove what processes that no longer live have left unfinished."""
    for leftover in corpora.glob(f"{_PARTIAL}*"):
        number = leftover.name.removeprefix(_PARTIAL).partition("-")[0]
        try:
            # A process that started after the folder was made has only the same number.
            alive = psutil.Process(int(number)).create_time() <= leftover.stat().st_mtime + 1
        except (psutil.Error, ValueError, OSError):
            alive = False
        if not alive:
            shutil.rmtree(leftover, ignore_errors=True)
