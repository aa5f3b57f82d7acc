"""What the view of direct attribution says of its sum."""

from types import SimpleNamespace

import pytest

from pages.ui.inside import direct


@pytest.mark.parametrize(("remainder", "said"), [(5e-7, "5.00 × 10⁻⁷"), (0.0, "0"), (-0.25, "−0.250")])
def test_what_remains_is_written_as_any_number(remainder: float, said: str) -> None:
    found = SimpleNamespace(total=1.5, value=1.5 + remainder, remainder=remainder, explains="logit", frozen=())
    assert direct.summed(found, "it").endswith(f"and {said} remain.")  # type: ignore[arg-type]
