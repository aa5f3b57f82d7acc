"""Files and folders become documents in pieces, whatever is in them and however large they are."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.config import DataConfig
from llm_core.data.corpora import CORPORA
from llm_core.data.pieces import PIECE, cut
from llm_core.data.source import content_digest, documents, pieces
from llm_core.errors import UserError


def config(path: Path) -> DataConfig:
    return DataConfig(corpus=str(path))


def test_a_file_of_text_is_one_document(tmp_path: Path) -> None:
    for name in ("a.txt", "a.md", "a.py", "no_ending"):
        (tmp_path / name).write_text("one\n\ntwo\n", encoding="utf-8")
        assert list(documents(config(tmp_path / name))) == ["one\n\ntwo\n"]


def test_a_folder_is_its_text_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "b" / "two.md").write_text("two", encoding="utf-8")
    (tmp_path / "one.py").write_text("one", encoding="utf-8")
    (tmp_path / "rows.csv").write_text("text,n\nrow one,1\nrow two,2\n", encoding="utf-8")
    (tmp_path / "blank.txt").write_text(" \n", encoding="utf-8")
    (tmp_path / ".git" / "config").write_text("hidden", encoding="utf-8")
    (tmp_path / ".hidden").write_text("hidden", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0\0")
    (tmp_path / "link.txt").symlink_to(tmp_path / "one.py")
    assert list(documents(config(tmp_path))) == ["one", "row one", "row two", "two"]


def test_a_folder_says_which_file_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "fine.txt").write_text("fine", encoding="utf-8")
    (tmp_path / "wrong.txt").write_bytes(b"abc\xff")
    with pytest.raises(UserError, match=r"wrong\.txt.*byte 3"):
        list(documents(config(tmp_path)))


@pytest.mark.parametrize("content", ["", " ", "\n\t \r\n", "\ufeff", "\u3000\n"])
def test_text_of_nothing_but_space_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.txt").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.txt has no text"):
        list(documents(config(tmp_path / "a.txt")))


def test_much_white_space_is_no_text_either(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(" \n" * PIECE, encoding="utf-8")
    with pytest.raises(UserError, match="no text"):
        list(documents(config(tmp_path / "a.txt")))


def test_a_folder_without_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no text files"):
        list(documents(config(tmp_path)))


@pytest.mark.parametrize("name", ["", "nothing-here", "a\0b", "x" * 5000, "/dev/zero", "~nobody-at-all/x", "\ud800"])
def test_what_is_no_text_is_refused_with_the_embedded_names(name: str) -> None:
    for read in (documents, content_digest):
        with pytest.raises(UserError, match="python-reference"):
            list(read(DataConfig(corpus=name)))


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("secret", encoding="utf-8")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UserError, match=r"a\.txt cannot be read: Permission denied"):
        list(documents(config(tmp_path / "a.txt")))


def test_a_long_line_comes_in_bounded_pieces(tmp_path: Path) -> None:
    text = "x" * (3 * PIECE) + "好" * PIECE
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    found = list(pieces(config(tmp_path / "a.txt")))
    assert [begins for begins, _ in found] == [True, *[False] * (len(found) - 1)]
    assert all(0 < len(piece) <= PIECE for _, piece in found)
    assert "".join(piece for _, piece in found) == text


@given(
    text=st.lists(st.sampled_from(["word ", "line\n", "\n", "x" * 40, "好" * 30])).map("".join),
    sizes=st.lists(st.integers(1, 50), min_size=1),
)
@settings(max_examples=200)
def test_cuts_depend_on_the_text_alone(text: str, sizes: list[int]) -> None:
    blocks, place = [], 0
    while place < len(text):
        size = sizes[len(blocks) % len(sizes)]
        blocks.append(text[place : place + size])
        place += size
    whole = list(cut((text,), 64))
    assert list(cut(blocks, 64)) == whole
    assert "".join(whole) == text
    assert all(0 < len(piece) <= 64 for piece in whole)


def test_the_digest_follows_the_content_and_not_the_name(tmp_path: Path) -> None:
    for name, content in (("a.txt", "one"), ("b.txt", "one"), ("c.txt", "two"), ("d.csv", "one")):
        (tmp_path / name).write_text(content, encoding="utf-8")
    a, b, c, d = (content_digest(config(tmp_path / name)) for name in ("a.txt", "b.txt", "c.txt", "d.csv"))
    assert a == b
    assert len({a, c, d}) == 3


def test_the_digest_of_a_folder_sees_names_and_borders(tmp_path: Path) -> None:
    def folder(name: str, files: dict[str, str]) -> str:
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_text(content, encoding="utf-8")
        return content_digest(config(tmp_path / name))

    digests = {
        folder("a", {"x": "ab", "y": "c"}),
        folder("b", {"x": "a", "y": "bc"}),
        folder("c", {"x": "ab", "z": "c"}),
    }
    assert len(digests) == 3
    assert folder("d", {"x": "ab", "y": "c"}) in digests


@pytest.mark.parametrize("name", [name for name, corpus in CORPORA.items() if corpus.kind == "text"])
def test_embedded_texts_are_there_and_always_the_same(name: str) -> None:
    first = list(documents(DataConfig(corpus=name)))
    assert len(first) > 20
    assert sum(map(len, first)) > 250_000
    assert list(documents(DataConfig(corpus=name))) == first
    assert not any("\0" in text for text in first)


def test_no_paragraph_of_the_reference_stands_in_two_documents() -> None:
    seen: set[str] = set()
    for text in documents(DataConfig(corpus="python-reference")):
        marks = {" ".join(paragraph.split()) for paragraph in text.split("\n\n")}
        marks = {mark for mark in marks if len(mark) > 60}
        assert not marks & seen
        seen |= marks
