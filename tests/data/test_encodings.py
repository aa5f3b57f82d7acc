"""Bytes are decoded as what they are surely, or refused at the right byte with an offer; never guessed in silence."""

import io
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.data import encodings
from llm_core.data.encodings import check_encoding, decode, detect_encoding
from llm_core.errors import UserError

CHINESE = "今天的天气很好，我们去公园看花。你喜欢什么颜色？我喜欢红色和绿色。"
names = st.none() | st.sampled_from(["utf-8", "gb18030", "utf-16", "utf-16-le", "utf-32", "big5", "cp1252", "ascii"])


def read(raw: bytes, encoding: str | None = None) -> str:
    return "".join(decode(io.BytesIO(raw), "a.txt", encoding))


def refusal(raw: bytes, encoding: str | None = None) -> UserError:
    with pytest.raises(UserError) as caught:
        read(raw, encoding)
    return caught.value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_utf8_and_byte_order_marks_need_no_telling(encoding: str) -> None:
    assert read(CHINESE.encode(encoding)) == CHINESE


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_both_byte_orders_of_utf16(mark: bytes) -> None:
    order = "utf-16-le" if mark == b"\xff\xfe" else "utf-16-be"
    assert read(mark + "text,标签\n".encode(order)) == "text,标签\n"


def test_a_mark_is_dropped_though_the_encoding_was_named() -> None:
    assert read(CHINESE.encode("utf-8-sig"), "utf-8") == CHINESE
    assert read("\ufeff".encode("utf-16-le") + CHINESE.encode("utf-16-le"), "utf-16-le") == CHINESE


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "gb2312"])
def test_chinese_in_gbk_is_offered_for_confirmation_not_taken(encoding: str) -> None:
    raw = CHINESE.encode(encoding)
    found = detect_encoding(raw)
    assert found == encodings.Detection("gb18030", False, found.preview)
    assert found.preview.startswith("今天的天气很好")
    error = refusal(raw)
    assert error.values["offset"] == 0
    assert error.values["encoding"] == "gb18030"
    assert "今天的天气" in str(error)
    assert read(raw, "gb18030") == CHINESE


def test_a_short_chinese_text_in_gbk_is_offered_too() -> None:
    assert detect_encoding("你好，世界".encode("gbk")).encoding == "gb18030"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("Déjà vu: où est la bibliothèque? Ça va très bien, merci à vous. " * 5, "cp1252"), ("Привет, как дела? Сегодня хорошая погода. " * 5, "cp1251")],
)  # fmt: skip
def test_other_encodings_are_at_most_offered(text: str, encoding: str) -> None:
    raw = text.encode(encoding)
    found = detect_encoding(raw)
    assert not found.sure
    assert found.encoding != "gb18030"
    assert refusal(raw)
    assert read(raw, encoding) == text


def test_western_european_is_offered_as_such() -> None:
    error = refusal("Où est la bibliothèque? Ça va très bien, merci.\n".encode("cp1252") * 20)
    assert error.values["encoding"] == "cp1252"
    assert str(error.values["preview"]).startswith("Où est la bibliothèque")


def test_the_preview_shows_where_utf8_ended() -> None:
    raw = b"plain line\n" * 100_000 + "今天的天气很好，我们去公园看花。".encode("gbk") * 20
    assert str(refusal(raw).values["preview"]).startswith("今天的天气很好")


def test_utf8_with_one_broken_byte_is_not_taken_for_something_else() -> None:
    error = refusal(CHINESE.encode() * 20 + b"\xff" + CHINESE.encode())
    assert error.values["offset"] == 20 * len(CHINESE.encode())
    assert "preview" not in error.values


def test_invalid_utf8_is_named_by_its_byte_anywhere_in_the_file() -> None:
    for place in (0, 1, 1000, encodings.BLOCK - 1, encodings.BLOCK, encodings.BLOCK + 5):
        raw = bytearray(b"a" * (encodings.BLOCK + 100))
        raw[place] = 0xFF
        assert refusal(bytes(raw)).values["offset"] == place


def test_a_character_cut_by_the_end_of_a_block_is_whole() -> None:
    for before in range(4):
        text = "a" * (encodings.BLOCK - before) + "😀末"
        assert read(text.encode()) == text
        assert read(text.encode("gb18030"), "gb18030") == text


def test_a_character_cut_by_the_end_of_the_file_is_refused() -> None:
    assert refusal(b"abc\xe4\xbb").values["offset"] == 3


def test_nul_is_refused_with_its_byte() -> None:
    assert refusal(b"abc\0def").values["offset"] == 3
    assert refusal(b"\xef\xbb\xbfab\0").values["offset"] == 5
    assert refusal("ab\0".encode("utf-16")).values["offset"] == 6
    assert refusal(b"a" * encodings.BLOCK + b"\0").values["offset"] == encodings.BLOCK


def test_utf16_without_a_mark_is_offered() -> None:
    error = refusal("plain English in two bytes each".encode("utf-16-le"))
    assert error.values["encoding"] == "utf-16-le"
    assert error.values["preview"].startswith("plain English")


def test_line_ends_become_newlines_across_blocks() -> None:
    for before in range(3):
        raw = b"a" * (encodings.BLOCK - before) + b"\r\nb\rc\n\r\n\r"
        assert read(raw) == "a" * (encodings.BLOCK - before) + "\nb\nc\n\n\n"


@pytest.mark.parametrize(
    "name", ["", "klingon", "base64", "rot13", "idna", "unicode_escape", "utf-7", "a\0b", "x" * 500]
)
def test_encodings_that_are_none_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="gb18030"):
        check_encoding(name)


def test_a_wrong_encoding_named_by_a_person_is_refused_with_the_byte() -> None:
    assert refusal("né".encode("latin-1"), "ascii").values["offset"] == 1
    assert refusal(b"abc", "utf-16")


@given(raw=st.binary(max_size=200), encoding=names)
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_read_or_refused(raw: bytes, encoding: str | None) -> None:
    with suppress(UserError):
        text = read(raw, encoding)
        assert "\0" not in text
        assert "\r" not in text


@given(text=st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r\ufeff")), encoding=st.sampled_from(["utf-8", "gb18030", "utf-16", "utf-32"]))  # fmt: skip
@settings(deadline=None)
def test_any_text_comes_through(text: str, encoding: str) -> None:
    assert read(text.encode(encoding), encoding) == text


@given(raw=st.binary(max_size=100))
@settings(deadline=None)
def test_detection_never_fails_and_is_sure_only_of_what_decodes(raw: bytes) -> None:
    found = detect_encoding(raw)
    if found.sure and found.encoding == "utf-8":
        # The end may be cut inside a character; what is before it must decode.
        assert raw.decode("utf-8", "ignore").encode() == raw[: len(raw.decode("utf-8", "ignore").encode())]
