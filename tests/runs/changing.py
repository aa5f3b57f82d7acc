"""Which functions of the room of runs change something on the disk, and which of them pages call: read from the source."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
WRITERS = frozenset({
    "replace_text", "replace_json", "rename", "unlink", "rmtree", "mkdir", "write_text", "write_bytes", "touch", "rmdir",
    "symlink_to", "copytree", "copyfile", "copy2", "move", "terminate", "kill", "send_signal", "Popen",
})  # fmt: skip
"""What changes something, whoever it is called on."""
HOLDERS = {
    "store": "store.Store", "_store": "store.Store", "queue": "queued.Queue", "listing": "listing.Listing",
    "_queue": "queued.Queue", "_launcher": "launch.Launcher",
}  # fmt: skip
"""By what name an object is held: what class it is of."""


@dataclass(frozen=True)
class Call:
    """A call of a function of the room of runs, such as `store.Store.want`, from a page. `names_owner`: it says who asks."""

    function: str
    where: str
    names_owner: bool


@cache
def functions() -> dict[str, ast.FunctionDef]:
    """Every function and method of the room, such as `trash.delete` and `store.Store.want`."""
    return {name: node for _module, tree in _modules() for name, node in _functions(_module, tree)}


def parameters(node: ast.FunctionDef) -> list[str]:
    """The names of what a function takes."""
    return [each.arg for each in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]


@cache
def changing() -> frozenset[str]:
    """The functions that write, move or remove something, or end a process: by themselves or by what they call."""
    called: dict[str, set[str]] = {}
    for module, tree in _modules():
        names = _imported(tree)
        for name, node in _functions(module, tree):
            called[name] = {found for call in _calls(node) for found in _targets(call, module, name, names)}
    found = {name for name, targets in called.items() if targets & WRITERS}
    while more := {name for name, targets in called.items() if name not in found and targets & found}:
        found |= more
    return frozenset(found)


@cache
def page_calls() -> list[Call]:
    """Every place where a page or a route calls a function of the room."""
    known, found = functions(), []
    for path in sorted((ROOT / "pages").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = _imported(tree)
        for call in _calls(tree):
            for target in _targets(call, "", "", names):
                if target in known:
                    found.append(
                        Call(target, f"{path.relative_to(ROOT)}:{call.lineno}", _names_owner(call, known[target]))
                    )
    return found


@cache
def _modules() -> list[tuple[str, ast.Module]]:
    room = ROOT / "llm_core" / "runs"
    return [
        (".".join(path.relative_to(room).with_suffix("").parts), ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(room.rglob("*.py"))
    ]


def _functions(module: str, tree: ast.Module) -> list[tuple[str, ast.FunctionDef]]:
    found = [(f"{module}.{node.name}", node) for node in tree.body if isinstance(node, ast.FunctionDef)]
    for group in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        found += [
            (f"{module}.{group.name}.{node.name}", node) for node in group.body if isinstance(node, ast.FunctionDef)
        ]
    return found


def _imported(tree: ast.AST) -> dict[str, str]:
    """Local name to module, or function, of the room."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("llm_core.runs"):
            place = node.module.removeprefix("llm_core.runs").removeprefix(".")
            for each in node.names:
                found[each.asname or each.name] = f"{place}.{each.name}".removeprefix(".")
    return found


def _calls(node: ast.AST) -> list[ast.Call]:
    return [each for each in ast.walk(node) if isinstance(each, ast.Call)]


def _targets(call: ast.Call, module: str, inside: str, names: dict[str, str]) -> set[str]:
    """What a call may call: functions of the room, and writers."""
    function = call.func
    if isinstance(function, ast.Name):
        known = names.get(function.id, f"{module}.{function.id}")
        return {known, function.id}
    if not isinstance(function, ast.Attribute):
        return set()
    found, holder = {function.attr}, function.value
    if isinstance(holder, ast.Call):
        holder = holder.func  # as in store().want(...)
    held = holder.id if isinstance(holder, ast.Name) else holder.attr if isinstance(holder, ast.Attribute) else ""
    if held == "self" and inside.count(".") >= 2:
        found.add(f"{inside.rpartition('.')[0]}.{function.attr}")
    if held in HOLDERS:
        found.add(f"{HOLDERS[held]}.{function.attr}")
    if held in names:
        found.add(f"{names[held]}.{function.attr}")
    return found


def _names_owner(call: ast.Call, node: ast.FunctionDef) -> bool:
    if any(each.arg in ("owner", None) for each in call.keywords):
        return True
    positional = [each.arg for each in (*node.args.posonlyargs, *node.args.args) if each.arg != "self"]
    return "owner" in positional and len(call.args) > positional.index("owner")
