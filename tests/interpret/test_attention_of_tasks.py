"""A model for a task is looked at as the encoder in it is."""

import numpy as np
import pytest
import torch

from llm_core.config import RecurrentConfig, TaskConfig, TransformerConfig
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import HeadName, parts, place, see, see_patterns
from llm_core.interpret.reading import as_batch, read
from llm_core.models.build import build
from llm_core.models.task_model import TaskModel


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer("character", 20, ["abcab cabba"] * 3, byte_fallback=False)


def made(tokenizer: Tokenizer, task: str, **more: object) -> TaskModel:
    body = TransformerConfig(
        architecture="encoder", vocabulary_size=tokenizer.vocabulary_size, context=16, width=16, layers=2, heads=2
    )
    model = build(TaskConfig(task=task, body=body, **more), seed=2)  # type: ignore[arg-type]
    assert isinstance(model, TaskModel)
    return model.eval()


@pytest.mark.parametrize(("task", "labels"), [("classify", 3), ("tag", 5), ("answer", 2)])
def test_the_attention_is_that_of_its_body_and_the_logits_are_its_own(
    task: str, labels: int, tokenizer: Tokenizer
) -> None:
    model = made(tokenizer, task, labels=labels)
    assert parts(model) == ("encoder",)
    assert place(model, "encoder", 1) == "reader.blocks.1.attention"
    reading = read(model, tokenizer, "abcab")
    found = see(model, reading)
    alone = see(model.reader, reading)
    np.testing.assert_array_equal(found.parts["encoder"].pattern, alone.parts["encoder"].pattern)
    patterns = see_patterns(model, as_batch(reading))["encoder"][:, 0].numpy()
    np.testing.assert_allclose(found.parts["encoder"].pattern, patterns, atol=1e-6)
    with torch.no_grad():
        expected = model(as_batch(reading))[0].numpy()
    assert found.logits.shape == (6, labels)
    np.testing.assert_allclose(found.logits, np.broadcast_to(expected, (6, labels)), atol=1e-5)


def test_a_head_of_the_body_can_be_switched_off(tokenizer: Tokenizer) -> None:
    model = made(tokenizer, "tag", labels=4)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)) * 0.3)
    reading = read(model, tokenizer, "abcab")
    off = see(model, reading, heads_off=[HeadName("encoder", 0, 1)])
    assert np.abs(off.logits - see(model, reading).logits).max() > 1e-3


def test_a_recurrent_body_has_no_attention(tokenizer: Tokenizer) -> None:
    body = RecurrentConfig(vocabulary_size=tokenizer.vocabulary_size, width=8, layers=1)
    model = build(TaskConfig(task="tag", body=body, labels=3))
    assert parts(model) == ()
    with pytest.raises(UserError, match="family recurrent has no attention"):
        read(model, tokenizer, "abc")
