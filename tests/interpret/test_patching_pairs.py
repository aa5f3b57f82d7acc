"""Pairs of texts are as long as each other, and the grammar itself knows which answer each of them wants."""

import math
from functools import cache
from itertools import islice

import pytest
import torch

from llm_core.config import TaskConfig, TransformerConfig
from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.predictor import Predictor
from llm_core.data.grammar.sampler import texts
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.data.vocabulary import MASK
from llm_core.errors import UserError
from llm_core.interpret.patching.pairs import Kind, Pair, grammar_pairs, pair_of_readings
from llm_core.interpret.reading import as_batch, read
from llm_core.interpret.target import Target
from llm_core.models.base import Model
from llm_core.models.build import build

STORIES = load_grammar("stories")
SIZE = {"context": 192, "width": 16, "layers": 1, "heads": 2}


@cache
def tokenizer_of(language: str, mask: bool = False) -> Tokenizer:
    languages = ["en", "zh"] if language == "both" else [language]
    stories = [text for each in languages for text in texts(STORIES, each, 0, 0, 300)]
    return train_tokenizer("bpe", 1200, stories, mask_token=mask)


def model_for(tokenizer: Tokenizer, architecture: str = "decoder") -> Model:
    config = TransformerConfig(vocabulary_size=tokenizer.vocabulary_size, architecture=architecture, **SIZE)  # type: ignore[arg-type]
    return build(config, seed=0).eval().requires_grad_(False)


def wants(language: str, prompt: str, answer: str) -> bool:
    """Whether the grammar can go on with the answer."""
    predictor = Predictor(STORIES, language)
    assert predictor.push(prompt) > -math.inf
    return predictor.push(answer) > -math.inf


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["number", "name", "place"])
def test_after_each_text_its_own_answer_can_come_and_that_of_the_other_cannot(kind: Kind, language: str) -> None:
    tokenizer = tokenizer_of(language)
    for pair in islice(grammar_pairs(model_for(tokenizer), tokenizer, kind, language, seed=1), 2):
        clean, corrupted = pair.clean.text, pair.corrupted.text
        assert len(clean.ids) == len(corrupted.ids)
        assert pair.target.position == len(clean.ids) - 1
        assert pair.differing == tuple(at for at, ids in enumerate(zip(clean.ids, corrupted.ids, strict=True)) if ids[0] != ids[1])  # fmt: skip
        assert pair.differing
        right, wrong = (tokenizer.decode([token]) for token in (pair.target.token, pair.target.against))  # type: ignore[list-item]
        prompts = [tokenizer.decode(list(side.ids[1:])) for side in (clean, corrupted)]
        assert wants(language, prompts[0], right)
        assert wants(language, prompts[1], wrong)
        assert not wants(language, prompts[0], wrong)
        assert not wants(language, prompts[1], right)


def test_pairs_of_number_change_the_verb() -> None:
    tokenizer = tokenizer_of("en")
    found = {pair.answers for pair in islice(grammar_pairs(model_for(tokenizer), tokenizer, "number", "en"), 12)}
    verbs = {" was", " were", " is", " are"}
    assert all({answer.replace("·", " ") for answer in answers} <= verbs for answers in found), found
    assert len(found) > 1


def test_a_seed_gives_the_same_pairs_and_another_one_others() -> None:
    tokenizer = tokenizer_of("en")
    model = model_for(tokenizer)
    first, again, other = (list(islice(grammar_pairs(model, tokenizer, "name", "en", seed=seed), 3)) for seed in (1, 1, 2))  # fmt: skip
    assert first == again
    assert first != other


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_encoder_reads_on_to_the_end_of_the_sentence_with_the_answer_hidden(language: str) -> None:
    tokenizer = tokenizer_of(language, mask=True)
    model = model_for(tokenizer, "encoder")
    for kind in ("name", "place"):
        pair = next(grammar_pairs(model, tokenizer, kind, language))  # type: ignore[arg-type]
        place = pair.target.position
        assert place is not None
        for side, answer in ((pair.clean.text, pair.target.token), (pair.corrupted.text, pair.target.against)):
            assert side.ids[place] == tokenizer.mask
            assert side.tokens[place] == MASK
            hidden = [at for at, token in enumerate(side.ids) if token == tokenizer.mask]
            assert hidden == list(range(place, place + len(hidden)))
            filled = [answer if at == place else token for at, token in enumerate(side.ids) if at not in hidden[1:]]
            text = tokenizer.decode([token for token in filled if token not in tokenizer.separators])  # type: ignore[misc]
            assert text.rstrip()[-1] in ".?”。？"
        assert pair.differing
        assert place not in pair.differing


def test_a_translator_reads_two_sources_and_the_translation_up_to_where_it_parts() -> None:
    tokenizer = tokenizer_of("both")
    model = model_for(tokenizer, "encoder_decoder")
    for language in ("en", "zh"):
        for pair in islice(grammar_pairs(model, tokenizer, "place", language), 2):
            assert pair.clean.text == pair.corrupted.text
            assert pair.source_differing
            assert not pair.differing
            assert pair.target.position == len(pair.clean.text.ids) - 1
            assert pair.target.token != pair.target.against


def typed(clean: str, corrupted: str, target: Target | None = None) -> tuple[Model, Pair]:
    tokenizer = tokenizer_of("en")
    model = model_for(tokenizer)
    readings = [read(model, tokenizer, text) for text in (clean, corrupted)]
    return model, pair_of_readings(model, readings[0], readings[1], tokenizer.pieces, target)


def test_of_two_typed_texts_the_likeliest_answers_are_asked_where_the_texts_end() -> None:
    model, pair = typed("Lily was in the box", "Lily was in the bag")
    with torch.inference_mode():
        logits = [model(as_batch(reading))[0, -1] for reading in (pair.clean, pair.corrupted)]
    assert pair.target.position == len(pair.clean.text.ids) - 1
    assert pair.target.token == int(logits[0].argmax())
    second = int(logits[0].topk(2).indices[1])
    assert pair.target.against == (second if logits[1].argmax() == logits[0].argmax() else int(logits[1].argmax()))
    asked = Target(2, 5, 9)
    assert typed("Lily was", "Lily is", asked)[1].target == asked


@pytest.mark.parametrize(
    ("clean", "corrupted", "target", "message"),
    [
        ("Lily was in the box", "Lily was in", None, "each token needs a partner"),
        ("Lily was", "Lily was", None, "the same"),
        ("Lily was", "Lily is", Target(9, 1, 2), "no position 9"),
        ("Lily was", "Lily is", Target(1, 1), "name both"),
        ("Lily was", "Lily is", Target(1, 1, 10**6), "no token or class"),
    ],
)
def test_texts_that_make_no_pair_are_refused_with_the_reason(clean: str, corrupted: str, target: Target | None, message: str) -> None:  # fmt: skip
    with pytest.raises(UserError, match=message):
        typed(clean, corrupted, target)


def test_models_that_cannot_be_asked_say_so() -> None:
    plain = tokenizer_of("en")
    with pytest.raises(UserError, match="mask"):
        next(grammar_pairs(model_for(plain, "encoder"), plain, "name", "en"))
    body = TransformerConfig(architecture="encoder", vocabulary_size=plain.vocabulary_size, **SIZE)  # type: ignore[arg-type]
    classifier = build(TaskConfig(body=body, labels=2), seed=0).eval()
    with pytest.raises(UserError, match="Type two texts"):
        next(grammar_pairs(classifier, plain, "name", "en"))


def test_where_no_two_texts_have_as_many_tokens_the_search_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_core.interpret.patching.pairs._PATIENCE", 5)
    tokenizer = tokenizer_of("en")
    short = build(TransformerConfig(vocabulary_size=tokenizer.vocabulary_size, **{**SIZE, "context": 4}), seed=0).eval()  # type: ignore[arg-type]
    with pytest.raises(UserError, match="5 texts"):
        next(grammar_pairs(short, tokenizer, "name", "en"))
