"""On a model whose weights are set by hand, lens, direct attribution and ablation find its circuit and nothing else."""

import math

import numpy as np
import pytest

from llm_core.interpret.ablation.ablation import against_others, loss_of, map_ablations, target_of
from llm_core.interpret.attribution.logit_attribution import attribute_logit
from llm_core.interpret.components import Component, heads
from llm_core.interpret.lenses.logit_lens import logit_lens
from llm_core.interpret.loss_texts import loss_texts
from llm_core.interpret.target import Target
from tests.interpret.known_circuit import (
    CIRCUIT,
    INDUCTION_HEAD,
    TOKENIZER,
    VOCABULARY,
    known_circuit,
    read_letters,
)

MODEL = known_circuit()
READING = read_letters("gbaefcgb")  # after the second b, it says a
ASKED = Target(8, TOKENIZER.encode("a")[0], TOKENIZER.encode("e")[0])
REPEATED = ["gbaefcgbaefc", "kjdckjdc", "abcdefgabcdefg", "hikhik"]
PIECES = {Component.of_head(name) for name in CIRCUIT}


def test_the_lens_sees_the_answer_come_with_the_induction_head() -> None:
    lens = logit_lens(MODEL, READING, pinned=[ASKED.token])
    assert [str(row) for row in lens.rows] == ["decoder.embedding", "decoder.0.residual_after", "decoder.1.residual_after"]  # fmt: skip
    np.testing.assert_allclose(lens.entropies[:2], math.log(VOCABULARY), rtol=1e-5)
    assert lens.pinned_probabilities[2, 8, 0] > 0.99
    assert lens.top[2, 8, 0] == ASKED.token
    np.testing.assert_allclose(lens.pinned_probabilities[2, :7, 0], 1 / VOCABULARY, rtol=0.1)


@pytest.mark.parametrize("against", [ASKED.against, None, "others"])
def test_direct_attribution_finds_the_head_that_says_it_and_no_other(against: int | None) -> None:
    target = Target(8, ASKED.token, against)
    found = attribute_logit(MODEL, READING, target)
    by_name = dict(zip(found.components, found.contributions, strict=True))
    direct = Component.of_head(INDUCTION_HEAD)
    assert by_name.pop(direct) == pytest.approx(found.value, rel=1e-5)
    assert found.value > 10
    assert abs(found.remainder) < 1e-5
    assert max(map(abs, by_name.values())) < 1e-6  # the head that it hangs on has no direct effect


def test_ablation_finds_both_heads_and_no_other() -> None:
    every = {each.components[0]: each.change for each in map_ablations(MODEL, target_of(MODEL, READING, ASKED))}
    # Without a head that writes into the junk the second norm divides by a little less; that is all that it does.
    assert max(abs(change) for component, change in every.items() if component not in PIECES) < 0.5
    assert max(change for component, change in every.items() if component in PIECES) < -10
    texts = loss_texts(MODEL, [read_letters(text) for text in REPEATED])
    for each in map_ablations(MODEL, loss_of(MODEL, texts)):
        if each.components[0] in PIECES:
            assert each.low > 0.5
        else:
            assert abs(each.change) < 1e-3


def test_no_other_pair_of_heads_costs_as_much() -> None:
    texts = loss_texts(MODEL, [read_letters(text) for text in REPEATED])
    work = against_others(MODEL, loss_of(MODEL, texts), sorted(PIECES, key=str))
    measured = [next(work) for _ in range(1 + 3 * 3 + 2 * 3)]
    with pytest.raises(StopIteration) as end:
        next(work)
    control = end.value.value
    assert measured == [control.chosen, *control.others]
    assert len(heads(MODEL)) == 8
    assert (control.exhaustive, control.rank, control.of) == (True, 1, len(measured))
    assert max(other.change for other in control.others) < 1e-3 < 0.5 < control.chosen.change
