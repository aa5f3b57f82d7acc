"""The bundled models are read-only runs within their bounds, and their cards still say the truth."""

import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_core.config import READING
from llm_core.data.annotated import ASKED
from llm_core.data.corpora import CORPORA
from llm_core.data.generated import counts, documents, grammar_digest
from llm_core.data.pairs import both
from llm_core.data.prepare import TokenizedCorpus, corpus_digest, prepare
from llm_core.errors import UserError
from llm_core.evaluate.chrf import chrf
from llm_core.evaluate.excess import excess_per_story
from llm_core.evaluate.language_model import score
from llm_core.evaluate.world import world_of
from llm_core.inference.translate import translations
from llm_core.runs import history
from llm_core.runs.run import Run
from llm_core.runs.store import BUNDLED_MODELS, Store
from llm_core.training.objectives import OBJECTIVES

FOLDERS = sorted(path for path in BUNDLED_MODELS.iterdir() if path.is_dir())
MOST_BYTES_A_MODEL, MOST_BYTES = 8_000_000, 60_000_000


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.fixture(params=FOLDERS, ids=lambda path: path.name)
def bundled(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Store, Run]:
    store = Store(tmp_path)
    return store, store.find(request.param.name)


def card_of(run: Run) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((run.folder / "card.json").read_bytes())
    return card


def card_and_corpus(run: Run, folder: Path) -> tuple[dict[str, Any], TokenizedCorpus]:
    """What the card says and the text it names, prepared anew; the text differs from one Python to another."""
    card = card_of(run)
    if "grammar_digest" in card:
        pytest.skip("a grammar has written it: see the tests of story models")
    if card["python"] != platform.python_version():
        pytest.skip(f"the text is part of Python {card['python']}; this is {platform.python_version()}")
    return card, prepare(run.config.data, folder / "corpora")


def test_there_is_a_bundled_model_and_all_fit() -> None:
    assert FOLDERS
    assert all(size(folder) <= MOST_BYTES_A_MODEL for folder in FOLDERS)
    assert sum(map(size, FOLDERS)) <= MOST_BYTES


def test_every_step_that_is_kept_was_looked_at_token_by_token(bundled: tuple[Store, Run]) -> None:
    _store, run = bundled
    if run.config.data.rows in ASKED:
        pytest.skip("it says something of whole texts")
    rows = history.records(run.folder)
    (text,) = (row for row in rows if row["kind"] == "fixed_text")
    looks = {row["step"]: row["losses"] for row in rows if row["kind"] == "text"}
    assert set(run.steps()) <= set(looks)
    assert {len(losses) for losses in looks.values()} == {len(text["pieces"])}
    first, last = (np.nanmean(np.array(looks[step], dtype=float)) for step in (0, run.steps()[-1]))
    assert last < first - 1
    assert any(row.get("name") == "unigram" for row in rows)


def test_a_bundled_model_is_whole_and_nobody_can_change_it(bundled: tuple[Store, Run]) -> None:
    store, run = bundled
    assert run.problem is None
    assert run.read_only
    assert run.status().state == "finished"
    assert run.steps()[0] == 0
    # Of the encoder, which is of use the larger it is, only the first and the last fit.
    assert len(run.steps()) >= (2 if run.config.training.objective in READING else 4)
    with pytest.raises(UserError):
        store.rename(run, "mine", "local")
    kinds = {row["kind"] for row in history.records(run.folder)}
    assert {"step", "evaluation", "sample", "baseline"} <= kinds


def test_the_text_that_a_card_names_is_still_the_one_that_is_prepared(
    bundled: tuple[Store, Run], tmp_path: Path
) -> None:
    _, run = bundled
    card, corpus = card_and_corpus(run, tmp_path)
    assert corpus.digest == card["corpus_digest"]
    assert corpus.tokenizer.to_json() == (run.folder / "tokenizer.json").read_text(encoding="utf-8")


def test_a_bundled_model_loses_what_its_card_says_and_less_than_the_ngram(
    bundled: tuple[Store, Run], tmp_path: Path
) -> None:
    store, run = bundled
    card, corpus = card_and_corpus(run, tmp_path)
    losses = []
    for step in (run.steps()[0], run.steps()[-1]):
        model, _ = store.model(run, step)
        losses.append(score(model, corpus).loss)
    assert losses[0] == pytest.approx(card["baselines"]["uniform"], abs=0.01)
    # Weights are kept in 16 bits.
    assert losses[1] == pytest.approx(card["validation_loss"], abs=0.01)
    assert losses[1] < card["baselines"]["ngram"]


def story_card(run: Run) -> dict[str, Any]:
    card = card_of(run)
    if "grammar_digest" not in card:
        pytest.skip("no grammar has written its text")
    return card


def test_a_story_model_was_trained_on_what_the_grammar_writes_today(bundled: tuple[Store, Run]) -> None:
    """Fails when a grammar has changed since: run `make models`."""
    _, run = bundled
    card = story_card(run)
    assert grammar_digest(run.config.data) == card["grammar_digest"] == run.grammar
    assert card["corpus_digest"] == run.digest
    if CORPORA[run.config.data.corpus].kind == "mixture" and card["python"] != platform.python_version():
        pytest.skip(f"a part of its text belongs to Python {card['python']}; this is {platform.python_version()}")
    assert corpus_digest(run.config.data) == run.digest


def test_a_story_model_loses_what_its_card_says_above_the_floor(bundled: tuple[Store, Run]) -> None:
    store, run = bundled
    card = story_card(run)
    world = world_of(run.config.data)
    if world is None:
        pytest.skip("it translates, or reads texts of several grammars: see its own test")
    stories = list(world.stories(60))
    nats = np.array([-story.log_probability for story in stories])
    model, tokenizer = store.model(run, run.steps()[-1])
    found = excess_per_story(model, [tokenizer.encode(story.text) for story in stories], nats)
    assert found.mean == pytest.approx(card["excess_per_story"], abs=5 * found.error)
    assert found.interval[1] > 0
    assert card["validation_loss"] < card["baselines"]["ngram"]
    # Short stories can come twice by chance: of the training stories themselves, fourteen are equal to another one.
    assert card["stories_copied"] * card["texts_written"] <= 1.5


def test_the_translator_translates_as_well_as_its_card_says(tmp_path: Path) -> None:
    """On sentences of held-out numbers, written anew; some of them, short ones, are among those trained on, too."""
    store = Store(tmp_path)
    run = store.find("translate-en-zh")
    card = card_of(run)
    model, tokenizer = store.model(run, run.steps()[-1])
    first, _ = counts(run.config.data)
    pairs = sorted({both(pair) for pair in documents(CORPORA[run.config.data.corpus], first, 300)})
    written = translations(model, tokenizer, [source for source, _ in pairs])
    references = [reference for _, reference in pairs]
    exact = sum(ours == theirs for ours, theirs in zip(written, references, strict=True)) / len(pairs)
    assert len(pairs) > 200
    assert exact == pytest.approx(card["exact_match"], abs=0.03)
    assert chrf(written, references) == pytest.approx(card["chrf"], abs=0.02)
    assert card["validation_loss"] < 0.2 * card["baselines"]["ngram"]
    assert len(run.steps()) >= 6


def test_the_encoder_knows_as_many_hidden_tokens_as_its_card_says(tmp_path: Path) -> None:
    """On the first of its held-out texts, written anew."""
    store = Store(tmp_path)
    run = store.find("cloze-en-zh")
    card = card_of(run)
    first, _ = counts(run.config.data)
    texts = list(documents(CORPORA[run.config.data.corpus], first, 400))
    losses, accuracies = [], []
    for step in (run.steps()[0], run.steps()[-1]):
        model, tokenizer = store.model(run, step)
        ids = np.concatenate([[tokenizer.end_of_text, *tokenizer.encode(text)] for text in texts])
        corpus = TokenizedCorpus(tmp_path, "", tokenizer, ids[:0], ids, (0, len(texts)), (0, 0), "documents")
        found = OBJECTIVES["masked"].score(model, corpus, run.config, None)
        losses.append(found.loss)
        accuracies.append(found.measures["accuracy"])
    # An output that shares the matrix of the embeddings does not begin at the uniform guess exactly.
    assert losses[0] == pytest.approx(card["baselines"]["uniform"], abs=0.4)
    assert losses[1] == pytest.approx(card["validation_loss"], abs=0.12)
    assert accuracies[1] == pytest.approx(card["accuracy"], abs=0.03)
    assert accuracies[1] > 4 * accuracies[0]
    # Any text can be read: all of it comes back, whatever its characters.
    strange = "Ŝajnas bone! 鱻龘 🙂 \u0000 [MASK]"
    assert tokenizer.decode(tokenizer.encode(strange)) == strange
    assert tokenizer.mask is not None
