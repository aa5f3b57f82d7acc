"""A text is prepared once, whole, without a leak, and a refused one leaves nothing."""

import itertools
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_core.config import DataConfig, TokenizerKind
from llm_core.data import sides as module
from llm_core.data.pieces import PIECE
from llm_core.data.prepare import (
    TokenizedCorpus,
    corpus_digest,
    file_name,
    import_text,
    open_corpus,
    prepare,
    require_length,
)
from llm_core.data.source import documents
from llm_core.errors import UserError

KINDS: tuple[TokenizerKind, ...] = ("character", "word", "bpe", "wordpiece")
CHINESE = "今天的天气很好，我们去公园看花。你喜欢什么颜色？\n"


def written(folder: Path, content: str | bytes, name: str = "a.txt", **settings: object) -> DataConfig:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return DataConfig(corpus=str(folder / name), **{"vocabulary_size": 500, **settings})  # type: ignore[arg-type]


def texts(corpus: TokenizedCorpus) -> tuple[list[str], list[str]]:
    """The documents of both sides, decoded."""
    sides = []
    for tokens in (corpus.training, corpus.held_out):
        assert tokens[0] == corpus.tokenizer.end_of_text
        starts = [*np.flatnonzero(tokens == corpus.tokenizer.end_of_text), len(tokens)]
        sides.append([corpus.tokenizer.decode(tokens[a + 1 : b].tolist()) for a, b in itertools.pairwise(starts)])  # fmt: skip
    return sides[0], sides[1]


def everything(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_together_are_the_text(kind: TokenizerKind, tmp_path: Path) -> None:
    rows = [f"row {number} of {number % 7} 好" for number in range(300)]
    config = written(tmp_path, "text\n" + "\n".join(rows) + "\n", "a.csv", tokenizer=kind)
    corpus = prepare(config, tmp_path / "corpora")
    training, held_out = texts(corpus)
    assert sorted(training + held_out) == sorted(rows)
    assert not set(training) & set(held_out)
    assert corpus.documents == (len(training), len(held_out))
    assert corpus.characters == (sum(map(len, training)), sum(map(len, held_out)))
    for tokens, characters in zip((corpus.training, corpus.held_out), corpus.characters, strict=True):
        assert int(corpus.tokenizer.characters[tokens].sum()) == characters
    assert corpus.characters[1] / sum(corpus.characters) == pytest.approx(0.1, abs=0.02)


def test_one_document_holds_out_its_tail_from_a_line_end_on(tmp_path: Path) -> None:
    text = "".join(f"line {number}\n" for number in range(2000))
    training, held_out = texts(prepare(written(tmp_path, text), tmp_path / "corpora"))
    assert len(training) == len(held_out) == 1
    assert training[0] + held_out[0] == text
    assert training[0].endswith("\n")
    assert len(held_out[0]) / len(text) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("length", [2, 3, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7])
@pytest.mark.parametrize("share", [0.01, 0.5])
def test_one_line_of_any_length_is_cut_somewhere(length: int, share: float, tmp_path: Path) -> None:
    text = ("好x" * length)[:length]
    training, held_out = texts(prepare(written(tmp_path, text, held_out=share), tmp_path / "corpora"))
    assert training[0] + held_out[0] == text
    assert len(held_out[0]) / length == pytest.approx(share, abs=max(0.03, 1 / length))


def test_equal_documents_never_stand_on_both_sides(tmp_path: Path) -> None:
    rows = [f"opinion {number % 40}" for number in range(400)]
    training, held_out = texts(prepare(written(tmp_path, "text\n" + "\n".join(rows), "a.csv"), tmp_path / "corpora"))
    assert held_out
    assert not set(training) & set(held_out)


def test_copies_of_one_document_do_not_reach_its_held_out_tail(tmp_path: Path) -> None:
    training, held_out = texts(prepare(written(tmp_path, "text\n" + "the same words again\n" * 50, "a.csv"), tmp_path / "corpora"))  # fmt: skip
    assert training[0] + held_out[0] == "the same words again"


def test_the_tokenizer_learns_from_training_text_only(tmp_path: Path) -> None:
    text = "abc\n" * 900 + "猫狗" * 200
    corpus = prepare(written(tmp_path, text, tokenizer="character"), tmp_path / "corpora")
    assert "猫".encode() not in corpus.tokenizer.token_bytes
    assert texts(corpus)[1][0].endswith("猫狗")


def test_the_sample_for_the_tokenizer_is_bounded_and_spread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SAMPLE", 3000)
    taken: list[str] = []
    train = module.train_tokenizer
    monkeypatch.setattr(module, "train_tokenizer", lambda kind, size, stream, *more: train(kind, size, [taken.append(text) or text for text in stream], *more))  # type: ignore[func-returns-value]  # fmt: skip
    rows = [f"row number {number:05}" for number in range(5000)]
    prepare(written(tmp_path, "text\n" + "\n".join(rows), "a.csv"), tmp_path / "corpora")
    assert 2500 < sum(map(len, taken)) <= 3100
    places = [int(text.split()[-1]) for text in taken]
    assert places == sorted(places)
    assert max(np.diff(places)) < 100
    assert places[-1] > 4900


def test_what_was_prepared_is_used_again(tmp_path: Path) -> None:
    config = written(tmp_path, CHINESE * 50)
    first = prepare(config, tmp_path / "corpora")
    before = (first.folder / "training.bin").stat().st_mtime_ns
    again = prepare(config, tmp_path / "corpora")
    assert again.digest == first.digest == first.folder.name == corpus_digest(config)
    assert (again.folder / "training.bin").stat().st_mtime_ns == before
    assert [folder.name for folder in (tmp_path / "corpora").iterdir()] == [first.digest]


def test_the_same_text_and_settings_give_the_same_bytes_anywhere(tmp_path: Path) -> None:
    for place in ("one", "two"):
        prepare(DataConfig(tokenizer="wordpiece"), tmp_path / place)
    assert everything(tmp_path / "one") == everything(tmp_path / "two")


def test_other_settings_or_text_give_another_digest(tmp_path: Path) -> None:
    digests = {
        corpus_digest(written(tmp_path, text, held_out=share, tokenizer=kind))
        for text in ("one text", "another text")
        for share in (0.1, 0.2)
        for kind in KINDS
    }
    assert len(digests) == 16


@pytest.mark.parametrize("damage", ["training.bin", "held_out.bin", "tokenizer.json", "corpus.json"])
def test_a_damaged_corpus_is_noticed_and_made_anew(damage: str, tmp_path: Path) -> None:
    config = written(tmp_path, CHINESE * 50)
    first = prepare(config, tmp_path / "corpora")
    whole = everything(first.folder)
    for damaged in (whole[damage][:-3], b"", b"{}", b"[]"):
        (first.folder / damage).write_bytes(damaged)
        with pytest.raises(UserError):
            open_corpus(first.folder)
        prepare(config, tmp_path / "corpora")
        assert everything(first.folder) == whole


@pytest.mark.parametrize(
    ("content", "settings"),
    [(b"", {}), (b"  \n", {}), (b"x", {}), (b"ab\0c", {}), (b"ab\xffc", {}), (b"abc", {"vocabulary_size": 2}), (b"abc", {"encoding": "klingon"})],
)  # fmt: skip
def test_a_refused_text_leaves_nothing(content: bytes, settings: dict[str, object], tmp_path: Path) -> None:
    config = written(tmp_path, content, **settings)
    before = everything(tmp_path)
    with pytest.raises(UserError):
        prepare(config, tmp_path / "corpora")
    assert everything(tmp_path) == before
    assert not (tmp_path / "corpora").exists()


class CancelledError(Exception):
    """What a page raises in its progress function."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", [0.01, 0.1, 0.5])
def test_it_can_be_cancelled_at_any_stage_and_leaves_nothing(after: float, kind: TokenizerKind, tmp_path: Path) -> None:
    config = written(tmp_path, "好x " * 300_000, tokenizer=kind)

    def cancel(share: float) -> None:
        if share >= after:
            raise CancelledError

    with pytest.raises(CancelledError):
        prepare(config, tmp_path / "corpora", cancel)
    assert not list((tmp_path / "corpora").rglob("*"))


def test_progress_rises_to_one(tmp_path: Path) -> None:
    shares: list[float] = []
    prepare(written(tmp_path, CHINESE * 30_000, tokenizer="character"), tmp_path / "corpora", shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) > 5


def test_two_threads_may_prepare_the_same_text(tmp_path: Path) -> None:
    config = written(tmp_path, CHINESE * 2000)
    threads = [threading.Thread(target=prepare, args=(config, tmp_path / "corpora")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [folder.name for folder in (tmp_path / "corpora").iterdir()] == [corpus_digest(config)]
    assert texts(open_corpus(tmp_path / "corpora" / corpus_digest(config)))


def test_leftovers_of_dead_processes_are_swept_and_those_of_living_ones_kept(tmp_path: Path) -> None:
    corpora = tmp_path / "corpora"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in (f".partial-{gone.pid}-aa", f".partial-{os.getpid()}-bb", ".partial-nonsense"):
        (corpora / name).mkdir(parents=True)
    (corpora / f".partial-{os.getpid()}-old").mkdir()
    os.utime(corpora / f".partial-{os.getpid()}-old", (0, 0))
    prepare(written(tmp_path, CHINESE * 20), corpora)
    assert [folder.name for folder in corpora.iterdir() if folder.name.startswith(".")] == [
        f".partial-{os.getpid()}-bb"
    ]


def test_a_large_vocabulary_takes_wider_numbers(tmp_path: Path) -> None:
    corpus = prepare(written(tmp_path, "".join(map(chr, range(0x10000, 0x2A000))) * 2, tokenizer="character", vocabulary_size=100_000, held_out=0.01), tmp_path / "corpora")  # fmt: skip
    assert corpus.training.dtype == np.uint32
    assert int(corpus.training.max()) > 1 << 16


def test_too_few_tokens_say_have_need_and_the_largest_context(tmp_path: Path) -> None:
    corpus = prepare(written(tmp_path, "abcdefghij" * 4, tokenizer="character"), tmp_path / "corpora")
    have = len(corpus.training)
    with pytest.raises(UserError) as caught:
        require_length(corpus, 64)
    assert caught.value.values == {"have": have, "context": 64, "need": 66, "largest": have - 2}
    require_length(corpus, have - 2)
    with pytest.raises(UserError):
        require_length(corpus, have - 1)


def test_a_text_too_short_for_any_context_says_what_it_needs(tmp_path: Path) -> None:
    corpus = prepare(written(tmp_path, "ab", tokenizer="character"), tmp_path / "corpora")
    with pytest.raises(UserError, match="needs at least 4"):
        require_length(corpus, 2)


def test_a_brought_text_is_kept_by_its_content(tmp_path: Path) -> None:
    raw = "text,n\n好吃,1\n".encode("gb18030")
    file = import_text("../../we ird/名字.csv", raw, tmp_path, encoding="gb18030")
    assert file.read_bytes() == raw
    assert file.is_relative_to(tmp_path / "imported")
    assert file.name == "名字.csv"
    assert import_text("名字.csv", raw, tmp_path, encoding="gb18030") == file
    assert list(documents(DataConfig(corpus=str(file), encoding="gb18030"))) == ["好吃"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [(b"", "no text"), (b"\0", "NUL"), ("今天的天气很好。".encode("gbk"), "gb18030"), (b"a,b\n1\n", "row 2"), (b"x" * (50_000_001), "limit")],
)  # fmt: skip
def test_a_refused_upload_leaves_nothing(raw: bytes, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        import_text("table.csv", raw, tmp_path / "corpora")
    assert not (tmp_path / "corpora").exists()


@given(name=st.text(max_size=120) | st.sampled_from(["../x", "/etc/x", "a\0b", "CON", "con.txt", ".", "..", "", "x" * 300, "字" * 86, "a/b\\c.csv", ".csv"]))  # fmt: skip
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_of_an_upload_stays_inside(name: str, tmp_path: Path) -> None:
    file = import_text(name, b"some,text\nhere,too\n", tmp_path)
    assert file.resolve().is_relative_to((tmp_path / "imported").resolve())
    assert file.is_file()
    assert len(file.name.encode()) < 200
    assert file.stem.lower() not in ("con", "nul", "")


def test_a_50_mb_line_without_a_space_passes_in_bounded_time(tmp_path: Path) -> None:
    """A tenth of it here, to be quick; benchmarks/memory.py takes 1 GB."""
    corpus = prepare(written(tmp_path, "好x" * 1_000_000, tokenizer="character"), tmp_path / "corpora")
    assert sum(corpus.characters) == 2_000_000


def test_preparing_needs_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from llm_core.config import DataConfig\n"
        "from llm_core.data.prepare import prepare\n"
        "prepare(DataConfig(tokenizer='character'), pathlib.Path(sys.argv[1]))\n"
        "assert 'torch' not in sys.modules and 'pyarrow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=60)


def test_the_card_says_what_it_was_made_of(tmp_path: Path) -> None:
    corpus = prepare(written(tmp_path, CHINESE * 20), tmp_path / "corpora")
    about = json.loads((corpus.folder / "corpus.json").read_text(encoding="utf-8"))
    assert about["digest"] == corpus.digest
    assert about["tokens"] == [len(corpus.training), len(corpus.held_out)]
    assert about["vocabulary_size"] == corpus.tokenizer.vocabulary_size


def test_a_text_that_cannot_be_kept_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UserError, match="cannot be kept: No space left"):
        import_text("a.txt", b"one two three", tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("name", "harmless"),
    [
        ("reviews.csv", "reviews.csv"), ("???.csv", "text.csv"), ("。。.tsv", "text.tsv"), ("评论.csv", "评论.csv"), (".csv", "csv.txt"),
        ("../../etc/x.csv", "x.csv"), ("..\\x", "x.txt"), ("a b.tar.gz", "a-b-tar.gz"), ("notes.", "notes.txt"), ("a.???", "a.txt"),
        ("CON.csv", "text-CON.csv"), ("", "text.txt"), ("x" * 90 + ".csv", "x" * 40 + ".csv"),
    ],
)  # fmt: skip
def test_a_file_name_is_harmless_and_keeps_what_kind_of_file_it_is(name: str, harmless: str) -> None:
    assert file_name(name) == harmless
