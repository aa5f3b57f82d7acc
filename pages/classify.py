"""Classify: from a table of labelled texts to classifiers that were compared on the same split, looked into, and used."""

import streamlit as st

from pages.ui.classify import prepared, pretraining, race_form, race_live, results, table, use, why
from pages.ui.glossary import meanings
from pages.ui.text import _

st.title(_("Classify"))
st.markdown(
    _("Bring a table of texts and labels: several kinds of classifiers learn it side by side within a minute, and are tested once on texts that none of them has seen."),
    help=meanings("held-out"),
)  # fmt: skip

form, picture = st.columns([1, 2.6], gap="large")
with form:
    chosen = table.choose_table()
    race_form.show(chosen)
with picture:
    race = race_live.show()
    prepared.show(chosen, None if race is None else race.settings.table.file)

if race is not None:
    results.show(race)
    why.show(race)
    use.show(race)
pretraining.show()
