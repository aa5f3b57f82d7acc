"""A tree of texts that grows where a person chooses another token. A branch is its parent, a place and a token, nothing
else: its text follows from these. So a whole tree fits into a link.

The trunk is branch 0; the others are counted in the order in which they came, and a parent comes before its children.
"""

import re
from dataclasses import dataclass

import streamlit as st

from pages.ui.state import GENERATE_TREES_KEY
from pages.ui.writing import Writing

MOST_BRANCHES = 24
_MOST_TREES = 20
_WRITTEN = re.compile(r"[0-9]{1,2}\.[0-9]{1,4}\.[0-9]{1,6}(-[0-9]{1,2}\.[0-9]{1,4}\.[0-9]{1,6}){0,23}")


@dataclass(frozen=True)
class Branch:
    """`place`: of the token that was chosen, counted from the first written one."""

    parent: int
    place: int
    token: int


@dataclass(frozen=True)
class Tree:
    """`at`: the branch that is looked at."""

    branches: tuple[Branch, ...] = ()
    at: int = 0

    def branch(self, number: int) -> Branch | None:
        """None for the trunk."""
        return self.branches[number - 1] if number else None

    def path(self, number: int) -> list[int]:
        """The branches from the one after the trunk to this."""
        found: list[int] = []
        while number:
            found.append(number)
            number = self.branches[number - 1].parent
        return found[::-1]

    def choices(self, number: int) -> str:
        """The choices that lead to a branch, as a `Writing` has them."""
        path = [self.branches[each - 1] for each in self.path(number)]
        return "-".join(f"{branch.place}.{branch.token}" for branch in path)

    def root_of(self, place: int) -> int:
        """From which branch one that begins at this place of the present text goes on: the last that begins before it."""
        number = self.at
        while number and self.branches[number - 1].place >= place:
            number = self.branches[number - 1].parent
        return number

    def grown(self, place: int, token: int) -> "Tree | None":
        """With a branch for this choice, and looking at it; None where the tree is full. One that is there is gone to."""
        fresh = Branch(self.root_of(place), place, token)
        if fresh in self.branches:
            return Tree(self.branches, self.branches.index(fresh) + 1)
        if len(self.branches) >= MOST_BRANCHES:
            return None
        return Tree((*self.branches, fresh), len(self.branches) + 1)

    def gone_to(self, number: int) -> "Tree":
        """Looking at another branch; the trunk where there is no such."""
        return Tree(self.branches, number if 0 <= number <= len(self.branches) else 0)

    def without(self, number: int) -> "Tree":
        """Without a branch and all that grow from it; who looked at one of them looks at what it grew from."""
        if not 0 < number <= len(self.branches):
            return self
        gone = {each for each in range(1, len(self.branches) + 1) if number in self.path(each)}
        kept = [each for each in range(1, len(self.branches) + 1) if each not in gone]
        renamed = {0: 0, **{old: new for new, old in enumerate(kept, start=1)}}
        branches = tuple(
            Branch(renamed[branch.parent], branch.place, branch.token)
            for branch in (self.branches[each - 1] for each in kept)
        )
        return Tree(branches, renamed[self.branches[number - 1].parent if self.at in gone else self.at])

    def written(self) -> str:
        """The branches in a link: `parent.place.token` of each, with hyphens between."""
        return "-".join(f"{branch.parent}.{branch.place}.{branch.token}" for branch in self.branches)


def tree_in(text: str) -> Tree | None:
    """The tree that a link names; None where it names none that can have grown."""
    if not _WRITTEN.fullmatch(text):
        return None
    tree = Tree(tuple(Branch(*map(int, part.split("."))) for part in text.split("-")))
    for number, branch in enumerate(tree.branches, start=1):
        parent = tree.branch(branch.parent) if branch.parent < number else branch
        if branch.parent >= number or (parent is not None and parent.place >= branch.place):
            return None
    return tree


def tree_of(writing: Writing) -> Tree:
    """What has grown in this session from the text that is written without any choice."""
    kept = _trees().get(writing.identity)
    return Tree() if kept is None else kept


def keep(writing: Writing, tree: Tree) -> None:
    """Look at this tree of a text from now on; the last few are kept."""
    trees = _trees()
    trees.pop(writing.identity, None)
    trees[writing.identity] = tree
    while len(trees) > _MOST_TREES:
        del trees[next(iter(trees))]


def _trees() -> dict[str, Tree]:
    trees: dict[str, Tree] = st.session_state.setdefault(GENERATE_TREES_KEY, {})
    return trees
