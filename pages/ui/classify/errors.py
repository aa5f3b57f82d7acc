"""Labels that are likely wrong: test texts of which a family, that never saw them, is sure that they are something else."""

import numpy as np
import streamlit as st

from llm_core.evaluate.label_errors import suspects
from pages.ui.classify.families import title
from pages.ui.classify.scored import Scored, as_python
from pages.ui.classify.text_list import text_list
from pages.ui.glossary import meanings
from pages.ui.panels import take_away
from pages.ui.text import _


def show(scored: Scored, family: str) -> None:
    """The list, the least likely label first."""
    if np.ptp(scored.probabilities[family], axis=0).max() == 0:
        st.info(_("{family} says the same of every text; it cannot doubt a label. Choose another family.", family=title(family)))  # fmt: skip
        return
    found = suspects(scored.labels, scored.probabilities[family])
    if not found:
        st.info(_("{family} contradicts no label of the test part with confidence.", family=title(family)))
        return
    st.markdown(
        _("{family} is sure that {count} of {texts} test texts are something else than their label says. Some of these labels are wrong, others are hard texts on which the family is wrong: read them.", family=title(family), count=len(found), texts=len(scored.labels)),
        help=meanings("confident learning"),
    )  # fmt: skip
    text_list(
        "classify_errors", scored, family, [each.position for each in found],
        caption=_("The least likely label first."), suggested=[each.suggested for each in found],
    )  # fmt: skip
    st.caption(_("Only the test part is searched, which no family has learned from: of a text that it has learned, a family hardly doubts the label. Another seed of the split searches other texts."))  # fmt: skip
    take_away("classify_errors_foot", files={}, code=python(scored, family))


def python(scored: Scored, family: str) -> str:
    """The same for a notebook or a script."""
    lines = f"""\
for each in suspects(test.labels, race.predictions({family!r})):
    print(test.rows[each.position], test.names[each.label], test.names[each.suggested], test.texts[each.position])
"""
    return as_python(scored.run, "from llm_core.evaluate.label_errors import suspects", lines)
