"""What one head looks at, large, and all heads beside it, small."""

import streamlit as st

from pages.ui.attention.looking import Looking
from pages.ui.attention.seen import patterns
from pages.ui.subject import Subject


def show(looking: Looking, subject: Subject) -> None:
    """Draw the head that is looked at."""
    found = patterns(looking)
    st.text(f"{looking.part}.{looking.layer}.{looking.head}: {len(found.reading.text.ids)}")
