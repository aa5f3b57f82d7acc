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
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import psutil
from numpy.typing import NDArray

from llm_core.config import DataConfig, ModelConfig
from llm_core.data.source import content_digest, pieces
from llm_core.data.split import HELD_OUT, LEFT_OUT, TRAINING, Split, Splitter, cut_near_line_end
from llm_core.data.tokenizers import Tokenizer, check_vocabulary, train_tokenizer
from llm_core.errors import UserError

Progress = Callable[[float], None]
"""Told the share that is done, 0 to 1, several times a second; may raise to cancel, which leaves nothing behind."""

_FORMAT = 1
_SAMPLE = 2_000_000
_REPORT = 1 << 19
_PARTIAL = ".partial-"
_RESERVED = re.compile("con|prn|aux|nul|com[0-9]|lpt[0-9]", re.IGNORECASE)
LARGEST_TEXT = 50_000_000
"""Most bytes of a text that is pasted or uploaded."""


@dataclass(frozen=True)
class TokenizedCorpus:
    """Token ids of a text in two parts. Pairs are (training, held out).

    Each document is preceded by end-of-text, so that all of its own tokens can be predicted.
    """

    folder: Path
    digest: str
    tokenizer: Tokenizer = field(repr=False)
    training: "NDArray[np.uint16] | NDArray[np.uint32]" = field(repr=False)
    held_out: "NDArray[np.uint16] | NDArray[np.uint32]" = field(repr=False)
    documents: tuple[int, int]
    characters: tuple[int, int]


def prepare(config: DataConfig, corpora: Path, progress: Progress | None = None) -> TokenizedCorpus:
    """The tokenized corpus of these settings, made in `corpora` unless it is there already.

    Raises UserError for all that can be wrong with the text or the vocabulary size, before anything is written.
    """
    report = progress or (lambda share: None)
    check_vocabulary(config.tokenizer, config.vocabulary_size, config.byte_fallback)
    digest = corpus_digest(config)
    folder = corpora / digest
    try:
        return open_corpus(folder)
    except UserError:
        pass  # not there, or damaged: make it
    report(0.05)
    split, characters = _scan(config, report)
    tokenizer = train_tokenizer(
        config.tokenizer, config.vocabulary_size, _sample(config, split, report), config.byte_fallback
    )
    _sweep(corpora)
    partial = corpora / f"{_PARTIAL}{os.getpid()}-{secrets.token_hex(4)}"
    partial.mkdir(parents=True)
    try:
        _write(partial, config, digest, tokenizer, split, characters, report)
        _publish(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    report(1.0)
    return open_corpus(folder)


def corpus_digest(config: DataConfig) -> str:
    """The name of the corpus: 32 hexadecimal digits over its text and settings. Raises UserError without a text."""
    settings = config.model_dump(mode="json", exclude={"corpus"})
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
        return TokenizedCorpus(folder, str(about["digest"]), tokenizer, parts[0], parts[1], (int(training), int(held_out)), (int(seen), int(unseen)))  # fmt: skip
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
    file_name = _file_name(name)
    folder = corpora / "imported" / hashlib.sha256(raw).hexdigest()[:32]
    partial = folder / f".{file_name}-{secrets.token_hex(4)}"
    try:
        with tempfile.TemporaryDirectory() as trial:
            tried = Path(trial, file_name)
            tried.write_bytes(raw)
            for _ in pieces(DataConfig(corpus=str(tried), encoding=encoding, text_column=text_column)):
                pass
        folder.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(raw)
        return partial.replace(folder / file_name)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise UserError("{file} cannot be kept: {reason}.", file=name[:80], reason=error.strerror or str(error)) from None  # fmt: skip


def with_vocabulary(config: ModelConfig, corpus: TokenizedCorpus) -> ModelConfig:
    """The model's config with the vocabulary size of the corpus. Raises UserError when it names another."""
    size = corpus.tokenizer.vocabulary_size
    if config.vocabulary_size not in (None, size):
        raise UserError(
            "model.vocabulary_size is {asked}, but the tokenizer of this text has {found} tokens; leave it empty.",
            asked=config.vocabulary_size, found=size,
        )  # fmt: skip
    return config.model_copy(update={"vocabulary_size": size})


def require_length(corpus: TokenizedCorpus, context: int) -> None:
    """Raises UserError when the training text is too short for windows of this context; says which would do."""
    have, need = len(corpus.training), context + 2
    if have >= need:
        return
    if have < 4:
        raise UserError("The text has {have} tokens to train on; it needs at least {need}.", have=have, need=4)
    raise UserError(
        "The text has {have} tokens to train on; a context of {context} needs {need}. Bring more text or set the context to {largest} or less.",
        have=have, context=context, need=need, largest=have - 2,
    )  # fmt: skip


def _scan(config: DataConfig, report: Progress) -> tuple[Split, int]:
    """Read everything once: all faults come out here, and the split and the number of characters come back."""
    splitter = Splitter(config.held_out)
    digest, length, total = hashlib.blake2b(digest_size=8), 0, 0
    for begins, text in pieces(config):
        if begins and length:
            splitter.add(int.from_bytes(digest.digest(), "big"), length)
            digest, length = hashlib.blake2b(digest_size=8), 0
        digest.update(text.encode("utf-8", "surrogatepass"))
        length += len(text)
        if (total + len(text)) // _REPORT > total // _REPORT:
            report(0.05)  # how much is to come is not known yet
        total += len(text)
    splitter.add(int.from_bytes(digest.digest(), "big"), length)
    return splitter.finish(), total


def _sided(config: DataConfig, split: Split) -> Iterator[tuple[int, bool, str]]:
    """Pieces with their side; a document that is cut begins anew on the held-out side."""
    document, position = -1, 0
    for begins, text in pieces(config):
        document += begins
        side = split.sides[document]
        if side == LEFT_OUT:
            continue
        if split.cut is None:
            yield side, begins, text
            continue
        start, position = position, position + len(text)
        if position <= split.cut:
            yield TRAINING, begins, text
        elif start > split.cut:
            yield HELD_OUT, False, text
        else:
            # split.cut falls into this piece, at its start at the earliest.
            at = split.cut - start
            place = cut_near_line_end(text, at, max(1, split.cut // 50)) if at > 0 else 0
            if place:
                yield TRAINING, begins, text[:place]
            yield HELD_OUT, True, text[place:]


def _sample(config: DataConfig, split: Split, report: Progress) -> Iterator[str]:
    """Training text of bounded length, spread evenly over all of it, for the tokenizer to learn from."""
    share = min(1.0, _SAMPLE / max(1, split.characters))
    due, taken = 0.0, 0
    for side, _, text in _sided(config, split):
        if side != TRAINING:
            continue
        due += share * len(text)
        if due >= taken + len(text) / 2:
            taken += len(text)
            report(0.1 + 0.2 * min(1.0, taken / _SAMPLE))
            yield text


def _write(
    folder: Path, config: DataConfig, digest: str, tokenizer: Tokenizer, split: Split, characters: int, report: Progress
) -> None:  # fmt: skip
    dtype = np.dtype(np.uint16 if tokenizer.vocabulary_size <= 1 << 16 else np.uint32)
    with (folder / "training.bin").open("wb") as training, (folder / "held_out.bin").open("wb") as held_out:
        sides = (_Side(training, dtype), _Side(held_out, dtype))
        done = 0
        for side, begins, text in _sided(config, split):
            sides[side].add(begins, tokenizer.encode_array(text), len(text))
            if (done + len(text)) // _REPORT > done // _REPORT:
                report(0.3 + 0.7 * min(1.0, done / characters))
            done += len(text)
        for part in sides:
            part.close()
    tokenizer.save(folder / "tokenizer.json")
    about = {
        "digest": digest,
        "format": _FORMAT,
        "settings": config.model_dump(mode="json", exclude={"corpus"}),
        "vocabulary_size": tokenizer.vocabulary_size,
        "dtype": dtype.name,
        "tokens": [side.tokens for side in sides],
        "documents": [side.documents for side in sides],
        "characters": [side.characters for side in sides],
    }
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


def _file_name(name: str) -> str:
    """A harmless file name: no folders, no dots but one, no word that Windows reserves, at most 40 characters."""
    base = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(character if character.isalnum() or character in "-_" else " " for character in base).split()
    suffix = kept.pop() if "." in base.strip(".") and len(kept) > 1 else "txt"
    stem = "-".join(kept)[:40] or "text"
    if _RESERVED.fullmatch(stem):
        stem = f"text-{stem}"
    return f"{stem}.{suffix[:10]}"


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
