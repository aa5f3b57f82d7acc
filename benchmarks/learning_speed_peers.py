"""The peers of `learning_speed`: nanoGPT itself, run as its README says, or the same recipe on transformers' GPT-2."""

import importlib.util
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from llm_core.data.batches import windows

CONTEXT, BATCH, LAYERS, HEADS, WIDTH = 64, 12, 4, 4, 128
RATE, LOWEST_RATE, WARMUP = 1e-3, 1e-4, 100
# The README's line for a computer without a GPU; validation only at the start and at the end, where it saves.
FLAGS = [
    "--device=cpu", "--compile=False", "--log_interval=1", f"--block_size={CONTEXT}", f"--batch_size={BATCH}",
    f"--n_layer={LAYERS}", f"--n_head={HEADS}", f"--n_embd={WIDTH}", "--dropout=0.0", "--eval_iters=1",
    "--always_save_checkpoint=True",
]  # fmt: skip
_LINE = re.compile(r"^iter (\d+): loss [\d.naif]+, time ([\d.]+)ms", re.MULTILINE)


@dataclass(frozen=True)
class Peer:
    name: str
    loss: float
    seconds: float
    parameters: int
    dtype: str
    counts: bool


def run_nanogpt(checkout: Path, folder: Path, text: str, threads: int, steps: int) -> Peer:
    """Train in a copy of the checkout in its own process; the sum of the times it prints for its first `steps` steps.

    Its first iteration holds an evaluation, so the median stands for it; its last one too, and comes after the model
    that is scored was saved.
    """
    copy = folder / "nanogpt"
    shutil.copytree(checkout, copy, ignore=shutil.ignore_patterns(".git", "out*"))
    data = copy / "data" / "shakespeare_char"
    (data / "input.txt").write_text(text, encoding="utf-8")
    environment = os.environ | {
        "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore",
    }  # fmt: skip
    _run([sys.executable, "prepare.py"], data, environment)
    changes = [f"--max_iters={steps}", f"--lr_decay_iters={steps}", f"--eval_interval={steps}"]
    output = _run([sys.executable, "train.py", "config/train_shakespeare_char.py", *FLAGS, *changes], copy, environment)
    times = {int(number): float(milliseconds) for number, milliseconds in _LINE.findall(output)}
    assert set(times) >= set(range(steps)), "nanoGPT printed a line for each step"
    later = [times[number] for number in range(1, steps)]
    # train.py's own file holds plain tensors, numbers and names: it loads without running code.
    saved = torch.load(copy / "out-shakespeare-char" / "ckpt.pt", map_location="cpu", weights_only=True)
    assert saved["iter_num"] == steps
    module = _import(copy / "model.py")
    model = module.GPT(module.GPTConfig(**saved["model_args"]))
    model.load_state_dict(saved["model"])
    held_out = np.fromfile(data / "val.bin", dtype=np.uint16)
    loss = validation_loss(lambda inputs, targets: model.eval()(inputs, targets)[0], held_out)
    seconds = (sum(later) + statistics.median(later)) / 1000
    return Peer("nanoGPT", loss, seconds, _count(model), "fp32", counts=True)


def run_transformers(text: str, threads: int, steps: int) -> Peer:
    """nanoGPT's recipe on the GPT-2 of `transformers`: same size, batches, AdamW and cosine; initialised its own way."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.set_num_threads(threads)
    torch.manual_seed(1337)
    number = {character: index for index, character in enumerate(sorted(set(text)))}
    ids = np.array([number[character] for character in text], dtype=np.uint16)
    training, held_out = np.split(ids, [int(len(ids) * 0.9)])
    config = GPT2Config(
        vocab_size=len(number), n_positions=CONTEXT, n_embd=WIDTH, n_layer=LAYERS, n_head=HEADS, resid_pdrop=0.0,
        embd_pdrop=0.0, attn_pdrop=0.0, bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    model = GPT2LMHeadModel(config).train()
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.99), fused=True)
    stream, seconds = torch.from_numpy(training.astype(np.int64)), 0.0
    for step in range(steps):
        begin = time.perf_counter()
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, steps)
        starts = torch.randint(len(stream) - CONTEXT, (BATCH,))
        window = stream[starts[:, None] + torch.arange(CONTEXT + 1)]
        logits = model(window[:, :-1]).logits
        F.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten()).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        seconds += time.perf_counter() - begin
    loss = validation_loss(lambda inputs, targets: model.eval()(inputs).logits, held_out)
    return Peer("transformers GPT-2 with nanoGPT's recipe", loss, seconds, _count(model), "fp32", counts=False)


def validation_loss(logits: Callable[[Tensor, Tensor], Tensor], held_out: np.ndarray) -> float:
    """Mean nats over all positions of the windows that ours is scored on."""
    nats, count = 0.0, 0
    with torch.no_grad():
        for inputs, targets in windows(held_out, CONTEXT, 64, None):
            scores = logits(inputs, targets)
            nats += float(F.cross_entropy(scores.flatten(0, 1).double(), targets.flatten(), reduction="sum"))
            count += targets.numel()
    return nats / count


def _rate(step: int, steps: int) -> float:
    if step < WARMUP:
        return RATE * (step + 1) / (WARMUP + 1)
    done = (step - WARMUP) / max(1, steps - WARMUP)
    return LOWEST_RATE + 0.5 * (1 + math.cos(math.pi * done)) * (RATE - LOWEST_RATE)


def _count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def _import(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("nanogpt_model", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["nanogpt_model"] = module
    spec.loader.exec_module(module)
    return module
