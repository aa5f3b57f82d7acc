"""Taps: what is seen belongs to who looks, edits reach the output, and nothing of it stays in the model."""

import threading
from typing import Any

import pytest
import torch
from torch import Tensor

from llm_core.config import RecurrentConfig, TransformerConfig
from llm_core.models.base import Batch, Model
from llm_core.models.build import build
from llm_core.taps import Tap, observe, tap_names

CONFIG = TransformerConfig(vocabulary_size=13, context=16, width=16, layers=2, heads=2)


@pytest.fixture
def model() -> Model:
    return build(CONFIG, seed=2).eval()


def batch(length: int = 6, rows: int = 2) -> Batch:
    return Batch(torch.randint(13, (rows, length), generator=torch.Generator().manual_seed(length)))


def test_a_decoder_has_a_tap_on_every_line_of_its_stream(model: Model) -> None:
    block = ["residual_before", "residual_middle", "residual_after", "feed_forward.activations", "feed_forward.added"]
    block += [f"attention.{n}" for n in ("queries", "keys", "values", "scores", "pattern", "head_outputs", "added")]
    expected = {"embedding", "hidden"} | {f"blocks.{n}.{name}" for n in range(2) for name in block}
    assert set(tap_names(model)) == expected


def test_an_encoder_decoder_has_taps_under_each_side() -> None:
    names = set(tap_names(build(CONFIG.model_copy(update={"architecture": "encoder_decoder"}))))
    assert {"encoder.embedding", "decoder.embedding", "encoder.blocks.1.attention.pattern"} <= names
    assert {"decoder.blocks.0.cross_attention.pattern", "decoder.blocks.1.residual_crossed"} <= names
    assert not any(name.startswith("encoder") and "cross" in name for name in names)


@pytest.mark.parametrize("architecture", ["decoder", "encoder", "encoder_decoder"])
def test_taps_are_named_as_torch_names_modules(architecture: str) -> None:
    model = build(CONFIG.model_copy(update={"architecture": architecture}))
    assert tap_names(model) == [name for name, module in model.named_modules() if isinstance(module, Tap)]


def test_shapes_are_what_the_names_say(model: Model) -> None:
    with observe(model) as seen:
        model(batch())
    assert seen["blocks.0.residual_middle"].shape == (2, 6, 16)
    assert seen["blocks.0.attention.queries"].shape == (2, 2, 6, 8)
    assert seen["blocks.0.attention.pattern"].shape == (2, 2, 6, 6)
    assert seen["blocks.0.attention.head_outputs"].shape == (2, 2, 6, 8)
    assert seen["blocks.0.feed_forward.activations"].shape == (2, 6, 64)


@pytest.mark.parametrize("architecture", ["decoder", "encoder_decoder"])
def test_what_is_added_to_the_stream_is_seen(architecture: str) -> None:
    crossed = architecture == "encoder_decoder"
    model = build(CONFIG.model_copy(update={"architecture": architecture, "initialization": "xavier"})).eval()
    with torch.no_grad(), observe(model) as seen:
        model(Batch(torch.tensor([[1, 2, 3]]), source=Batch(torch.tensor([[4, 5]])) if crossed else None))
    block = "decoder.blocks.1." if crossed else "blocks.1."
    lines = ["residual_before", "attention.added", "residual_middle"]
    lines += ["cross_attention.added", "residual_crossed"] if crossed else []
    lines += ["feed_forward.added", "residual_after"]
    for before, added, after in zip(lines[::2], lines[1::2], lines[2::2], strict=False):
        assert seen[block + added].abs().max() > 0.1
        torch.testing.assert_close(seen[block + before] + seen[block + added], seen[block + after])


def test_only_what_is_asked_for_is_kept(model: Model) -> None:
    with observe(model, only=["blocks.*.residual_after", "embedding"]) as seen:
        model(batch())
    assert list(seen) == ["embedding", "blocks.0.residual_after", "blocks.1.residual_after"]


def test_unknown_names_are_refused_at_once(model: Model) -> None:
    with pytest.raises(KeyError, match=r"blocks\.7"), observe(model, only=["blocks.7.*"]):
        pass
    with pytest.raises(KeyError, match="nonsense"), observe(model, edits={"nonsense": torch.zeros_like}):
        pass
    with pytest.raises(KeyError, match=r"\*\.pattern"), observe(model, edits={"*.pattern": torch.zeros_like}):
        pass


def test_an_edit_reaches_the_output_and_ends_with_its_block(model: Model) -> None:
    plain = model(batch())
    with observe(model, only=[], edits={"blocks.1.attention.pattern": torch.zeros_like}) as seen:
        edited = model(batch())
    assert list(seen) == ["blocks.1.attention.pattern"]
    assert not seen["blocks.1.attention.pattern"].any()
    assert not torch.allclose(edited, plain)
    assert torch.equal(model(batch()), plain)


@pytest.mark.parametrize("name", tap_names(build(CONFIG)))
def test_every_tap_can_be_changed(model: Model, name: str) -> None:
    plain = model(batch())
    with observe(model, only=[], edits={name: lambda x: torch.randn(x.shape, generator=torch.Generator().manual_seed(1))}):  # fmt: skip
        assert not torch.allclose(model(batch()), plain)


def test_edits_nest_and_the_inner_block_sees_what_the_outer_has_changed(model: Model) -> None:
    def double(x: Tensor) -> Tensor:
        return 2 * x

    with observe(model, only=["embedding"]) as plain:
        model(batch())
    with (
        observe(model, edits={"embedding": double}) as outer,
        observe(model, only=[], edits={"embedding": lambda x: x + 1}) as inner,
    ):
        model(batch())
    torch.testing.assert_close(outer["embedding"], 2 * plain["embedding"])
    torch.testing.assert_close(inner["embedding"], 2 * plain["embedding"] + 1)


def test_a_block_left_by_an_error_is_closed(model: Model) -> None:
    with pytest.raises(ZeroDivisionError), observe(model) as seen:
        raise ZeroDivisionError
    model(batch())
    assert not seen


def test_another_model_of_the_same_kind_is_not_seen(model: Model) -> None:
    with observe(model) as seen:
        build(CONFIG, seed=9)(batch())
    assert not seen


def test_threads_that_share_a_model_see_only_their_own(model: Model) -> None:
    faults: list[str] = []
    start = threading.Barrier(4)

    def look(length: int) -> None:
        start.wait()
        for _ in range(30):
            with observe(model, only=["blocks.1.attention.pattern"]) as seen, torch.no_grad():
                model(batch(length))
            if seen["blocks.1.attention.pattern"].shape[-1] != length:
                faults.append(f"{length} saw another")

    def edit() -> None:
        start.wait()
        for _ in range(30):
            with observe(model, only=[], edits={"embedding": torch.zeros_like}), torch.no_grad():
                model(batch(4))

    plain = model(batch(5))

    def run() -> None:
        start.wait()
        for _ in range(30):
            if not torch.equal(model(batch(5)), plain):
                faults.append("an edit leaked")

    jobs: list[Any] = [lambda: look(3), lambda: look(9), edit, run]
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []


def test_gradients_reach_a_tap_and_leave_the_parameters_alone(model: Model) -> None:
    leaf = torch.randn(2, 6, 16, requires_grad=True)
    with observe(model, only=["blocks.0.attention.pattern"], edits={"embedding": lambda _: leaf}) as seen:
        target = model(batch())[:, -1, 3].sum()
    pattern = seen["blocks.0.attention.pattern"]
    to_pattern, to_leaf = torch.autograd.grad(target, [pattern, leaf])
    assert to_pattern.shape == pattern.shape
    assert to_pattern.any()
    assert to_leaf.any()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_second_derivatives_exist_in_a_model_that_is_not_training() -> None:
    model = build(CONFIG.model_copy(update={"activation": "relu_squared", "query_key_norm": True})).eval()
    leaf = torch.randn(1, 4, 16, requires_grad=True)
    with observe(model, only=["*.scores"], edits={"embedding": lambda _: leaf}):
        out = model(batch(4, 1))[..., 2].sum()
    (first,) = torch.autograd.grad(out, leaf, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), leaf)
    assert torch.isfinite(second).all()


def test_the_state_dict_knows_no_taps(model: Model) -> None:
    names = {name.rpartition(".")[2] for name in model.state_dict()}
    assert names <= {"weight", "bias"}


def test_a_compiled_model_is_one_graph_without_taps(model: Model) -> None:
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(batch()), model(batch()))
    assert tap_names(compiled) == tap_names(model)
    with observe(compiled) as seen:
        model(batch())
    assert set(seen) == set(tap_names(model))


def test_steps_are_seen_too(model: Model) -> None:
    tokens = batch().tokens
    assert tokens is not None
    with torch.no_grad():
        _, state = model.step(tokens[:, :5], model.start(2))
        with observe(model) as stepped:
            model.step(tokens[:, 5:], state)
        with observe(model) as whole:
            model(batch())
    torch.testing.assert_close(stepped["blocks.1.residual_after"], whole["blocks.1.residual_after"][:, 5:])
    torch.testing.assert_close(stepped["blocks.1.attention.pattern"], whole["blocks.1.attention.pattern"][:, :, 5:])


def test_a_changed_gate_of_a_recurrence_reaches_the_steps_after() -> None:
    model = build(RecurrentConfig(vocabulary_size=13, width=8, layers=2)).eval()
    with observe(model) as plain:
        model(batch())
    assert plain["layers.0.cells"].shape == (2, 6, 8)
    with observe(model, edits={"layers.0.forget_gate": torch.zeros_like}) as seen:
        model(batch())
    assert not seen["layers.0.forget_gate"].any()
    expected = plain["layers.0.input_gate"][:, 0] * plain["layers.0.candidate"][:, 0]
    torch.testing.assert_close(seen["layers.0.cells"][:, 0], expected)
    torch.testing.assert_close(seen["layers.0.cells"], seen["layers.0.input_gate"] * seen["layers.0.candidate"])
