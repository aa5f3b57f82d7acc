"""Optimizers by name, over a model's parameters by name, and their state as plain named tensors.

Knows torch's optimizers; knows no schedule, which writes `lr` into the groups from outside (`base_lr` times a factor).
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from llm_core.config import TrainingConfig

_BETAS = (0.9, 0.95)  # nanoGPT's and most small models' choice: a short memory for squares, since runs are short


def build_optimizers(model: nn.Module, config: TrainingConfig) -> list[Optimizer]:
    """The optimizers of a run; together they hold every trainable parameter once.

    AdamW and SGD decay matrices only, not biases, gains and vectors. Muon takes the matrices between embedding and
    output (Jordan et al. 2024), AdamW the rest.
    """
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    match config.optimizer:
        case "adamw":
            return [_adamw(list(named.values()), config)]
        case "sgd":
            groups = _decayed(list(named.values()), config.weight_decay)
            return [_remember_rates(SGD(groups, lr=config.learning_rate, momentum=config.momentum))]
        case "muon":
            outer = _embeddings_and_head(model)
            matrices = [p for p in named.values() if p.ndim == 2 and id(p) not in outer]
            rest = [p for p in named.values() if p.ndim != 2 or id(p) in outer]
            optimizers = [_adamw(rest, config)] if rest else []
            if matrices:
                muon = BatchedMuon(
                    matrices, lr=config.muon_learning_rate, momentum=config.momentum,
                    weight_decay=config.weight_decay, ns_steps=config.muon_iterations,
                )  # fmt: skip
                optimizers.insert(0, _remember_rates(muon))
            return optimizers


def set_rate(optimizers: list[Optimizer], factor: float) -> None:
    """Scale every group's learning rate from its highest."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor


class BatchedMuon(torch.optim.Muon):
    """`torch.optim.Muon` with the Newton-Schulz iterations of equal shapes in one batch.

    The same update (a test holds the two together), at less than half its time on small models, where sixteen small
    matrix products in a row leave a processor idle.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One update of every matrix that has a gradient."""
        loss = torch.enable_grad()(closure)() if closure is not None else None
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            gradients = [p.grad for p in parameters]
            for parameter in parameters:
                if "momentum_buffer" not in self.state[parameter]:
                    self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
            momenta = [self.state[p]["momentum_buffer"] for p in parameters]
            torch._foreach_lerp_(momenta, gradients, 1 - group["momentum"])
            updates = torch._foreach_lerp(gradients, momenta, group["momentum"]) if group["nesterov"] else momenta
            self._apply(group, parameters, list(updates))
        return loss

    def _apply(self, group: dict[str, Any], parameters: list[Tensor], updates: list[Tensor]) -> None:
        by_shape: dict[tuple[int, int], list[int]] = {}
        for index, parameter in enumerate(parameters):
            rows, columns = parameter.shape
            by_shape.setdefault((min(rows, columns), max(rows, columns)), []).append(index)
        for indices in by_shape.values():
            wide = torch.stack([_flipped(updates[i]) for i in indices]).bfloat16()
            wide = _orthogonalise(wide, group["ns_coefficients"], group["ns_steps"], group["eps"])
            for index, update in zip(indices, wide.to(updates[0].dtype), strict=True):
                parameter = parameters[index]
                rows, columns = parameter.shape
                rate = group["lr"] * max(1, rows / columns) ** 0.5
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                parameter.add_(update if rows <= columns else update.T, alpha=-rate)


def _flipped(matrix: Tensor) -> Tensor:
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T


def _orthogonalise(x: Tensor, coefficients: tuple[float, float, float], iterations: int, epsilon: float) -> Tensor:
    """The nearest orthogonal matrices to x (N, rows, columns), rows <= columns, by quintic Newton-Schulz iterations.

    The singular values come out between about 0.7 and 1.2, not at 1, which does no harm (Jordan et al. 2024).
    """
    a, b, c = coefficients
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=epsilon)
    for _ in range(iterations):
        gram = x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x


def named_state(model: nn.Module, optimizers: list[Optimizer]) -> dict[str, Tensor]:
    """Every tensor of the optimizers' state as `<parameter's name>/<what>`; shares memory with the optimizers."""
    return {
        f"{name}/{key}": value
        for name, optimizer, parameter in _owners(model, optimizers)
        for key, value in optimizer.state[parameter].items()
        if isinstance(value, Tensor)
    }


def restore_state(model: nn.Module, optimizers: list[Optimizer], tensors: dict[str, Tensor]) -> None:
    """Put back what `named_state` gave. Raises ValueError where a tensor fits no parameter."""
    owners = {name: (optimizer, parameter) for name, optimizer, parameter in _owners(model, optimizers)}
    for full_name, value in tensors.items():
        name, _, key = full_name.rpartition("/")
        if name not in owners:
            raise ValueError(f"optimizer state for {name}, which is no parameter")
        optimizer, parameter = owners[name]
        if value.ndim and value.shape != parameter.shape:
            raise ValueError(f"optimizer state {full_name} has shape {tuple(value.shape)}")
        # Into memory that torch has aligned itself: the bits of some kernels depend on alignment.
        device = parameter.device if value.ndim or _fused(optimizer) else torch.device("cpu")
        optimizer.state[parameter][key] = torch.empty_like(value, device=device).copy_(value)


def _owners(model: nn.Module, optimizers: list[Optimizer]) -> Iterator[tuple[str, Optimizer, nn.Parameter]]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                yield names[id(parameter)], optimizer, parameter


def _adamw(parameters: list[nn.Parameter], config: TrainingConfig) -> Optimizer:
    groups = _decayed(parameters, config.weight_decay)
    return _remember_rates(AdamW(groups, lr=config.learning_rate, betas=_BETAS, fused=True))


def _decayed(parameters: list[nn.Parameter], decay: float) -> list[dict[str, Any]]:
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _remember_rates(optimizer: Optimizer) -> Optimizer:
    for group in optimizer.param_groups:
        group["base_lr"] = group["lr"]
    return optimizer


def _embeddings_and_head(model: nn.Module) -> set[int]:
    embeddings = {id(p) for module in model.modules() if isinstance(module, nn.Embedding) for p in module.parameters()}
    return embeddings | {id(p) for name, p in model.named_parameters() if "head" in name.split(".")[0]}


def _fused(optimizer: Optimizer) -> bool:
    return bool(optimizer.defaults.get("fused"))
