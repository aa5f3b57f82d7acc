"""Commands that ask a language model something, or carry it in and out: `generate`, `fill`, `evaluate`, `export`, `import`."""

import argparse
import codecs
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llm_core.config import DataConfig, DecodingConfig, parse
from llm_core.errors import UserError
from llm_core.runs.store import Store

Values = dict[str, Any]


def generate(arguments: argparse.Namespace) -> Values:
    """Write after a prompt, or translate it; the text appears as it is written."""
    import torch

    from llm_core.devices import choose_device, physical_cores
    from llm_core.inference.generate import generate as write
    from llm_core.inference.translate import translate, translates

    given = {name: getattr(arguments, name) for name in ("tokens", "temperature", "top_k", "top_p", "seed")}
    chosen: Values = {name: value for name, value in given.items() if value is not None} | {"alternatives": 0}
    if chosen.get("temperature") == 0:
        chosen |= {"temperature": 1.0, "method": "greedy"}
    decoding = parse(DecodingConfig, chosen)
    store = Store(arguments.runs)
    torch.set_num_threads(physical_cores())
    model, tokenizer = store.model(store.find(arguments.run, paths=True), arguments.step)
    model = model.to(choose_device("auto"))
    show: Callable[[str], None] = (lambda text: None) if arguments.json else _print_now
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text, count, started = "", 0, time.perf_counter()
    if not model.causal:
        raise UserError("This model does not write from left to right: it is an encoder, which reads a whole text at once.")  # fmt: skip
    if translates(model):
        written = translate(model, tokenizer, [arguments.prompt], decoding)
    else:
        prompt = [*tokenizer.begin, *tokenizer.encode(arguments.prompt)]
        written = write(model, [prompt], decoding, stop=tokenizer.end_of_text)
        show(arguments.prompt)
    for tokens in written:
        if tokens[0].id != tokenizer.end_of_text:
            count += 1
            piece = decoder.decode(tokenizer.token_bytes[tokens[0].id])
            text += piece
            show(piece)
    piece = decoder.decode(b"", final=True)
    show(piece + "\n")
    return {"text": text + piece, "tokens": count, "seconds": time.perf_counter() - started}


def fill(arguments: argparse.Namespace) -> Values:
    """Fill in what [MASK] hides in a text: the likeliest tokens behind each mask, all masks hidden at once. Control tokens
    are left out; the probabilities are the model's own, among all tokens."""
    import torch

    from llm_core.devices import choose_device, physical_cores
    from llm_core.inference.fill_mask import predict

    if arguments.top < 1:
        raise UserError("{field} must be at least {limit}; it is {value}.", field="--top", limit=1, value=arguments.top)
    store = Store(arguments.runs)
    torch.set_num_threads(physical_cores())
    model, tokenizer = store.model(store.find(arguments.run, paths=True))
    found = predict(model.to(choose_device("auto")), tokenizer, arguments.text, top=arguments.top)
    rows = [list(zip(pieces, shares.tolist(), strict=True)) for pieces, shares in zip(found.pieces, found.probabilities, strict=True)]  # fmt: skip
    if not arguments.json:
        for number, row in enumerate(rows, 1):
            print(f"mask {number}: {', '.join(f'{token!r} {share:.4f}' for token, share in row)}")
    return {"predictions": [[{"token": token, "probability": share} for token, share in row] for row in rows]}


def evaluate(arguments: argparse.Namespace) -> Values:
    """Score a model on the held-out part of its own text, or on another one; with all that is known where the text knows its truth."""
    import torch

    from llm_core.devices import choose_device, physical_cores
    from llm_core.runs import truth
    from llm_core.runs.held_out import held_out, other_text, same_text
    from llm_core.training.objectives import OBJECTIVES

    store = Store(arguments.runs)
    run = store.find(arguments.run, paths=True)
    torch.set_num_threads(physical_cores())
    model, tokenizer = store.model(run)
    model, config = model.to(choose_device("auto")), run.config
    if same_text(run, arguments.corpus):
        corpus = held_out(run, tokenizer)
    else:
        corpus = other_text(run, tokenizer, arguments.corpus)
        other = {"corpus": arguments.corpus, "documents": None, "held_out": DataConfig().held_out}
        config = config.model_copy(update={"data": config.data.model_copy(update=other)})
    found = OBJECTIVES[config.training.objective].score(model, corpus, config, None)
    return {
        "validation_loss": found.loss,
        "perplexity": found.perplexity,
        "bits_per_character": found.bits_per_character,
        "tokens": found.tokens,
        **found.measures,
        **truth.known_truth(config, model, corpus, found.loss, written=truth.WRITTEN),
    }


def export(arguments: argparse.Namespace) -> Values:
    """Write a model as a Hugging Face folder: settings, safetensors and tokenizer."""
    from llm_core import hub
    from llm_core.data.foreign_files import write_tokenizer

    folder: Path = arguments.folder
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError("{folder} is there already; name a new or an empty folder.", folder=str(folder))
    store = Store(arguments.runs)
    model, tokenizer = store.model(store.find(arguments.run, paths=True))
    model_type = hub.write_folder(model, folder)
    write_tokenizer(tokenizer, folder)
    return {"folder": str(folder.absolute()), "model_type": model_type}


def bring_in(arguments: argparse.Namespace) -> Values:
    """Bring in a local Hugging Face folder (GPT-2, BERT, Llama, Qwen) as a run."""
    from llm_core.models.size import count_parameters
    from llm_core.runs.importing import import_folder

    run = import_folder(Store(arguments.runs), arguments.folder, name=arguments.name or "")
    return {"run": str(run.folder), "name": run.name, "parameters": count_parameters(run.model_config)}


def _print_now(text: str) -> None:
    print(text, end="", flush=True)
