"""Texts that the program writes: written once, named without being written, and fit for their own defaults."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from llm_core.config import DataConfig, RunConfig, load_recipe
from llm_core.data import generated, sides
from llm_core.data.annotated import ASKED
from llm_core.data.corpora import CORPORA, with_corpus
from llm_core.data.generated import SEED, counts, documents, grammar_digest
from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.sampler import sample
from llm_core.data.prepare import TokenizedCorpus, corpus_digest, lengths, open_corpus, prepare
from llm_core.data.source import documents as all_documents
from llm_core.data.tasks import TASKS
from llm_core.errors import UserError

TRANSLATE = load_recipe(Path(__file__).parents[2] / "assets" / "recipes" / "translate.toml")
WRITTEN = [name for name, corpus in CORPORA.items() if corpus.kind not in ("text", *ASKED)]


def usual(name: str) -> RunConfig:
    """A run with the corpus's own settings."""
    return with_corpus(TRANSLATE if CORPORA[name].kind == "parallel" else RunConfig(), name)


def settings(name: str, documents: int = 60, **more: object) -> DataConfig:
    """The corpus's own data settings, but for few documents."""
    return usual(name).data.model_copy(update={"documents": documents, **more})


def decoded(corpus: TokenizedCorpus) -> list[str]:
    """The documents of both sides, those to train on first."""
    found = []
    for tokens in (corpus.training, corpus.held_out):
        ends = np.cumsum(lengths(tokens))
        found += [corpus.tokenizer.decode(tokens[a + 1 : b].tolist()) for a, b in itertools.pairwise([0, *ends])]
    return found


@pytest.mark.parametrize("name", WRITTEN)
def test_a_corpus_fits_its_own_defaults(name: str, tmp_path: Path) -> None:
    config = usual(name)
    # Few documents of long ones: even so, all words are seen often enough to be tokens of their own.
    corpus = prepare(settings(name, 60_000 // config.model.context), tmp_path)
    assert corpus.rows == ("pairs" if CORPORA[name].kind == "parallel" else "documents")
    assert lengths(corpus.training).max() <= 0.9 * config.model.context
    assert corpus.tokenizer.vocabulary_size < 0.9 * config.data.vocabulary_size
    assert config.training.sample_prompt == (
        "Lily had a ball, and she put it in the box." if corpus.rows == "pairs" else ""
    )
    assert config.training.sample_tokens >= lengths(corpus.training).max()


@pytest.mark.parametrize("name", ["stories-en", "stories-zh", "addition"])
def test_documents_come_back_in_their_order_and_the_last_are_held_out(name: str, tmp_path: Path) -> None:
    config = settings(name, held_out=0.2)
    corpus = prepare(config, tmp_path)
    assert counts(config) == corpus.documents == (48, 12)
    expected = list(documents(CORPORA[name], 0, 60))
    assert decoded(corpus) == expected == list(all_documents(config))
    assert corpus.characters == (sum(map(len, expected[:48])), sum(map(len, expected[48:])))
    assert list(documents(CORPORA[name], 48, 12)) == expected[48:]


def test_held_out_stories_are_kept_with_their_probability(tmp_path: Path) -> None:
    config = settings("stories-zh", held_out=0.2)
    prepare(config, tmp_path)
    nats = open_corpus(tmp_path / corpus_digest(config)).nats
    assert nats is not None
    assert nats.dtype == np.float64
    grammar = load_grammar("stories")
    assert nats.tolist() == [-sample(grammar, "zh", SEED, index).log_probability for index in range(48, 60)]
    (tmp_path / corpus_digest(config) / "nats.npy").write_bytes(b"cut off")
    with pytest.raises(UserError, match="damaged"):
        open_corpus(tmp_path / corpus_digest(config))
    assert prepare(config, tmp_path).nats is not None


def test_lines_of_a_task_are_kept_with_their_probability_and_a_text_has_none(tmp_path: Path) -> None:
    lines = TASKS["copy"].documents(3, SEED, 57)
    nats = prepare(settings("copy"), tmp_path).nats
    assert nats is not None
    assert nats.tolist() == [-TASKS["copy"].log_probability(line) for line in lines]
    (tmp_path / "a.txt").write_text("Some words of one's own.\n" * 50, encoding="utf-8")
    own = DataConfig(corpus=str(tmp_path / "a.txt"), tokenizer="character", vocabulary_size=400)
    assert prepare(own, tmp_path).nats is None


def test_every_document_is_written_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    task = TASKS["copy"]

    def counted(count: int, seed: int, start: int = 0) -> Iterator[str]:
        asked.append((start, count))
        return type(task).documents(task, count, seed, start)

    monkeypatch.setattr(sides, "_WRITTEN_SAMPLE", 200)
    monkeypatch.setitem(
        generated.TASKS,
        "copy",
        type("Counting", (), {"documents": staticmethod(counted), "log_probability": task.log_probability})(),
    )
    corpus = prepare(settings("copy", held_out=0.5), tmp_path)
    assert asked == [(0, 30), (30, 30)]
    monkeypatch.undo()
    assert decoded(corpus) == list(documents(CORPORA["copy"], 0, 60))


def test_the_name_of_a_corpus_is_known_before_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*arguments: object) -> Iterator[str]:
        raise AssertionError("written only to be named")

    monkeypatch.setattr(generated, "texts", never)
    usual = corpus_digest(settings("stories-en", 100))
    assert usual == corpus_digest(settings("stories-en", 100))
    others = [
        corpus_digest(config)
        for config in (
            settings("stories-zh", 100, tokenizer="word"),
            settings("stories-en", 101),
            settings("stories-en", 100, held_out=0.06),
            settings("stories-en", 100, rows="windows"),
        )
    ]
    assert len({usual, *others}) == 5
    usual_number = CORPORA["stories-en"].documents
    assert corpus_digest(settings("stories-en", usual_number)) == corpus_digest(settings("stories-en", documents=None))  # type: ignore[arg-type]


def test_a_corpus_names_the_grammar_that_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings("stories-en")
    assert grammar_digest(config) == load_grammar("stories").digest
    assert grammar_digest(settings("copy")) is None
    assert grammar_digest(DataConfig()) is None
    before = corpus_digest(config)
    monkeypatch.setattr(generated, "grammar_digest", lambda config: "another grammar")
    assert corpus_digest(config) != before


def test_settings_that_came_later_leave_the_names_of_texts_alone(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Some words.", encoding="utf-8")
    usual = DataConfig(corpus=str(tmp_path / "a.txt"))
    assert corpus_digest(usual) == "f89f649f045c7548ac3e7cb87657ab97"
    assert corpus_digest(usual.model_copy(update={"documents": 7})) == corpus_digest(usual)
    assert corpus_digest(usual.model_copy(update={"rows": "documents"})) != corpus_digest(usual)


@pytest.mark.parametrize("share", [0.01, 0.5])
def test_there_is_always_something_on_both_sides(share: float) -> None:
    for count in (2, 3, 50):
        training, held_out = counts(settings("copy", count, held_out=share))
        assert training >= 1
        assert held_out >= 1
        assert training + held_out == count
