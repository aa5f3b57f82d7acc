"""The arrows of the house: who may import whom. Read from the source, so that nothing has to be imported."""

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FOUNDATION = {"config", "taps", "devices", "errors", "nearest"}
BELOW: dict[str, set[str]] = {
    "errors": set(),
    "nearest": set(),
    "config": {"errors", "nearest"},
    "devices": {"errors"},
    "taps": {"errors"},
    "models": FOUNDATION,
    "data": FOUNDATION,
    "inference": FOUNDATION | {"models", "data"},
    "evaluate": FOUNDATION | {"models", "data"},
    "training": FOUNDATION | {"models", "data", "inference", "evaluate"},
    "compress": FOUNDATION | {"models", "data", "inference", "evaluate", "training"},
    "transfer": FOUNDATION | {"models", "data", "inference", "evaluate", "training"},
    "interpret": FOUNDATION | {"models", "data", "inference", "evaluate", "training"},
    "runs": FOUNDATION
    | {"models", "data", "inference", "evaluate", "training", "compress", "transfer", "interpret", "hub"},
    "hub": FOUNDATION | {"models", "data"},
}
BELOW["commands"] = {*BELOW}
SOURCES = sorted(path for folder in ("llm_core", "pages") for path in (ROOT / folder).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> set[str]:
    """Full names of all modules that a file imports, at its top or inside its functions."""
    return {name for node in ast.walk(parsed(path)) for name in names_of(node)}


@cache
def imported_at_run_time(path: Path) -> set[str]:
    """The same without what a file imports only under `if TYPE_CHECKING`."""
    guarded = [
        node for node in ast.walk(parsed(path))
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]  # fmt: skip
    inside = {id(child) for node in guarded for child in ast.walk(node)}
    return {name for node in ast.walk(parsed(path)) if id(node) not in inside for name in names_of(node)}


def names_of(node: ast.AST) -> set[str]:
    """The modules that one piece of source imports, empty where it is no import."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        return {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "import_module":
        return named(node.args[0])
    return set()


def named(argument: ast.expr) -> set[str]:
    """The modules of this program that `import_module(f"folder.{name}")` may import: all of the folder."""
    assert isinstance(argument, ast.JoinedStr), ast.unparse(argument)
    first, *others = argument.values
    assert isinstance(first, ast.Constant), ast.unparse(argument)
    assert str(first.value).endswith("."), ast.unparse(argument)
    assert len(others) == 1, ast.unparse(argument)
    folder = ROOT / Path(*str(first.value).rstrip(".").split("."))
    assert folder.is_dir(), folder
    return {f"{first.value}{path.stem}" for path in folder.glob("*.py") if path.stem != "__init__"}


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [p for p in SOURCES if p.is_relative_to(ROOT / "llm_core")], ids=identify)
def test_a_room_imports_only_the_rooms_below_it(path: Path) -> None:
    room = path.relative_to(ROOT / "llm_core").parts[0].removesuffix(".py")
    if room in ("__main__", "__init__"):
        return
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "llm_core" and len(parts) > 1:
            assert parts[1] in BELOW[room] | {room}, f"{room} may not import {name}"


@pytest.mark.parametrize("path", SOURCES, ids=identify)
def test_imports_are_absolute_and_the_library_knows_no_page(path: Path) -> None:
    forbidden = {"app"}
    if path.is_relative_to(ROOT / "llm_core"):
        forbidden |= {"pages", "streamlit", "plotly", "pandas"}
    assert not {name.split(".")[0] for name in imported(path)} & forbidden
    relative = [n for n in ast.walk(parsed(path)) if isinstance(n, ast.ImportFrom)]
    assert all(node.level == 0 for node in relative)


@pytest.mark.parametrize("path", [p for p in SOURCES if p.is_relative_to(ROOT / "pages")], ids=identify)
def test_pages_import_shared_parts_and_never_each_other(path: Path) -> None:
    shared = path.is_relative_to(ROOT / "pages" / "ui")
    for name in imported(path):
        parts = name.split(".")
        if parts[0] == "pages" and len(parts) > 1:
            assert parts[1] == "ui", f"{'a shared part' if shared else 'a page'} imports the page {name}"


def test_no_module_is_part_of_a_circle() -> None:
    modules = {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in SOURCES}
    graph = {name: (imported_at_run_time(path) & modules.keys()) - {name} for name, path in modules.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name in done:
            return
        for other in graph[name]:
            visit(other, (*trail, name))
        done.add(name)

    for name in graph:
        visit(name, ())


FORBIDDEN_CALLS = (
    "pickle.load",
    "weights_only=False",
    "trust_remote_code=True",
    "shell=True",
    "st.cache_data",
    "torch.load(",
)


@pytest.mark.parametrize("path", [*SOURCES, ROOT / "app.py"], ids=identify)
def test_nothing_unpickles_or_runs_a_shell(path: Path) -> None:
    if not path.exists():
        pytest.fail(f"{path.name} is missing")
    source = path.read_text(encoding="utf-8")
    assert not [call for call in FORBIDDEN_CALLS if call in source]
