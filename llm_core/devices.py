"""Where a model computes and how exactly: device, precision, threads.

torch is imported when first needed, so that the server can count cores without it.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Literal

import psutil

from llm_core.errors import UserError

if TYPE_CHECKING:
    import torch

DeviceName = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["fp32", "bf16", "fp16"]
PrecisionName = Literal["auto", "fp32", "bf16", "fp16"]

KERNEL_CACHES = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64", "LRU_CACHE_CAPACITY": "64"}
"""Environment of processes that train: how many kernels, compiled for a shape each, they keep. Torch's own 1,024 make a
training whose batches all differ in shape half a megabyte larger at every step."""


def choose_device(name: DeviceName) -> "torch.device":
    """The device of that name; `auto` takes CUDA, then MPS, then the CPU. Raises UserError where it is not there."""
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    if (name == "cuda" and not cuda) or (name == "mps" and not mps):
        raise UserError("This machine has no {device} device; choose auto or cpu.", device=name)
    return torch.device(name)


def choose_precision(name: PrecisionName, device: "torch.device") -> Precision:
    """The precision of that name; `auto` takes bf16 where the device computes in it natively, fp32 elsewhere."""
    if name != "auto":
        return name
    import torch

    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)
    else:
        # Where a processor has no bf16 instructions, torch imitates them, several times slower than fp32.
        native = device.type == "cpu" and bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
    return "bf16" if native else "fp32"


def autocast(device: "torch.device", precision: Precision) -> AbstractContextManager[object]:
    """The context a forward pass runs in. fp32 is plain; fp16 needs a gradient scaler as well."""
    if precision == "fp32":
        return nullcontext()
    import torch

    dtype = torch.bfloat16 if precision == "bf16" else torch.float16
    return torch.autocast(device.type, dtype=dtype)


def physical_cores() -> int:
    """Physical cores of this machine that this process may use; hyper-threads do not count."""
    usable = len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else psutil.cpu_count()
    return max(1, min(psutil.cpu_count(logical=False) or 1, usable or 1))


def use_threads(count: int) -> None:
    """Let this process compute with so many threads from now on: torch, and the libraries under scikit-learn."""
    import sklearn.linear_model  # noqa: F401 - only libraries that are loaded can be told
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(count)
    threadpool_limits(count)


def describe(device: "torch.device") -> str:
    """The device in words, for records and cards."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
