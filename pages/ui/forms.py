"""A config class becomes widgets, from its field metadata: label, help, range, unit and allowed values.

Values live in the session under `form_key`, and last while the person looks at other pages. Nothing is checked here
beyond what a widget can hold: the config class does that.
"""

import types
from collections.abc import Collection, Iterable
from typing import Any, Literal, Union, get_args, get_origin

import streamlit as st
from pydantic.fields import FieldInfo

from llm_core.config import Config
from llm_core.errors import N_
from pages.ui.text import _

CHOICES = {
    "learned": N_("learned"), "sinusoidal": N_("sinusoidal"), "rotary": N_("rotary"), "none": N_("none"),
    "layer": N_("layer norm"), "rms": N_("RMS norm"), "before": N_("before each sublayer"), "after": N_("after each sublayer"),
    "relu": "ReLU", "gelu": "GELU", "gelu_tanh": N_("GELU (tanh form)"), "swiglu": "SwiGLU", "relu_squared": N_("squared ReLU"),
    "normal": N_("normal"), "zero_output": N_("sublayer outputs at zero"), "xavier": "Xavier",
    "character": N_("characters"), "word": N_("words"), "bpe": N_("byte-level BPE"), "wordpiece": "WordPiece",
    "nfc": "NFC", "nfkc": "NFKC", "document": N_("documents"), "paragraph": N_("paragraphs"), "line": N_("lines"),
    "windows": N_("windows of the text"), "documents": N_("whole documents"), "pairs": N_("sentence pairs"),
    "labelled": N_("texts with their class"), "tagged": N_("texts with their entities"), "questions": N_("questions with their text"),
    "classify": N_("classify a text"), "tag": N_("tag entities"), "answer": N_("answer questions"),
    "first": N_("the first token"), "mean": N_("the mean"), "mean_and_max": N_("mean and maximum"),
    "tokens": N_("single tokens"), "whole_words": N_("whole words"), "spans": N_("spans of words"),
    "adamw": "AdamW", "sgd": "SGD", "muon": "Muon",
    "constant": N_("constant"), "linear": N_("linear"), "cosine": N_("cosine"),
    "warmup_stable_decay": N_("warm up, hold, decay"),
    "sample": N_("by chance"), "greedy": N_("the likeliest token"), "beam": N_("a likely whole (beam)"),
    "deletion": N_("copies with words left out"), "swap": N_("copies with words swapped"),
    "synonyms": N_("copies with other words of the same meaning"),
    "truncate": N_("the beginning"), "window": N_("all, in windows"), "head_tail": N_("beginning and end"),
    "fp32": "fp32", "bf16": "bf16", "fp16": "fp16",
    "auto": N_("automatic"), "cpu": N_("processor"), "cuda": "CUDA", "mps": "Apple GPU",
}  # fmt: skip
"""What the values of choices are called on screen; those that are names stay as they are."""


def form_key(kind: type[Config], name: str) -> str:
    """Where the session keeps the value of a field."""
    return f"train_{kind.__name__}_{name}"


def fill(config: Config) -> None:
    """Set every field of the form to this config; for callbacks, before widgets are drawn. Settings within settings have
    fields of their own."""
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Config):
            fill(value)
        else:
            st.session_state[form_key(type(config), name)] = value


def read(config: Config) -> dict[str, Any]:
    """The values of the form, those of `config` where nobody has touched it."""
    kind = type(config)
    usual = {name: getattr(config, name) for name in kind.model_fields}
    return {
        name: read(value) if isinstance(value, Config) else st.session_state.get(form_key(kind, name), value)
        for name, value in usual.items()
    }


def fields(config: Config, names: Iterable[str]) -> None:
    """Draw these fields, one under the other. `config` holds the values that they start with."""
    for name in names:
        field(config, name)


def folded_names(kind: type[Config], shown: Collection[str]) -> list[str]:
    """The fields that are left to show: neither among `shown` nor with only one allowed value."""
    return [
        name for name, info in kind.model_fields.items()
        if name not in shown and not (get_origin(_plain(info)[0]) is Literal and len(get_args(_plain(info)[0])) == 1)
    ]  # fmt: skip


def field(config: Config, name: str) -> Any:
    """Draw one field and return its value."""
    kind = type(config)
    info = kind.model_fields[name]
    key = form_key(kind, name)
    if key not in st.session_state:
        st.session_state[key] = getattr(config, name)
    annotation, optional = _plain(info)
    common: dict[str, Any] = {"key": key, "help": _help(info), "persist_state": "session"}
    label = _label(info)
    if get_origin(annotation) is Literal:
        return st.selectbox(label, get_args(annotation), format_func=lambda value: _(CHOICES[value]), **common)
    if annotation is bool:
        if optional:
            words = {None: _("as Biases says"), True: _("yes"), False: _("no")}
            return st.selectbox(label, list(words), format_func=words.__getitem__, **common)
        return st.toggle(label, **common)
    if annotation in (int, float):
        low, high = (None if limit is None else annotation(limit) for limit in limits(info))
        if optional:
            common |= {"value": None, "placeholder": "–"}
        common |= {"format": "%d" if annotation is int else "%g"}
        return st.number_input(
            label, min_value=low, max_value=high, step=_stride(info, annotation, getattr(config, name)), **common
        )
    return st.text_input(label, max_chars=1000, **common)


def limits(info: FieldInfo) -> tuple[float | None, float | None]:
    """The lowest and highest value that a field takes; an open lower end is given as it stands."""
    low = high = None
    for rule in info.metadata:
        low = next((v for v in (getattr(rule, "ge", None), getattr(rule, "gt", None)) if v is not None), low)
        high = next((v for v in (getattr(rule, "le", None), getattr(rule, "lt", None)) if v is not None), high)
    return low, high


def _plain(info: FieldInfo) -> tuple[Any, bool]:
    """The type of a field without `None`, and whether None was allowed."""
    annotation = info.annotation
    if get_origin(annotation) in (Union, types.UnionType):
        (kind,) = [part for part in get_args(annotation) if part is not type(None)]
        return kind, True
    return annotation, False


def _label(info: FieldInfo) -> str:
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    label, unit = _(info.title or ""), _(str(extra.get("unit") or ""))
    return _("{label} ({unit})", label=label, unit=unit) if unit.lower() not in label.lower() else label


def _help(info: FieldInfo) -> str:
    low, high = limits(info)
    text = _(info.description or "")
    if low is None or high is None:
        return text
    return text + " " + _("From {low} to {high}.", low=f"{low:,g}", high=f"{high:,g}")


def _stride(info: FieldInfo, number: type, value: Any) -> Any:
    """What one press on + or − adds: a tenth of the value's size where the scale is logarithmic."""
    if number is float:
        size = abs(value) if isinstance(value, (int, float)) and value else 1.0
        return float(f"{size / 10:.0e}")
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    if not extra.get("logarithmic") or not isinstance(value, int):
        return 1
    return max(1, value // 4)
