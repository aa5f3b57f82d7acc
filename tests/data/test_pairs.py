"""Sentence pairs: numbered, from all places of the texts, split so that no held-out sentence is trained on."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from llm_core.config import DataConfig, RunConfig, load_recipe
from llm_core.data.corpora import CORPORA, with_corpus
from llm_core.data.generated import SEED, check_rows, counts, documents, grammar_digest
from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.parallel import parallel_sentences, plain_pairs
from llm_core.data.pairs import PER_TEXT, both, pairs, sides_of_pairs
from llm_core.data.prepare import TokenizedCorpus, corpus_digest, open_corpus, prepare, require_length
from llm_core.data.tokenizers import Tokenizer
from llm_core.errors import UserError

NAME = "parallel-en-zh"
RECIPE = load_recipe(Path(__file__).parents[2] / "assets" / "recipes" / "translate.toml")


def settings(documents: int = 400, **more: object) -> DataConfig:
    return RECIPE.data.model_copy(update={"documents": documents, **more})


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataConfig, TokenizedCorpus]:
    config = settings(held_out=0.25)
    return config, prepare(config, tmp_path_factory.mktemp("pairs"))


def texts(corpus: TokenizedCorpus, tokens: np.ndarray) -> list[str]:
    """What stands between the signs of a stream."""
    starts = [*np.flatnonzero(tokens == Tokenizer.end_of_text), len(tokens)]
    return [corpus.tokenizer.decode(tokens[a + 1 : b].tolist()) for a, b in itertools.pairwise(starts)]


def test_plain_pairs_are_the_sentences_whose_truth_is_known() -> None:
    grammar = load_grammar("stories")
    for index in range(40):
        known = [(pair.english, pair.chinese) for pair in parallel_sentences(grammar, 5, index)]
        assert plain_pairs(grammar, 5, index) == known


def test_a_pair_can_be_had_alone_and_each_text_gives_as_many() -> None:
    grammar = load_grammar("stories")
    many = list(pairs(grammar, SEED, 0, 60))
    assert list(pairs(grammar, SEED, 17, 30)) == many[17:47]
    for number in range(60 // PER_TEXT):
        told = plain_pairs(grammar, SEED, number)
        chosen = [both(pair) for pair in many[number * PER_TEXT : (number + 1) * PER_TEXT]]
        assert len(told) >= PER_TEXT
        assert len({told.index(pair) for pair in chosen}) == PER_TEXT


def test_pairs_come_from_every_place_of_a_text() -> None:
    grammar = load_grammar("stories")
    count = 300
    drawn = [both(pair) for pair in pairs(grammar, SEED, 0, PER_TEXT * count)]
    first, last, expected = 0, 0, 0.0
    for number in range(count):
        told = plain_pairs(grammar, SEED, number)
        chosen = drawn[number * PER_TEXT : (number + 1) * PER_TEXT]
        first, last = first + (told[0] in chosen), last + (told[-1] in chosen)
        expected += PER_TEXT / len(told)
    assert first == pytest.approx(expected, rel=0.15)
    assert last == pytest.approx(expected, rel=0.15)


def test_what_is_trained_on_is_not_held_out_and_nothing_twice() -> None:
    training, held_out = ["a\tA", "b\tB", "a\tA"], ["c\tC", "b\tX", "d\tD", "c\tC"]
    sides = list(sides_of_pairs(iter(training), iter(held_out)))
    assert sides == [
        (False, "a"), (False, "A"), (False, "b"), (False, "B"), (False, "a"), (False, "A"),
        (True, "c"), (True, "C"), (True, "d"), (True, "D"),
    ]  # fmt: skip
    with pytest.raises(UserError, match="Each of the 1 sentences"):
        list(sides_of_pairs(iter(training), iter(["b\tX", "b\tX"])))


def test_a_corpus_of_pairs_has_sentence_and_translation_by_turns(
    prepared: tuple[DataConfig, TokenizedCorpus],
) -> None:
    config, corpus = prepared
    assert corpus.rows == "pairs"
    assert counts(config) == (300, 100)
    training, held_out = texts(corpus, corpus.training), texts(corpus, corpus.held_out)
    known = [both(pair) for pair in documents(CORPORA[NAME], 0, 400)]
    assert list(zip(training[::2], training[1::2], strict=True)) == known[:300]
    seen = {source for source, _ in known[:300]}
    new = {source: target for source, target in reversed(known[300:]) if source not in seen}
    assert dict(zip(held_out[::2], held_out[1::2], strict=True)) == new
    assert corpus.documents == (300, len(new))
    assert len(held_out) == 2 * len(new)
    assert 0 < len(new) < 100  # both happens: short sentences come again
    assert corpus.characters == (sum(map(len, training)), sum(map(len, held_out)))
    assert corpus.nats is None


def test_words_and_characters_are_tokens_of_one_vocabulary(prepared: tuple[DataConfig, TokenizedCorpus]) -> None:
    _, corpus = prepared
    pieces = corpus.tokenizer.pieces
    english = [pieces[token] for token in corpus.tokenizer.encode("They were both happy.")]
    assert english == ["They", " were", " both", " happy", "."]
    assert [pieces[token] for token in corpus.tokenizer.encode("两个人都很高兴。")] == list("两个人都很高兴。")


def test_it_opens_as_it_was_made_and_its_name_is_that_of_its_grammar_and_size(
    prepared: tuple[DataConfig, TokenizedCorpus],
) -> None:
    config, corpus = prepared
    again = open_corpus(corpus.folder)
    assert (again.rows, again.documents, again.digest) == ("pairs", corpus.documents, corpus_digest(config))
    assert grammar_digest(config) == load_grammar("stories").digest
    assert len({corpus_digest(settings(count)) for count in (400, 401)}) == 2


def test_a_sentence_that_does_not_fit_names_the_context_that_would_do(
    prepared: tuple[DataConfig, TokenizedCorpus],
) -> None:
    _, corpus = prepared
    longest = max(len(corpus.tokenizer.encode(text)) + 1 for side in (corpus.training, corpus.held_out) for text in texts(corpus, side))  # fmt: skip
    require_length(corpus, longest)
    with pytest.raises(UserError, match=rf"longest sentence has {longest} tokens.*model\.context to {longest}"):
        require_length(corpus, longest - 1)


def test_rows_of_pairs_and_texts_of_pairs_belong_together(tmp_path: Path) -> None:
    check_rows(settings())
    for name in ("stories-en", "python-reference", "my.txt"):
        with pytest.raises(UserError, match=NAME):
            prepare(settings().model_copy(update={"corpus": name}), tmp_path)
    with pytest.raises(UserError, match="recipe translate"):
        prepare(settings(rows="documents"), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [name for name in CORPORA if name != NAME])
def test_the_recipe_for_pairs_takes_no_other_text_and_says_which_it_takes(name: str) -> None:
    if CORPORA[name].kind == "text":  # it has no say in what a row is
        with pytest.raises(UserError, match=NAME):
            check_rows(with_corpus(RECIPE, name).data)
        return
    rows = CORPORA[name].defaults["data"]["rows"]
    with pytest.raises(UserError, match=rf"{NAME}.*recipe translate.*data.rows is {rows}\."):
        with_corpus(RECIPE, name)


def test_a_decoder_takes_no_pairs_and_hears_what_does() -> None:
    with pytest.raises(
        UserError, match=r"encoder-decoder.*sequence_to_sequence.*recipe translate.*architecture is decoder"
    ):
        with_corpus(RunConfig(), NAME)
