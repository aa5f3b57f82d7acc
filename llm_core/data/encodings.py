"""Bytes become text: which encoding, and decoding as a stream that names the byte at which it went wrong.

Nothing is guessed silently: UTF-8 and byte-order marks are sure, any other encoding is an offer that a person confirms.
Knows no file format.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from llm_core.errors import UserError

BLOCK = 1 << 20
_PREVIEW = 60
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like UTF-16's mark, so it comes first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The characters that any Chinese text of some length has: simplified ones and punctuation.
_COMMON_CHINESE = frozenset(
    "的一是了不在有人我他这个们来到时大地为子中你说生国年着就那和要她出也得里后自以会，。、！？：“”"
)
_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøœùúûüßÀÁÂÄÅÆÇÈÉÊËÎÏÑÓÔÖØÙÚÛÜŒ’‘“”«»–—…¿¡°€ ")
_NOT_FOR_FILES = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "utf-7", "undefined"}
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Detection:
    """What encoding some bytes are in. Not `sure`: ask a person, who judges by `preview`. None: no guess at all."""

    encoding: str | None
    sure: bool
    preview: str


def detect_encoding(sample: bytes) -> Detection:
    """The encoding of a file, told by its first bytes (64 KB is plenty; may end inside a character)."""
    for mark, name in _BYTE_ORDER_MARKS:
        if sample.startswith(mark):
            return Detection(name, True, _preview(sample, name))
    if _decodes(sample, "utf-8"):
        return Detection("utf-8", True, _preview(sample, "utf-8"))
    guess = _guess(sample[: 1 << 16])
    return Detection(guess, False, _preview(sample, guess) if guess else "")


def decode(stream: BinaryIO, name: str, encoding: str | None) -> Iterator[str]:
    """The text of an open binary file, block by block, with line ends as newlines and no byte-order mark.

    name: what to call the file in an error · encoding: None for UTF-8 or what the byte-order mark says.
    Raises UserError for bytes that are not text in that encoding (with their offset, and an offer of another
    encoding), for NUL, and for an encoding that Python does not know.
    """
    head = stream.read(BLOCK)
    if encoding is None:
        detection = detect_encoding(head[: 1 << 16])
        chosen = detection.encoding if detection.sure and detection.encoding else "utf-8"
    else:
        chosen = check_encoding(encoding)
    decoder = codecs.getincrementaldecoder(chosen)(errors="strict")
    offset, first, carriage = 0, True, ""
    block = head
    while True:
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeError as error:
            at = _where(error, offset, block)
            raise _undecodable(name, chosen, encoding, at, _around(block or head, at - offset)) from None
        if "\0" in text:
            raise _nul(name, chosen, encoding, offset + _nul_place(text, block, chosen), head)
        if text:
            # A line end may be cut in two by the block's end; lone carriage returns are line ends too.
            text = carriage + text
            carriage = "\r" if text.endswith("\r") and block else ""
            text = text[: len(text) - len(carriage)].replace("\r\n", "\n").replace("\r", "\n")
            if first and text:
                text = text.removeprefix("\ufeff")
                first = False
            if text:
                yield text
        if not block:
            if carriage:
                yield "\n"
            return
        offset += len(block)
        block = stream.read(BLOCK)


def check_encoding(encoding: str) -> str:
    """The encoding's name as Python spells it. Raises UserError when there is none of that name for text."""
    try:
        info = codecs.lookup(encoding)
        codecs.getincrementaldecoder(encoding)().decode(b"", final=True)
    except (LookupError, TypeError, ValueError, UnicodeError):
        info = None
    if info is None or info.name in _NOT_FOR_FILES or not getattr(info, "_is_text_encoding", True):
        raise UserError(
            "There is no text encoding {encoding!r}; common ones are utf-8, gb18030, utf-16, big5, shift_jis, cp1252.",
            encoding=encoding[:40],
        )
    return info.name


def visible_surrogates(text: str) -> str:
    """The text with lone surrogates, which no encoding can hold, as U+FFFD; pairs of them become their character."""
    if not _SURROGATES.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _where(error: UnicodeError, offset: int, block: bytes) -> int:
    """The byte of the file at which decoding failed, in a block that starts at `offset`."""
    if not isinstance(error, UnicodeDecodeError):
        return offset
    # What failed is the block with the bytes held back before it, or without the byte-order mark.
    return offset - (len(error.object) - len(block)) + error.start


def _nul_place(text: str, block: bytes, encoding: str) -> int:
    """The byte of a block at which the first NUL character stands, exact where characters are bytes or fixed width."""
    unit = 4 if encoding.startswith("utf-32") else 2 if encoding.startswith("utf-16") else 1
    if unit == 1:
        return max(0, block.find(b"\0"))
    for place in range(0, len(block) - unit + 1, unit):
        if not any(block[place : place + unit]):
            return place
    return 0


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)(errors="strict").decode(sample, final=False)
    except UnicodeError:
        return False
    return True


def _preview(sample: bytes, encoding: str) -> str:
    text = sample[:1024].decode(encoding, "replace").lstrip("\ufeff")
    return " ".join(text.split())[:_PREVIEW]


def _guess(sample: bytes) -> str | None:
    """A likely encoding of bytes that are not UTF-8."""
    for even, odd, name in ((sample[::2], sample[1::2], "utf-16-le"), (sample[1::2], sample[::2], "utf-16-be")):
        if odd.count(0) > 0.3 * len(odd) and even.count(0) < 0.05 * len(even) and _decodes(sample, name):
            return name
    if _is_chinese(sample):
        return "gb18030"
    # Late: it takes longer to import than everything else here takes to run.
    from charset_normalizer import from_bytes

    best = from_bytes(sample[: 1 << 14]).best()
    single_bytes = best is None or len(str(best)) == len(sample[: 1 << 14])
    if single_bytes and _is_western(sample):
        return "cp1252"
    foreign = sum(byte > 0x7F for byte in sample)
    # One odd byte or two are a fault in the file, not a language.
    return best.encoding if best is not None and foreign > 2 and _decodes(sample, best.encoding) else None


def _is_chinese(sample: bytes) -> bool:
    """Whether the bytes read as simplified Chinese in GB18030 (which holds GBK and GB2312)."""
    if not _decodes(sample, "gb18030"):
        return False
    foreign = [character for character in sample.decode("gb18030", "ignore") if character > "\x7f"]
    if not foreign:
        return False
    # GB2312's own area holds nearly all of real Chinese; other languages misread fall outside.
    plain = sum(_in_gb2312(character) for character in foreign) / len(foreign)
    common = sum(character in _COMMON_CHINESE for character in foreign) / len(foreign)
    return plain > 0.8 and (common > 0.03 or len(foreign) < 50)


def _is_western(sample: bytes) -> bool:
    """Whether the bytes read as a language of Western Europe, between whose many encodings statistics cannot choose."""
    foreign = [character for character in sample.decode("cp1252", "replace") if character > "\x7f"]
    return sum(character in _WESTERN for character in foreign) > 0.9 * len(foreign)


def _in_gb2312(character: str) -> bool:
    try:
        lead = character.encode("gb2312")[0]
    except UnicodeEncodeError:
        return False
    return 0xA1 <= lead <= 0xA3 or lead >= 0xB0


def _around(block: bytes, at: int) -> bytes:
    """Bytes of a block from a little before a place on, for a guess; none when they were UTF-8 until there."""
    if len(block[:at].decode("utf-8", "ignore").encode("ascii", "ignore")) < at - 40:
        return b""
    return block[max(0, block.rfind(b"\n", 0, max(0, at)) + 1, at - 100) :]


def _undecodable(name: str, chosen: str, asked: str | None, offset: int, sample: bytes) -> UserError:
    if asked is not None:
        return UserError(
            "{file} is not valid {encoding} at byte {offset}; choose another encoding or save it as UTF-8.",
            file=name, encoding=chosen, offset=offset,
        )  # fmt: skip
    guess = detect_encoding(sample[: 1 << 16])
    if guess.encoding is None or guess.sure:
        return UserError(
            "{file} is not valid {encoding} at byte {offset}; save it as UTF-8 or name its encoding (gb18030 for most Chinese files).",
            file=name, encoding="UTF-8" if chosen == "utf-8" else chosen, offset=offset,
        )  # fmt: skip
    return UserError(
        "{file} is not valid UTF-8 at byte {offset}. In {encoding} it would read “{preview}”: if that is right, set the encoding to {encoding}.",
        file=name, offset=offset, encoding=guess.encoding, preview=guess.preview,
    )  # fmt: skip


def _nul(name: str, chosen: str, asked: str | None, offset: int, head: bytes) -> UserError:
    guess = _guess(head[: 1 << 16]) if asked is None and chosen == "utf-8" else None
    if guess in ("utf-16-le", "utf-16-be"):
        return UserError(
            "{file} has a NUL byte at byte {offset}. In {encoding} it would read “{preview}”: if that is right, set the encoding to {encoding}.",
            file=name, offset=offset, encoding=guess, preview=_preview(head, guess),
        )  # fmt: skip
    return UserError(
        "{file} has a NUL byte at byte {offset}, so it is not plain text; save it as UTF-8 text.",
        file=name, offset=offset,
    )  # fmt: skip
