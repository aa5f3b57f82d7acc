"""The browser's side of what the Attention page says about heads: the table and the curves, which share what they fetch."""

from functools import cache
from typing import Any

import streamlit as st

from pages.ui.live import BROWSER, script

_SCRIPTS = ("head_feed", "head_measuring", "head_table", "head_steps")


@cache
def component() -> Any:
    """Its data say which `part` it is: `table` or `steps`."""
    return st.components.v2.component(
        "terrarium_heads",
        css=(BROWSER / "heads.css").read_text(encoding="utf-8"),
        js=script("format", "curve", "takeaway", "polling", *_SCRIPTS, "heads"),
        isolate_styles=False,
    )
