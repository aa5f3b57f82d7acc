"""The one error type that reaches a person, and the marker for sentences that pages translate.

A message is a constant English template plus its values, so that a page can translate the template first and fill in
the values after. Nothing here knows a language or a page.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Self

Setting = bool | int | float | str | None


def N_(template: str) -> str:  # noqa: N802 - gettext's own name for "translate this later"
    """Mark a constant English template for extraction into the catalogues; returns it unchanged."""
    return template


class UserError(Exception):
    """Something a person can put right: one sentence with what, where, the limit and what to do.

    `template` is a constant English sentence with named places, `values` fill them: `UserError("{file} is empty.",
    file="a.txt")`. `exit_status` is what the command line ends with: 2 for bad input.
    """

    exit_status = 2

    def __init__(self, template: str, **values: Any) -> None:
        self.template = template
        self.values = values
        self.suggestions: dict[str, tuple[Setting, ...]] = {}
        super().__init__(template.format(**values))

    def suggesting(self, ways: Mapping[str, Iterable[Setting]]) -> Self:
        """This error with the nearest values that would work, by the path of a setting such as `training.batch_size`; the
        model's own settings are all `model.`, those of a task's body, too, and `recipe` is another recipe.

        Each value alone puts this fault right. A setting without any is left out.
        """
        known = {path: tuple(dict.fromkeys(values)) for path, values in ways.items()}
        self.suggestions = {path: values for path, values in known.items() if values}
        return self


class RunFailed(UserError):  # noqa: N818 - what happened, in the words of the page
    """A run that was accepted and could not go on: divergence, no memory, no disk. Exit status 1."""

    exit_status = 1
