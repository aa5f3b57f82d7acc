"""The tokenizer of a Hugging Face folder, out and in: which files it may stand in, and what its control tokens are for."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llm_core.data.foreign_parts import Parts, parts_of
from llm_core.data.foreign_tokenizers import ForeignTokenizer, Roles
from llm_core.data.tokenizers import LARGEST_FILE, Tokenizer
from llm_core.data.vocabulary import END_OF_TEXT
from llm_core.errors import UserError

FILES = (
    "tokenizer.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json",
)  # fmt: skip
"""All files that are read for a tokenizer."""

_LARGEST_SETTINGS = 1_000_000
_BERT_SIGNS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_GPT2_WORDS = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def read_tokenizer(folder: Path, rows: int, *, encoder: bool, config: Mapping[str, Any]) -> Tokenizer:
    """The tokenizer of a folder, for a model with so many rows in its embedding.

    encoder: whether it reads a whole text, which stands between control tokens. config: the model's `config.json`,
    whose numbers of control tokens hold where no file names them. Raises UserError on whatever does not fit.
    """
    settings = _settings(folder / "tokenizer_config.json")
    names = _settings(folder / "special_tokens_map.json") | settings
    content = _content(folder, settings)
    if (own := _ours(content, rows)) is not None:
        return own
    parts = parts_of(content)
    return ForeignTokenizer(parts, _roles(parts, content, names, config, rows, encoder))


def write_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write a tokenizer so that this program and Hugging Face's libraries read it."""
    content = tokenizer.hugging_face() if isinstance(tokenizer, ForeignTokenizer) else json.loads(tokenizer.to_json())
    encoder = tokenizer.mask is not None or bool(tokenizer.end)
    roles = {
        "cls_token" if encoder else "bos_token": next(iter(tokenizer.begin), None),
        "sep_token" if encoder else "eos_token": tokenizer.end_of_text,
        "mask_token": tokenizer.mask,
    }
    signs = {role: tokenizer.pieces[token] for role, token in roles.items() if token is not None}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False, **signs}
    for name, values in (("tokenizer.json", content), ("tokenizer_config.json", settings)):
        (folder / name).write_text(json.dumps(values, ensure_ascii=False, indent=1), encoding="utf-8")


def _content(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What a `tokenizer.json` would hold, from whichever files there are."""
    if (folder / "tokenizer.json").is_file():
        return _object(folder / "tokenizer.json", LARGEST_FILE)
    if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        return _from_merges(folder)
    if (folder / "vocab.txt").is_file():
        return _from_list(folder, settings)
    raise UserError("The folder holds no tokenizer: tokenizer.json is missing, or vocab.json with merges.txt (GPT-2), or vocab.txt (BERT).")  # fmt: skip


def _from_merges(folder: Path) -> dict[str, Any]:
    """GPT-2's first form: a vocabulary, and a merge a line."""
    vocabulary = _object(folder / "vocab.json", LARGEST_FILE)
    lines = _text(folder / "merges.txt", LARGEST_FILE).split("\n")
    merges = [line for line in lines[lines[0].startswith("#version") :] if line.strip()]
    return {
        "model": {"type": "BPE", "vocab": vocabulary, "merges": merges},
        "added_tokens": _added([END_OF_TEXT], vocabulary),
        "pre_tokenizer": _GPT2_WORDS,
    }


def _from_list(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """BERT's first form: a token a line, numbered from 0; how text is changed stands in `tokenizer_config.json`."""
    lines = _text(folder / "vocab.txt", LARGEST_FILE).removesuffix("\n").split("\n")
    vocabulary = {line: number for number, line in enumerate(lines)}
    lower = settings.get("do_lower_case", True)
    return {
        "model": {"type": "WordPiece", "vocab": vocabulary, "unk_token": "[UNK]"},
        "added_tokens": _added(_BERT_SIGNS, vocabulary),
        "normalizer": {
            "type": "BertNormalizer", "lowercase": lower, "strip_accents": settings.get("strip_accents"),
            "handle_chinese_chars": settings.get("tokenize_chinese_chars", True),
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
    }  # fmt: skip


def _added(signs: tuple[str, ...] | list[str], vocabulary: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"id": vocabulary[sign], "content": sign, "special": True} for sign in signs if sign in vocabulary]


def _ours(content: Mapping[str, Any], rows: int) -> Tokenizer | None:
    """The tokenizer that this program wrote, where it is one."""
    model = content.get("model")
    names = model.get("vocab") if isinstance(model, dict) else None
    if content.get("added_tokens") or not isinstance(names, dict) or names.get(END_OF_TEXT) != 0:
        return None
    try:
        own = Tokenizer.from_json(json.dumps(content))
    except UserError:
        return None
    if own.vocabulary_size != rows:
        raise UserError(
            "The tokenizer has {tokens:,} tokens, but the model has {rows:,} rows in its embedding: they do not belong together.",
            tokens=own.vocabulary_size, rows=rows,
        )  # fmt: skip
    return own


def _roles(
    parts: Parts,
    content: Mapping[str, Any],
    names: Mapping[str, Any],
    config: Mapping[str, Any],
    rows: int,
    encoder: bool,
) -> Roles:
    """What the control tokens are for: as the folder says, else as GPT-2 and BERT call them."""
    numbers = {name: number for number, name in parts.names.items()}

    def named(role: str, usual: str = "") -> int | None:
        given = names.get(f"{role}_token")
        name = given.get("content") if isinstance(given, dict) else given
        found = numbers.get(name) if isinstance(name, str) else None
        if found is None:
            found = numbers.get(usual)
        if found is None:
            number = config.get(f"{role}_token_id")
            number = number[0] if isinstance(number, list) and number else number
            found = number if type(number) is int and number in parts.names else None
        return found

    before, after, around = _around(content.get("post_processor"), numbers)
    first, last = named("cls", "[CLS]"), named("sep", "[SEP]")
    stop = named("eos", END_OF_TEXT)
    if not around:
        # A text begins after a separator: a beginning sign where there is one, else what stands between documents.
        start = first if encoder else named("bos", END_OF_TEXT)
        start = stop if start is None else start
        before = [start] if start is not None else []
        after = [last] if encoder and last is not None else []
    elif not before and not encoder and stop is not None:
        before = [stop]
    likely = (*reversed(after), last, stop) if encoder else (stop, last, *after)
    ending = next((one for one in (*likely, *before) if one is not None), None)
    if ending is None:
        raise UserError("The tokenizer names no token that begins or ends a text: no bos_token, eos_token, cls_token or sep_token.")  # fmt: skip
    return Roles(
        rows=rows,
        around=around,
        begin=before,
        end=after,
        end_of_text=ending,
        separators=sorted({*before, *after, ending, *(one for one in (first, last) if one is not None)}),
        mask=named("mask", "[MASK]") if encoder else None,
    )


def _around(processor: Any, numbers: Mapping[str, int]) -> tuple[list[int], list[int], bool]:
    """The ids that a post-processor puts before and after a text, and whether it puts any. Raises UserError."""
    kind = processor.get("type") if isinstance(processor, dict) else None
    if processor is None or kind == "ByteLevel":
        return [], [], False
    try:
        if kind == "Sequence":
            each = [_around(one, numbers) for one in processor["processors"]]
            before = [number for one, _, _ in each for number in one]
            after = [number for _, one, _ in each for number in one]
            return before, after, any(around for _, _, around in each)
        if kind in ("BertProcessing", "RobertaProcessing"):
            return [numbers[processor["cls"][0]]], [numbers[processor["sep"][0]]], True
        if kind == "TemplateProcessing":
            steps = processor["single"]
            text = next(place for place, step in enumerate(steps) if "Sequence" in step)
            ids = [[numbers[step["SpecialToken"]["id"]] for step in part] for part in (steps[:text], steps[text + 1 :])]
            return ids[0], ids[1], bool(ids[0] or ids[1])
    except (KeyError, TypeError, AttributeError, IndexError, StopIteration, RecursionError):
        pass
    raise UserError("tokenizer.json has a post_processor that this program does not read; it reads those of GPT-2, BERT, Llama and Qwen.")  # fmt: skip


def _settings(path: Path) -> dict[str, Any]:
    return _object(path, _LARGEST_SETTINGS) if path.is_file() else {}


def _object(path: Path, largest: int) -> dict[str, Any]:
    try:
        values = json.loads(_text(path, largest))
    except (ValueError, RecursionError):
        raise UserError("{file} is not valid JSON.", file=path.name) from None
    if not isinstance(values, dict):
        raise UserError("{file} is not a JSON object.", file=path.name)
    return values


def _text(path: Path, largest: int) -> str:
    try:
        if path.stat().st_size > largest:
            raise UserError("{file} is larger than {limit} bytes.", file=path.name, limit=largest)
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("{file} cannot be read: {reason}.", file=path.name, reason=str(error)[:200].rstrip(".")) from None  # fmt: skip
