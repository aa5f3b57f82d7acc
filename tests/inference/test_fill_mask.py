"""Filling in masks: equal to transformers and to a loop over single predictions, whatever is hidden and in which way."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from llm_core.config import NgramConfig
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.errors import UserError
from llm_core.inference import fill_mask
from llm_core.inference.fill_mask import fill, perplexity_of, predict, predict_everywhere, pseudo_perplexity
from llm_core.inference.masks import mask_of, places_at, read_masked
from llm_core.models.base import Batch, Model
from llm_core.models.build import build
from llm_core.models.presets import preset
from llm_core.runs.importing import import_folder
from llm_core.runs.store import Store
from tests import foreign

LETTERS = "abcdefgh"


def encoder(tokenizer: Tokenizer, **options: object) -> Model:
    """An encoder with weights so large that it prefers some tokens to others."""
    sizes = {"vocabulary_size": tokenizer.vocabulary_size, "width": 16, "layers": 2, "heads": 2, "context": 24}
    model = build(preset("bert", **{**sizes, **options}), seed=5).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(6)
    return model


def of_letters() -> Tokenizer:
    """A letter, a token."""
    return train_tokenizer("character", 40, [LETTERS * 3], byte_fallback=False, mask_token=True)


@pytest.fixture(scope="module")
def letters() -> tuple[Model, Tokenizer]:
    tokenizer = of_letters()
    return encoder(tokenizer), tokenizer


def expected(model: Model, ids: tuple[int, ...], place: int) -> np.ndarray:
    """(V,) probabilities at one place, in one pass of one row."""
    with torch.no_grad():
        logits: torch.Tensor = model(Batch(torch.tensor([ids])))[0, place]
    found: np.ndarray = logits.double().softmax(-1).numpy()
    return found


def offered(tokenizer: Tokenizer, shares: np.ndarray) -> np.ndarray:
    """The same (V,) with nothing for tokens that are no text."""
    text = np.array([piece not in ("<|endoftext|>", "[MASK]") and "\ufffd" not in piece for piece in tokenizer.pieces])
    assert (~text).sum() == 3
    found: np.ndarray = shares * text
    return found


def test_an_imported_bert_fills_masks_as_transformers_does(tmp_path: Path) -> None:
    tokenizer = foreign.tokenizer("bert")
    config = transformers.BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=3, num_attention_heads=4,
        intermediate_size=64, max_position_embeddings=40,
    )  # fmt: skip
    torch.manual_seed(5)
    peer = transformers.BertForMaskedLM(config).eval()
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    peer.save_pretrained(tmp_path / "theirs")
    foreign.write_tokenizer("bert", tmp_path / "theirs")
    store = Store(tmp_path / "runs")
    model, ours = store.model(import_folder(store, tmp_path / "theirs"))

    text = "The quick [MASK] fox [MASK] over the [MASK] dog."
    their_tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]")
    ids = their_tokenizer(text, return_tensors="pt").input_ids
    with torch.no_grad():
        logits = peer(ids).logits[0]
    found = predict(model, ours, text, top=ours.vocabulary_size)
    assert found.text.ids == tuple(ids[0].tolist())
    assert found.places == tuple((ids[0] == ours.mask).nonzero()[:, 0].tolist())
    assert len(found.places) == 3
    for place, tokens, shares in zip(found.places, found.tokens, found.probabilities, strict=True):
        theirs = logits[place].double().log_softmax(-1).numpy()
        np.testing.assert_allclose(np.log(shares), theirs[tokens], atol=1e-4)
        assert (np.diff(shares) <= 0).all()
        signs = {their_tokenizer.convert_tokens_to_ids(sign) for sign in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")}
        assert set(tokens.tolist()) == set(range(ours.vocabulary_size)) - signs
    with torch.no_grad():
        whole = model(Batch(ids))[0]
    torch.testing.assert_close(whole, logits, atol=1e-4, rtol=0)


def test_jointly_none_of_the_masks_sees_another(letters: tuple[Model, Tokenizer]) -> None:
    model, tokenizer = letters
    found = predict(model, tokenizer, "abcdef", [1, 4], top=5)
    a, b, c, d, e, f = tokenizer.encode("abcdef")
    mask = len(LETTERS) + 2
    ids = (*tokenizer.begin, a, mask, c, d, mask, f, *tokenizer.end)
    assert found.text.ids == ids
    for row, (place, token) in enumerate(((2, b), (5, e))):
        shares = expected(model, ids, place)
        words = offered(tokenizer, shares)
        np.testing.assert_allclose(found.probabilities[row], np.sort(words)[::-1][:5], rtol=1e-5)
        np.testing.assert_allclose(shares[found.tokens[row]], found.probabilities[row], rtol=1e-5)
        assert found.given[row] == pytest.approx(np.log(shares[token]), rel=1e-5)
        assert found.ranks[row] == (words > shares[token]).sum()
        assert found.entropies[row] == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-5)
    assert found.pieces[0] == tuple(tokenizer.pieces[token] for token in found.tokens[0])


def test_one_at_a_time_the_others_are_seen_but_typed_masks_stay(letters: tuple[Model, Tokenizer]) -> None:
    model, tokenizer = letters
    found = predict(model, tokenizer, "ab[MASK]def", [1, 4], one_at_a_time=True)
    a, b, d, e, f = tokenizer.encode("abdef")
    begin, mask = tokenizer.begin, len(LETTERS) + 2
    rows = {2: (*begin, a, mask, mask, d, e, f), 3: (*begin, a, b, mask, d, e, f), 5: (*begin, a, b, mask, d, mask, f)}
    assert found.places == tuple(rows)
    for row, (place, ids) in enumerate(rows.items()):
        np.testing.assert_allclose(
            found.probabilities[row, 0],
            offered(tokenizer, expected(model, (*ids, *tokenizer.end), place)).max(),
            rtol=1e-5,
        )
    assert np.isnan(found.given[1])
    assert found.ranks[1] == -1
    assert (found.ranks[[0, 2]] >= 0).all()


def test_a_query_stream_asks_for_what_is_hidden_and_sees_none_of_it() -> None:
    tokenizer = of_letters()
    model = encoder(tokenizer, query_stream=True)
    ids = torch.tensor([[*tokenizer.begin, *tokenizer.encode("abcdef")]])  # nothing but the order hides c and e
    order = torch.tensor([[0, 0, 0, 1, 0, 1, 0]])
    with torch.no_grad():
        shares = model(Batch(ids, permutation=order))[0].double().softmax(-1).numpy()
    found = predict(model, tokenizer, "abcdef", [2, 4], top=3)
    for row, place in enumerate((3, 5)):
        np.testing.assert_allclose(
            found.probabilities[row], np.sort(offered(tokenizer, shares[place]))[::-1][:3], rtol=1e-4
        )
    whole = predict_everywhere(model, tokenizer, "abcdef")
    assert whole.given[2] == pytest.approx(predict(model, tokenizer, "abcdef", [2]).given[0], rel=1e-5)


def test_everywhere_equals_a_loop_however_many_rows_are_read_at_once(
    letters: tuple[Model, Tokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = letters
    text = "abcabcdefhg"
    whole = predict_everywhere(model, tokenizer, text, top=3)
    for place in range(len(text)):
        alone = predict(model, tokenizer, text, [place], top=3)
        assert whole.places[place] == alone.places[0]
        np.testing.assert_allclose(whole.probabilities[place], alone.probabilities[0], rtol=1e-5)
        assert whole.given[place] == pytest.approx(alone.given[0], rel=1e-5)
    monkeypatch.setattr(fill_mask, "TOKENS_AT_ONCE", 30)
    few = predict_everywhere(model, tokenizer, text, top=3)
    np.testing.assert_array_equal(few.tokens, whole.tokens)
    np.testing.assert_allclose(few.given, whole.given, rtol=1e-6)


def test_pseudo_perplexity_is_the_mean_surprise_of_each_token_given_the_rest(letters: tuple[Model, Tokenizer]) -> None:
    model, tokenizer = letters
    ids = (*tokenizer.begin, *tokenizer.encode("badge"), *tokenizer.end)
    surprises = []
    for place in range(len(tokenizer.begin), len(tokenizer.begin) + 5):
        hidden = (*ids[:place], len(LETTERS) + 2, *ids[place + 1 :])
        surprises.append(-np.log(expected(model, hidden, place)[ids[place]]))
    found = pseudo_perplexity(model, tokenizer, "badge")
    assert found.tokens == tuple("badge")
    np.testing.assert_allclose(-found.logprobabilities, surprises, rtol=1e-5)
    assert found.score == pytest.approx(-sum(surprises), rel=1e-5)
    assert found.perplexity == pytest.approx(np.exp(np.mean(surprises)), rel=1e-5)
    assert perplexity_of(predict_everywhere(model, tokenizer, "badge")).score == pytest.approx(found.score)
    with pytest.raises(UserError, match="in place of a token"):
        pseudo_perplexity(model, tokenizer, "b[MASK]dge")


def test_one_beam_fills_the_surest_mask_first_and_reads_again(letters: tuple[Model, Tokenizer]) -> None:
    model, tokenizer = letters
    begin = len(tokenizer.begin)
    places = [begin + place for place in (0, 2, 3)]
    ids = list(read_masked(model.config, tokenizer, "abcdef", [0, 2, 3]).ids)
    open_, order, steps = list(range(3)), [], []
    while open_:
        shares = {mask: offered(tokenizer, expected(model, tuple(ids), places[mask])) for mask in open_}
        surest = max(open_, key=lambda mask: shares[mask].max())
        ids[places[surest]] = int(shares[surest].argmax())
        order.append(surest)
        steps.append(shares[surest].max())
        open_.remove(surest)
    found = fill(model, tokenizer, "abcdef", [0, 2, 3], beams=1, count=1)
    assert found.order.tolist() == [order]
    assert found.tokens.tolist() == [[ids[place] for place in places]]
    np.testing.assert_allclose(found.steps, [steps], rtol=1e-5)
    assert found.probabilities[0] == pytest.approx(np.prod(steps), rel=1e-5)
    first = [expected(model, found.text.ids, place)[ids[place]] for place in places]
    assert found.at_once[0] == pytest.approx(np.prod(first), rel=1e-5)


def test_with_a_beam_for_every_token_the_best_pair_of_all_is_found(letters: tuple[Model, Tokenizer]) -> None:
    model, tokenizer = letters
    size = tokenizer.vocabulary_size
    masked = read_masked(model.config, tokenizer, "abcdef", [1, 4])
    first = [offered(tokenizer, expected(model, masked.ids, place)) for place in masked.hidden]
    surest = int(np.argmax([shares.max() for shares in first]))
    other = masked.hidden[1 - surest]
    pairs = {}
    for one in range(size):
        ids = list(masked.ids)
        ids[masked.hidden[surest]] = one
        for two, share in enumerate(offered(tokenizer, expected(model, tuple(ids), other))):
            pairs[(one, two) if surest == 0 else (two, one)] = first[surest][one] * share
    assert len(pairs) == len(set(product(range(size), repeat=2)))
    found = fill(model, tokenizer, "abcdef", [1, 4], beams=size, count=7)
    best = sorted(pairs, key=lambda pair: -pairs[pair])[:7]
    np.testing.assert_allclose(found.probabilities, [pairs[pair] for pair in best], rtol=1e-5)
    assert [tuple(row) for row in found.tokens.tolist()] == best
    assert sum(pairs.values()) < 1, "what control tokens get is dealt out to no other"


def test_a_model_that_expects_its_mask_offers_words_and_keeps_its_probabilities() -> None:
    """As an encoder does that was taught to leave some tokens as they are."""
    tokenizer = of_letters()
    model = encoder(tokenizer)
    mask = len(LETTERS) + 2
    assert tokenizer.controls == {0, 1, mask}
    plain = predict(model, tokenizer, "abcdef", [1], top=40)
    whole = pseudo_perplexity(model, tokenizer, "abcdef")
    (place,) = plain.places
    shares = expected(model, plain.text.ids, place)
    assert sorted(plain.tokens[0].tolist()) == sorted(set(range(len(shares))) - tokenizer.controls)
    assert plain.probabilities.sum() == pytest.approx(1 - shares[[0, 1, mask]].sum(), rel=1e-6), "nothing is dealt out"
    assert plain.entropies[0] == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-5)
    everywhere = predict_everywhere(model, tokenizer, "abcdef", top=40)
    assert not set(everywhere.tokens.ravel().tolist()) & tokenizer.controls
    np.testing.assert_allclose(everywhere.given, whole.logprobabilities, rtol=1e-6)
    filled = fill(model, tokenizer, "abcdef", [1, 2], count=12, beams=40)
    assert not set(filled.tokens.ravel().tolist()) & tokenizer.controls


@pytest.mark.parametrize("kind", ["bpe", "word", "wordpiece"])
def test_where_words_carry_spaces_a_mask_hides_the_space_too(kind: str) -> None:
    lines = ["the cat sat on the mat and the dog sat on the cat"] * 40
    tokenizer = train_tokenizer(kind, 400, lines, mask_token=True)  # type: ignore[arg-type]
    config = encoder(tokenizer).config
    text = "the cat sat on the mat"
    hidden = read_masked(config, tokenizer, text, [1])
    typed = read_masked(config, tokenizer, "the [MASK] sat on the mat")
    assert typed.ids == hidden.ids
    assert typed.hidden == hidden.hidden
    assert typed.typed == typed.hidden
    assert hidden.typed == ()
    assert typed.spans[typed.hidden[0]] == (4, 10)
    assert hidden.tokens[hidden.hidden[0]] == "[MASK]"
    assert [hidden.tokens[place] for place in range(hidden.begin, hidden.end)][2] == " sat"


def test_letters_keep_their_spaces() -> None:
    tokenizer = train_tokenizer("character", 40, ["a b c d e"] * 3, byte_fallback=False, mask_token=True)
    masked = read_masked(encoder(tokenizer).config, tokenizer, "a [MASK] c")
    assert len(masked.ids) == len(tokenizer.begin) + len(tokenizer.end) + 5
    assert masked.hidden == (len(tokenizer.begin) + 2,)


def test_the_same_words_are_hidden_from_models_that_cut_text_differently() -> None:
    words = train_tokenizer("word", 300, ["the cat sat on the mat"] * 9, mask_token=True)
    letters = train_tokenizer("character", 300, ["the cat sat on the mat"] * 9, mask_token=True)
    first = read_masked(encoder(words).config, words, "the cat sat", [1])
    spans = [first.spans[place] for place in first.hidden]
    second = read_masked(encoder(letters).config, letters, "the cat sat")
    assert spans == [(3, 7)]
    assert places_at(second, spans) == (3, 4, 5, 6)


@pytest.mark.parametrize(
    ("text", "places", "words"),
    [
        ("abc", [], "Nothing is hidden"),
        ("", [], "no text"),
        ("abc", [3], "no token 3: there are 3"),
        ("abc", [-1], "no token -1"),
        ("a" * 30, [0], "30 tokens"),
        ("a" * 22 + "[MASK][MASK]", [], "24 tokens; this model reads at most 23"),
    ],
)
def test_what_cannot_be_filled_is_said_in_a_sentence(
    letters: tuple[Model, Tokenizer], text: str, places: list[int], words: str
) -> None:
    model, tokenizer = letters
    for deed in (predict, fill):
        with pytest.raises(UserError, match=words):
            deed(model, tokenizer, text, places)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (preset("ours"), "left to right"),
        (preset("transformer"), "one text into another"),
        (NgramConfig(), "family ngram"),
        (preset("bert"), "no mask"),
    ],
)
def test_models_that_cannot_fill_say_why(config: object, words: str) -> None:
    tokenizer = train_tokenizer("character", 40, [LETTERS], byte_fallback=False)
    with pytest.raises(UserError, match=words):
        mask_of(config, tokenizer)  # type: ignore[arg-type]


def test_a_model_in_training_mode_is_refused(letters: tuple[Model, Tokenizer]) -> None:
    model, tokenizer = letters
    model.train()
    try:
        with pytest.raises(ValueError, match="eval mode"):
            predict(model, tokenizer, "abc", [0])
    finally:
        model.eval()
