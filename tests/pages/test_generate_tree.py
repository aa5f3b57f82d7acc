"""The tree of branches of a text: how it grows, is cut, and stands in a link."""

from itertools import product

import pytest

from pages.ui.generate.tree import MOST_BRANCHES, Branch, Tree, tree_in


def grown(*steps: tuple[int, int, int]) -> Tree:
    """From a branch that is looked at, another token at a place."""
    tree = Tree()
    for at, place, token in steps:
        after = tree.gone_to(at).grown(place, token)
        assert after is not None
        tree = after
    return tree


TREE = grown((0, 5, 70), (1, 9, 71), (0, 2, 72), (2, 20, 73))


def test_a_branch_is_named_by_all_choices_on_its_way() -> None:
    assert [TREE.choices(number) for number in range(5)] == ["", "5.70", "5.70-9.71", "2.72", "5.70-9.71-20.73"]
    assert TREE.at == 4


def test_a_choice_before_the_place_where_a_branch_begins_grows_from_what_it_grew_from() -> None:
    assert TREE.gone_to(4).grown(12, 1) == Tree((*TREE.branches, Branch(2, 12, 1)), 5)
    assert TREE.gone_to(4).grown(9, 1) == Tree((*TREE.branches, Branch(1, 9, 1)), 5), "another token at its own place"
    assert TREE.gone_to(4).grown(1, 1) == Tree((*TREE.branches, Branch(0, 1, 1)), 5)


def test_the_same_choice_twice_is_one_branch() -> None:
    assert TREE.gone_to(2).grown(5, 70) == TREE.gone_to(1)
    assert TREE.gone_to(1).grown(9, 71) == TREE.gone_to(2)


def test_places_rise_on_every_way_whatever_is_clicked() -> None:
    tree = Tree()
    for at, place in product(range(5), (7, 3, 11)):
        after = tree.gone_to(at).grown(place, at)
        tree = after if after is not None else tree
    for number in range(len(tree.branches) + 1):
        places = [int(pair.split(".")[0]) for pair in tree.choices(number).split("-") if pair]
        assert places == sorted(set(places))
    assert tree_in(tree.written()) == Tree(tree.branches)


def test_a_branch_goes_with_all_that_grew_from_it() -> None:
    left = TREE.without(1)
    assert left == Tree((Branch(0, 2, 72),), 0)
    assert TREE.gone_to(3).without(1) == Tree((Branch(0, 2, 72),), 1), "who looks at another branch goes on doing so"
    assert TREE.without(4) == Tree(TREE.branches[:3], 2), "who looked at it looks at what it grew from"
    assert TREE.without(2).gone_to(0).branches == (Branch(0, 5, 70), Branch(0, 2, 72))
    assert TREE.without(0) == TREE.without(9) == TREE, "the trunk stays"


def test_a_full_tree_grows_no_more() -> None:
    tree = Tree(tuple(Branch(0, place, 1) for place in range(MOST_BRANCHES)))
    assert tree.grown(1, 2) is None
    assert tree.grown(3, 1) == tree.gone_to(4), "what is there can still be gone to"
    assert tree_in(tree.written()) == tree
    assert len(tree.written()) < 300


@pytest.mark.parametrize(
    "text",
    ["", "1.2.3", "0.5.1-2.9.1", "0.5.1-1.5.2", "0.5.1-1.4.2", "0.5", "0.-1.2", "a.b.c", "0.5.1-", "0.5.99999999", "-".join(["0.1.1"] * 25)],
)  # fmt: skip
def test_a_link_names_only_trees_that_can_have_grown(text: str) -> None:
    assert tree_in(text) is None


def test_a_number_that_is_no_branch_is_the_trunk() -> None:
    assert TREE.gone_to(9).at == TREE.gone_to(-1).at == 0
