"""Optimizers by name, over a model's parameters by name, and their state as plain named tensors.

Knows torch's optimizers; knows no schedule, which writes `lr` into the groups from outside (`base_lr` times a factor).
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from llm_core.config import TrainingConfig
from llm_core.models.attention import CrossAttention, SelfAttention
from llm_core.training.muon import BatchedMuon

_BETAS = (0.9, 0.95)  # nanoGPT's and most small models' choice: a short memory for squares, since runs are short


def build_optimizers(model: nn.Module, config: TrainingConfig) -> list[Optimizer]:
    """The optimizers of a run; together they hold every trainable parameter once.

    AdamW and SGD decay matrices only, not biases, gains and vectors. Muon takes the matrices between embedding and
    output (Jordan et al. 2024), AdamW the rest.
    """
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if not named:
        return []  # an n-gram counts
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
                    matrices, parts=_stacked(model), lr=config.muon_learning_rate, momentum=config.momentum,
                    weight_decay=config.weight_decay, ns_steps=config.muon_iterations,
                )  # fmt: skip
                optimizers.insert(0, _remember_rates(muon))
            return optimizers


def set_rate(optimizers: list[Optimizer], factor: float) -> None:
    """Scale every group's learning rate from its highest."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * factor


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


def _stacked(model: nn.Module) -> dict[Tensor, list[int]]:
    """The matrices that are several on top of each other, and how many rows each of those has."""
    parts: dict[Tensor, list[int]] = {}
    for module in model.modules():
        match module:
            case SelfAttention():
                parts[module.query_key_value.weight] = [n * module.size for n in (module.heads, module.groups, module.groups)]  # fmt: skip
            case CrossAttention():
                parts[module.key_value.weight] = [module.groups * module.size] * 2
            case nn.LSTM():
                for matrix in (parameter for parameter in module.parameters() if parameter.ndim == 2):
                    parts[matrix] = [module.hidden_size] * 4
    return parts


def _fused(optimizer: Optimizer) -> bool:
    return bool(optimizer.defaults.get("fused"))
