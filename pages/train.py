"""Train: choose a text and a recipe, start, and watch the model learn."""

import streamlit as st

from pages.ui import start_form
from pages.ui.faults import as_text, show_fault
from pages.ui.glossary import meanings
from pages.ui.start_form import run_in_python
from pages.ui.state import FAULT_KEY, warm_up
from pages.ui.subject import name_of, subject_bar
from pages.ui.text import _
from pages.ui.train import branch_form
from pages.ui.train.code import bench_code
from pages.ui.train.component import PANELS, live
from pages.ui.train.guide import what_to_look_for
from pages.ui.train.labels import measures

st.title(_("Train"))
st.markdown(
    _("A small language model reads a text again and again and learns to predict what comes next."),
    help=meanings("token", "step", "loss", "nat", "held-out", "uniform guess", "n-gram", "entropy floor", "gap closed", "skill", "bits per character", "gradient", "learning rate"),
)  # fmt: skip

picture, form = st.columns([2.15, 1], gap="large")
with picture:
    subject = subject_bar(steps=False)
    if subject is None:
        st.info(_("Here the loss of a model will fall while it learns. Choose a text and press Train."))
    elif subject.run.kind != "train":
        st.info(as_text(_("{name} was brought in: it was trained elsewhere, and how is not known here. See what it looks at, or let it write.", name=name_of(subject.run))))  # fmt: skip
        st.page_link("attention.py", label=_("Attention"), query_params={"run": subject.run.id})
        subject = None
    else:
        live("picture", subject.run, replay=subject.run.read_only, before=branch_form.before(subject.run))
        live("diagnosis", subject.run)
branching = subject is not None and branch_form.asked(subject.run)
with form, st.container(key="start_form"):
    if subject is not None and branching:
        branch_form.show(subject.run)
    else:
        start_form.show()
    fault = st.session_state.pop(FAULT_KEY, None)
    if fault is not None:
        show_fault(fault)

if not branching:
    start_form.more()
if subject is None:
    warm_up()  # No live component asks for it.
else:
    live("skills", subject.run)
    live("bench", subject.run, panels=PANELS, measures=measures(), code=bench_code(subject.run))
    st.subheader(_("What to look for"))
    live("guide", subject.run, views=what_to_look_for(subject.run))
    live("takeaway", subject.run, python=run_in_python(subject.run))
