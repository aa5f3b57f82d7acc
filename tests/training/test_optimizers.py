"""Every parameter has one optimizer; Muon is torch's Muon; state comes back by name."""

from typing import Literal

import pytest
import torch
from torch import nn

from llm_core.config import RecurrentConfig, TrainingConfig, TransformerConfig
from llm_core.models.build import build
from llm_core.training.muon import POLAR_EXPRESS, BatchedMuon, orthogonalise
from llm_core.training.optimizers import build_optimizers, named_state, restore_state, set_rate

Name = Literal["adamw", "sgd", "muon"]


class Small(nn.Module):
    """Embedding, two blocks of matrices and gains, and an output layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8)) for _ in range(2))
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 11, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens)
        for block in self.blocks:
            x = x + block(x)
        return self.head(self.norm(x))


def small(seed: int = 0) -> Small:
    torch.manual_seed(seed)
    return Small()


def update(model: nn.Module, optimizers: list[torch.optim.Optimizer], seed: int) -> None:
    tokens = torch.randint(11, (4, 6), generator=torch.Generator().manual_seed(seed))
    loss = nn.functional.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("name", ["adamw", "sgd", "muon"])
def test_every_parameter_is_held_once(name: Name) -> None:
    model = small()
    held = [
        parameter
        for optimizer in build_optimizers(model, TrainingConfig(optimizer=name))
        for group in optimizer.param_groups
        for parameter in group["params"]
    ]
    assert sorted(map(id, held)) == sorted(map(id, model.parameters()))


def test_muon_takes_the_inner_matrices_only() -> None:
    model = small()
    muon, adamw = build_optimizers(model, TrainingConfig(optimizer="muon"))
    assert isinstance(muon, BatchedMuon)
    inner = {id(p) for name, p in model.named_parameters() if name.startswith("blocks") and p.ndim == 2}
    assert {id(p) for group in muon.param_groups for p in group["params"]} == inner
    assert isinstance(adamw, torch.optim.AdamW)


@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_weight_decay_spares_gains_and_biases(name: Name) -> None:
    (optimizer,) = build_optimizers(small(), TrainingConfig(optimizer=name, weight_decay=0.1))
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            assert group["weight_decay"] == (0.1 if parameter.ndim == 2 else 0)


def test_batched_muon_equals_torchs_muon() -> None:
    shapes = [(24, 8), (8, 8), (32, 8), (8, 32)] * 3
    generator = torch.Generator().manual_seed(3)
    ours, theirs = (
        [nn.Parameter(torch.randn(shape, generator=generator.clone_state())) for shape in shapes] for _ in range(2)
    )
    settings = {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.1, "ns_steps": 5}
    theirs_alone = torch.optim.Muon(theirs, **settings)
    one = theirs_alone.param_groups[0]["ns_coefficients"]
    optimizers = BatchedMuon(ours, coefficients=[one], **settings), theirs_alone
    for _ in range(4):
        for mine, other in zip(ours, theirs, strict=True):
            mine.grad = torch.randn(mine.shape, generator=generator)
            other.grad = mine.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for mine, other in zip(ours, theirs, strict=True):
        # Both iterate in bf16 (8 bits), so the updates agree to about a hundredth of their size.
        torch.testing.assert_close(mine, other, rtol=0, atol=4 * 0.02 * 0.03)


def test_a_muon_update_is_nearly_orthogonal() -> None:
    parameter = nn.Parameter(torch.zeros(16, 64))
    parameter.grad = torch.randn(16, 64, generator=torch.Generator().manual_seed(0))
    BatchedMuon([parameter], lr=1.0, weight_decay=0.0).step()
    singular = torch.linalg.svdvals(parameter.detach())
    assert 0.85 < singular.min() < singular.max() < 1.15


@pytest.mark.parametrize("iterations", [3, 4, 5, 10])
def test_more_iterations_bring_small_singular_values_nearer_to_one(iterations: int) -> None:
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.linalg.qr(torch.randn(48, 48, generator=generator))[0] for _ in range(2))
    values = torch.logspace(-2, 0, 48)
    x = ((left * values) @ right)[None]
    found = torch.linalg.svdvals(orthogonalise(x, POLAR_EXPRESS, iterations, 1e-7)[0])
    lowest = {3: 0.12, 4: 0.4, 5: 0.85, 10: 0.99}[iterations]
    assert lowest < found.min() < found.max() < (1.01 if iterations == 10 else 2.0)


def test_stacked_matrices_are_made_orthogonal_one_by_one() -> None:
    parameter = nn.Parameter(torch.zeros(24, 8))
    parameter.grad = torch.randn(24, 8, generator=torch.Generator().manual_seed(0))
    BatchedMuon([parameter], parts={parameter: [8, 8, 8]}, lr=1.0, weight_decay=0.0).step()
    for part in parameter.detach().split(8):
        singular = torch.linalg.svdvals(part)
        assert 0.8 < singular.min() < singular.max() < 1.2


@pytest.mark.parametrize(
    ("config", "rows"),
    [
        (TransformerConfig(vocabulary_size=11, width=16, heads=4, key_value_heads=2, layers=1), [16, 8, 8]),
        (RecurrentConfig(vocabulary_size=11, width=16, layers=1), [16, 16, 16, 16]),
    ],
)
def test_every_stacked_matrix_of_a_model_is_known(config: TransformerConfig | RecurrentConfig, rows: list[int]) -> None:
    muon = build_optimizers(build(config, 0), TrainingConfig(optimizer="muon"))[0]
    assert isinstance(muon, BatchedMuon)
    assert rows in list(muon._parts.values())
    for group in muon.param_groups:
        for parameter in group["params"]:
            assert sum(muon._parts.get(parameter, [len(parameter)])) == len(parameter)


def test_a_rate_is_a_share_of_the_highest() -> None:
    optimizers = build_optimizers(small(), TrainingConfig(learning_rate=0.01, muon_learning_rate=0.04))
    set_rate(optimizers, 0.5)
    set_rate(optimizers, 0.25)
    assert sorted({group["lr"] for o in optimizers for group in o.param_groups}) == [0.0025, 0.01]


@pytest.mark.parametrize("name", ["adamw", "sgd", "muon"])
def test_state_saved_by_name_goes_on_bit_for_bit(name: Name) -> None:
    config = TrainingConfig(optimizer=name, weight_decay=0.01)
    model = small()
    optimizers = build_optimizers(model, config)
    for seed in range(3):
        update(model, optimizers, seed)
    copy = small(1)
    copy.load_state_dict(model.state_dict())
    others = build_optimizers(copy, config)
    saved = {key: value.clone() for key, value in named_state(model, optimizers).items()}
    restore_state(copy, others, saved)
    for seed in range(3, 6):
        update(model, optimizers, seed)
        update(copy, others, seed)
    for mine, other in zip(model.parameters(), copy.parameters(), strict=True):
        assert torch.equal(mine, other)


def test_state_that_fits_no_parameter_is_refused() -> None:
    model = small()
    optimizers = build_optimizers(model, TrainingConfig())
    with pytest.raises(ValueError, match="no parameter"):
        restore_state(model, optimizers, {"elsewhere/momentum_buffer": torch.zeros(2, 2)})
    with pytest.raises(ValueError, match="shape"):
        restore_state(model, optimizers, {"head.weight/exp_avg": torch.zeros(2, 2)})
