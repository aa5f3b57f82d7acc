"""What a probe reads is gone when it is taken out, and whether the verb agrees then is counted as one by one."""

import numpy as np
import pytest
import torch

from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.sampler import sample
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.errors import UserError
from llm_core.interpret.ablation.agreement_texts import agreement_texts
from llm_core.interpret.probes.probe_removal import Removal, probe_axes, probe_removal, without
from llm_core.interpret.probes.probes import trained_probe
from llm_core.interpret.reading import as_batch
from tests.interpret.opened import model_of

TEXTS = 8


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    stories = load_grammar("stories")
    return train_tokenizer("word", 500, [sample(stories, "en", 1, index).text for index in range(60)])


def test_axes_are_those_that_tell_the_labels_apart_and_nothing_is_left_without_them() -> None:
    random = np.random.default_rng(0)
    label = np.arange(400) % 2
    vectors = random.normal(size=(400, 8)).astype(np.float32)
    vectors[:, 2] += 6 * label
    vectors[:, 5] -= 5 * label
    axes = probe_axes(vectors, label, 3)
    assert np.allclose(axes @ axes.T, np.eye(3), atol=1e-6)
    mean = vectors.astype(np.float64).mean(0)
    left = without(vectors, axes, mean)
    assert np.allclose((left - mean) @ axes.T, 0, atol=1e-4)
    assert np.allclose(left - left @ axes.T @ axes, vectors - vectors @ axes.T @ axes, atol=1e-4), "all else stays"
    said = trained_probe(left[:200], label[:200], 2).shares(left[200:]).argmax(-1)
    assert (said == label[200:]).mean() < 0.65
    assert (trained_probe(vectors[:200], label[:200], 2).shares(vectors[200:]).argmax(-1) == label[200:]).mean() > 0.95


def test_without_any_direction_left_a_verb_agrees_by_chance(tokenizer: Tokenizer) -> None:
    model = model_of(vocabulary_size=tokenizer.vocabulary_size, context=160, width=16, layers=1, heads=2)
    work = list(probe_removal(model, tokenizer, texts=TEXTS, directions=16, draws=1, seed=3))
    found = [each for each in work if isinstance(each, Removal)]
    shares = [each for each in work if isinstance(each, float)]
    assert [str(each.place) for each in found] == ["decoder.embedding", "decoder.0.residual_after"]
    assert shares == sorted(shares)
    asked = agreement_texts(model, tokenizer, 2 * TEXTS, 3, "en", attractor=True)[TEXTS:]
    leads = []
    for text in asked:
        with torch.inference_mode():
            last = model(as_batch(text.asked.reading))[0, -1]
        leads.append(float(last[text.right] - last[text.wrong]))
    for each in found:
        assert each.before == pytest.approx(np.mean(np.array(leads) > 0))
        assert each.lead_before == pytest.approx(np.mean(leads), abs=1e-3)
    assert found[-1].after == 0.5, "every text ends alike: what is right for one is wrong for the other"
    assert found[-1].random.tolist() == [0.5]
    assert found[-1].left == 0.5


def test_what_does_not_write_is_refused(tokenizer: Tokenizer) -> None:
    encoder = model_of(architecture="encoder", vocabulary_size=tokenizer.vocabulary_size, context=160)
    with pytest.raises(UserError, match="left to right"):
        list(probe_removal(encoder, tokenizer, texts=TEXTS))
