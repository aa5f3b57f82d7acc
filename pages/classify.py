"""Classify: from a table of labelled texts to classifiers that were compared on the same split, looked into, and used."""

import streamlit as st

from pages.ui.classify import race_form, race_live, results, use
from pages.ui.glossary import meanings
from pages.ui.text import _

st.title(_("Classify"))
st.markdown(
    _("Bring a table of texts and labels: several kinds of classifiers learn it side by side within a minute, and are tested once on texts that none of them has seen."),
    help=meanings("held-out"),
)  # fmt: skip

# The table, its columns and its split.
table = None

form, picture = st.columns([1, 2.6], gap="large")
with form:
    race_form.show(table)
with picture:
    race = race_live.show()

if race is not None:
    results.show(race)
    use.show(race)
