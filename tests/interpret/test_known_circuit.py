"""The constructed model is what it says it is: it copies by its two heads, and by no others."""

import torch

from llm_core.interpret.attention.attention import see
from tests.interpret.known_circuit import (
    CIRCUIT,
    INDUCTION_HEAD,
    OTHER_HEADS,
    PREVIOUS_HEAD,
    known_circuit,
    read_letters,
)

TEXT = "gabcdefabcde"


def test_it_says_what_came_after_the_same_letter_before() -> None:
    reading = read_letters(TEXT)
    likely = torch.from_numpy(see(known_circuit(), reading).logits).softmax(-1)
    for position in range(8, len(TEXT)):
        assert int(likely[position].argmax()) == reading.text.ids[position + 1]
        assert float(likely[position].max()) > 0.99
    assert float(likely[1].max() - likely[1].min()) < 0.01  # nothing came before: no opinion


def test_its_heads_look_where_they_should() -> None:
    pattern = see(known_circuit(), read_letters(TEXT)).parts["decoder"].pattern
    for position in range(1, len(TEXT) + 1):
        assert pattern[0, PREVIOUS_HEAD.head, position, position - 1] > 0.999
    for position in range(8, len(TEXT) + 1):
        assert pattern[1, INDUCTION_HEAD.head, position, position - 5] > 0.99


def test_copying_needs_both_heads_and_no_other() -> None:
    model, reading = known_circuit(), read_letters(TEXT)
    right = list(reading.text.ids[9:])
    assert see(model, reading, heads_off=OTHER_HEADS).logits[8:-1].argmax(-1).tolist() == right
    for head in CIRCUIT:
        without = see(model, reading, heads_off=[head]).logits[8:-1].argmax(-1).tolist()
        assert all(said != wanted for said, wanted in zip(without, right, strict=True))
