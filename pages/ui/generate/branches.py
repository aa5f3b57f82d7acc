"""The tree of a text drawn: a line for each branch, from the token where it leaves its parent to its end."""

from typing import Any

from pages.ui.generate import text
from pages.ui.generate.component import view
from pages.ui.generate.python import python_of
from pages.ui.generate.tree import Tree, keep
from pages.ui.text import _, language
from pages.ui.writing import Writing


def show(root: Writing, tree: Tree) -> None:
    """The tree, and under it the text that is looked at."""
    piece = text.pieces_of(root.run)
    rows: list[dict[str, Any]] = [{"parent": 0, "place": 0, "token": "", "request": _request(root, tree, 0)}]
    rows += [
        {"parent": each.parent, "place": each.place, "token": piece(each.token), "request": _request(root, tree, number)}
        for number, each in enumerate(tree.branches, start=1)
    ]  # fmt: skip
    view(
        "tree",
        identity=root.identity,
        label=_("The tree of texts: each line is a branch, from the token where it begins to its end."),
        words=_words(),
        code=python_of(text.at_branch(root, tree)),
        file=f"terrarium-{root.run}-{root.step}-tree",
        url="./write",
        rows=rows,
        at=tree.at,
        on={
            "chosen": lambda number: keep(root, tree.gone_to(number)) if type(number) is int else None,
            "removed": lambda number: keep(root, tree.without(number)) if type(number) is int else None,
        },
    )
    text.show(root, tree)


def _request(root: Writing, tree: Tree, number: int) -> dict[str, Any]:
    writing = root.model_copy(update={"choices": tree.choices(number)})
    return writing.model_dump() | {"language": language(), "identity": writing.identity}


def _words() -> dict[str, str]:
    return {
        "trunk": _("Trunk"),
        "begins": _("from token {position}"),
        "bits": _("{bits} bits per token"),
        "about": _("{name}: {count} tokens, {total} bits in all, {bits} bits per token. Click to read it."),
        "remove": _("Take this branch away, and what grows from it"),
        "alone": _("Only the trunk so far. Click a token of the text below, then another one that could have stood there: a branch grows."),
        "columns": "branch,parent,begins at token,chosen token,tokens,bits,bits per token,text",
    }  # fmt: skip
