"""What is explained, in words; and a number with its sign."""

from pages.ui.attention.words import token_label
from pages.ui.inside.computed import Predicted
from pages.ui.inside.selection import Selection
from pages.ui.text import _, number


def explained(selection: Selection, predicted: Predicted) -> str:
    """The target: a logit, or how far it is ahead of another one."""
    token = token_label(predicted.names[selection.target])
    if selection.against is None:
        return _("the logit of “{token}”", token=token)
    if selection.against == "others":
        return _("the logit of “{token}” minus the mean of all others", token=token)
    return _("“{token}” minus “{other}”", token=token, other=token_label(predicted.names[int(selection.against)]))


def signed(value: float) -> str:
    """A number that says whether it adds or takes away.

    >>> signed(0.5), signed(-12.25), signed(0.0)
    ('+0.500', '−12.2', '0')
    """
    return f"+{number(float(value))}" if value > 0 else number(float(value))
