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
from pages.ui.train.labels import measures
from pages.ui.train.task import answers, no_floor, reads
from pages.ui.writing import is_translator

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
    live(
        "guide", subject.run,
        views=[
            {
                "view": "floor", "button": _("Show the floor"),
                "text": _("The floor is the chance that is in the texts themselves. What is left above it is what the model has not yet understood."),
            }
            if not no_floor(subject.run) else
            {
                "view": "start", "button": _("Show the start"),
                "text": _("The first steps fall steepest: the model leaves the uniform guess behind as soon as it knows which answers are frequent.")
                if answers(subject.run) else
                _("The first steps fall steepest: the model leaves the uniform guess behind as soon as it knows which tokens are frequent."),
            },
            *([] if answers(subject.run) else [{
                "view": "ngram", "button": _("Show the crossing"),
                "text": _("Where the curve passes the n-gram, which sees the translation alone, the model has begun to use the sentence that it reads.")
                if is_translator(subject.run) else
                _("Where the curve passes the n-gram, which knows what comes before a token and nothing after it, the model makes use of both sides.")
                if reads(subject.run) else
                _("Where the curve passes the n-gram, the model begins to use more than the last few tokens."),
            }]),
            {
                "view": "end", "button": _("Show the end"),
                "text": _("When training loss falls on but held-out loss does not, the model is learning its text by heart."),
            },
        ],
    )  # fmt: skip
    live("takeaway", subject.run, python=run_in_python(subject.run))
