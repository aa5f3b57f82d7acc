"""Which words a person can meet, read from the source; and the catalogues that translate them.

`python -m tests.messages --update` rewrites every catalogue: new messages come in empty, translations are kept,
messages that nothing says any more go. Without `--update` it lists what is missing.
"""

import argparse
import ast
import io
import tomllib
from functools import cache
from pathlib import Path
from string import Formatter

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from pages.ui.text import LANGUAGES, LOCALE

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(path for pattern in ("app.py", "llm_core/**/*.py", "pages/**/*.py") for path in ROOT.glob(pattern))
RECIPES = sorted((ROOT / "assets" / "recipes").glob("*.toml"))
VARIATIONS = ROOT / "assets" / "variations.toml"
TRANSLATED = [code for code in LANGUAGES if code != "en"]


@cache
def extracted() -> dict[str, set[str]]:
    """Every message, and the files that say it."""
    found: dict[str, set[str]] = {}
    keywords = dict.fromkeys({"_", "N_", *error_types()}, (1,))
    for path in SOURCES:
        for _line, message, _comments, _context in extract("python", io.BytesIO(path.read_bytes()), keywords):
            assert isinstance(message, str)
            found.setdefault(message, set()).add(path.relative_to(ROOT).as_posix())
    for path in RECIPES:
        for message in tomllib.loads(path.read_text(encoding="utf-8"))["about"].values():
            found.setdefault(message, set()).add(path.relative_to(ROOT).as_posix())
    for variation in tomllib.loads(VARIATIONS.read_text(encoding="utf-8"))["variation"]:
        for message in (variation["title"], variation["shows"]):
            found.setdefault(message, set()).add(VARIATIONS.relative_to(ROOT).as_posix())
    found.pop("", None)
    return found


def error_types() -> set[str]:
    """UserError and the names of all classes derived from it: the first argument of each is a message."""
    bases: dict[str, set[str]] = {}
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        bases |= {node.name: _names(node.bases) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    types = {"UserError"}
    while grown := {name for name, parents in bases.items() if parents & types} - types:
        types |= grown
    return types


def _names(bases: list[ast.expr]) -> set[str]:
    return {base.id for base in bases if isinstance(base, ast.Name)}


def places(template: str) -> set[str]:
    """The named places of a template; a `{value!r}` and a `{value:.3g}` are both `value`."""
    return {name for _literal, name, _spec, _conversion in Formatter().parse(template) if name is not None}


def path_of(code: str) -> Path:
    return LOCALE / code / "messages.po"


def load(code: str) -> Catalog:
    """The catalogue of a language as it stands; empty where there is none yet."""
    path = path_of(code)
    if not path.is_file():
        return Catalog(locale=code)
    with path.open("rb") as file:
        return read_po(file, locale=code)


def translations(code: str) -> dict[str, str]:
    """Message to translation, untranslated ones as an empty string."""
    return {str(message.id): str(message.string or "") for message in load(code) if message.id}


def update(code: str) -> None:
    """Rewrite one catalogue from the source."""
    kept = translations(code)
    catalogue = Catalog(locale=code, project="Terrarium", fuzzy=False)
    for message, files in sorted(extracted().items(), key=lambda item: (min(item[1]), item[0])):
        catalogue.add(message, kept.get(message, ""), locations=[(file, 0) for file in sorted(files)])
    buffer = io.BytesIO()
    # Without line numbers and dates, a change of code that changes no words changes no catalogue.
    write_po(buffer, catalogue, width=120, omit_header=True, include_lineno=False)
    header = f'msgid ""\nmsgstr ""\n"Language: {code}\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    path_of(code).parent.mkdir(parents=True, exist_ok=True)
    path_of(code).write_text(header + buffer.getvalue().decode("utf-8"), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="rewrite the catalogues")
    arguments = parser.parse_args()
    for code in TRANSLATED:
        if arguments.update:
            update(code)
        have = translations(code)
        missing = [message for message in extracted() if not have.get(message)]
        print(f"{path_of(code).relative_to(ROOT)}: {len(extracted())} messages, {len(missing)} to translate")
        for message in missing:
            print("  ", message)


if __name__ == "__main__":
    main()
