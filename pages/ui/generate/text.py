"""The text of the Generate page, token by token, and where it goes on from another token: a branch of its tree."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from llm_core.data.foreign_tokenizers import load_tokenizer
from pages.ui.generate.next_token import look_at
from pages.ui.generate.tree import MOST_BRANCHES, Tree, keep
from pages.ui.generate.views import choose_view
from pages.ui.state import PICK_KEY, store
from pages.ui.text import _, language
from pages.ui.tokens import Step, show_tokens
from pages.ui.writing import Writing, is_translator, painted

if TYPE_CHECKING:
    from llm_core.data.tokenizers import Tokenizer

TOKENS = "generate_tokens"


def show(root: Writing, tree: Tree) -> None:
    """The text of the branch that is looked at: painted when it is known, else streamed."""
    writing = at_branch(root, tree)
    ready = painted(writing)
    show_tokens(
        TOKENS,
        identity=writing.identity,
        shown=ready,
        request=None if ready else writing.model_dump() | {"language": language()},
        pick=st.session_state.get(PICK_KEY),
        chosen=[place for place, _token in writing.chosen],
        path=_path(root, tree),
        on_chosen=lambda place, token: go_on(root, tree, place, token),
        on_branch=lambda number: keep(root, tree.gone_to(number)),
        on_settings=None if is_translator(store().find(root.run)) else _see_settings,
    )


def at_branch(root: Writing, tree: Tree) -> Writing:
    """What is written in the branch that is looked at."""
    return root.model_copy(update={"choices": tree.choices(tree.at)})


def go_on(root: Writing, tree: Tree, place: int, token: int) -> None:
    """Another token is chosen: a branch grows there."""
    run = store().find(root.run)
    if is_translator(run):
        st.toast(_("A translation begins with its first token; change the sentence to get another."))
        return
    if not (0 <= place < root.decoding.tokens and 0 <= token < load_tokenizer(run.folder / "tokenizer.json").vocabulary_size):  # fmt: skip
        return
    parent = tree.root_of(place)
    known = painted(root.model_copy(update={"choices": tree.choices(parent)}))
    if known is not None and place < len(known["tokens"]) and known["tokens"][place]["id"] == token:
        keep(root, tree.gone_to(parent))  # what it grew from has this token itself
    elif (grown := tree.grown(place, token)) is not None:
        keep(root, grown)
    else:
        st.toast(_("The tree has {count} branches, as many as it can hold; take one away first.", count=MOST_BRANCHES))


def _path(root: Writing, tree: Tree) -> list[Step]:
    """The way to the branch that is looked at, from the trunk; empty in the trunk of a tree without branches."""
    if not tree.branches:
        return []
    piece = pieces_of(root.run)
    steps: list[Step] = [{"branch": 0, "token": "", "place": 0}]
    for number in tree.path(tree.at):
        branch = tree.branches[number - 1]
        steps.append({"branch": number, "token": piece(branch.token), "place": branch.place})
    return steps


def pieces_of(run: str) -> Callable[[int], str]:
    """What the tokens of a model look like, by number; empty for a number that it has not."""
    tokenizer: Tokenizer = load_tokenizer(store().find(run).folder / "tokenizer.json")
    pieces = tokenizer.pieces
    return lambda token: pieces[token] if token < len(pieces) else ""


def _see_settings(place: int) -> None:
    """What the settings cut where this token was chosen."""
    look_at(place)
    choose_view("next")
