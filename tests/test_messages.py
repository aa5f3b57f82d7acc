"""Every word that a person can meet stands in every catalogue, and every word on a page goes through one."""

import ast
from pathlib import Path

import pytest

from tests.messages import ROOT, SOURCES, TRANSLATED, error_types, extracted, load, places, translations


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_message_is_translated(code: str) -> None:
    have = translations(code)
    missing = [message for message in extracted() if not have.get(message)]
    assert not missing, f"{len(missing)} messages lack a translation into {code}; run: make messages"


@pytest.mark.parametrize("code", TRANSLATED)
def test_no_catalogue_keeps_what_nothing_says(code: str) -> None:
    stale = sorted(translations(code).keys() - extracted().keys())
    assert not stale, "run: make messages"
    assert not any(message.fuzzy for message in load(code) if message.id)


@pytest.mark.parametrize("code", TRANSLATED)
def test_translations_fill_the_same_places(code: str) -> None:
    wrong = [
        (message, translation)
        for message, translation in translations(code).items()
        if translation and places(message) != places(translation)
    ]
    assert not wrong


def test_messages_are_constant_templates() -> None:
    """An f-string, or any other computed text, would be missing from the catalogues without anybody noticing."""
    markers = {"_", "N_", *error_types()}
    computed = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            marks = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in markers
            # A name or a lookup is fine: it holds a template that N_ has marked where it stands.
            if marks and node.args and isinstance(node.args[0], ast.JoinedStr | ast.BinOp):
                computed.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not computed


NAME = "Terrarium"
# Calls of Streamlit whose first argument is read by a person.
SPOKEN = {
    "button", "caption", "checkbox", "code_label", "download_button", "error", "expander", "file_uploader",
    "form_submit_button", "header", "info", "link_button", "markdown", "metric", "multiselect", "number_input",
    "page_link", "pills", "popover", "radio", "segmented_control", "select_slider", "selectbox", "slider", "spinner",
    "status", "subheader", "success", "tabs", "text", "text_area", "text_input", "title", "toast", "toggle", "warning",
    "write",
}  # fmt: skip


@pytest.mark.parametrize("path", sorted((ROOT / "pages").rglob("*.py")), ids=lambda path: path.stem)
def test_no_page_speaks_past_the_catalogues(path: Path) -> None:
    plain = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SPOKEN):
            continue
        words = node.args[:1] if node.func.attr != "page_link" else []
        words += [keyword.value for keyword in node.keywords if keyword.arg in ("label", "help", "placeholder")]
        for word in words:
            if (
                isinstance(word, ast.Constant)
                and isinstance(word.value, str)
                and word.value != NAME
                and any(map(str.isalpha, word.value))
            ):
                plain.append(f"line {node.lineno}: {word.value!r}")
    assert not plain
