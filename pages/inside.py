"""Inside: what a model computes on the way to its answer, and what proves it."""

import streamlit as st

from llm_core.errors import UserError
from pages.ui.attention.controls import no_attention
from pages.ui.attention.shape import shape_of
from pages.ui.faults import refuse
from pages.ui.glossary import meanings
from pages.ui.inside import controls, direct, guide, link, sentence
from pages.ui.inside.ablation import ablation
from pages.ui.inside.circuits import circuit, graph, heads
from pages.ui.inside.compare import compare
from pages.ui.inside.computed import predicted
from pages.ui.inside.features import features, neurons
from pages.ui.inside.geometry import geometry
from pages.ui.inside.inputs import inputs
from pages.ui.inside.lens import lens
from pages.ui.inside.patching import patching
from pages.ui.inside.probes import probes
from pages.ui.inside.selection import asked, begin, intact, whole
from pages.ui.inside.steering import steering
from pages.ui.inside.training import training
from pages.ui.state import warm_libraries
from pages.ui.subject import subject_bar
from pages.ui.text import _

SHOWS = {
    "lens": lens.show,
    "direct": direct.show,
    "ablation": ablation.show,
    "patching": patching.show,
    "inputs": inputs.show,
    "circuit": circuit.show,
    "heads": heads.show,
    "graph": graph.show,
    "neurons": neurons.show,
    "features": features.show,
    "steering": steering.show,
    "probes": probes.show,
    "geometry": geometry.show,
    "training": training.show,
    "compare": compare.show,
}

st.title(_("Inside"))
st.markdown(
    _("What a model computes between the text that it reads and the word that it says. Choose a word below; every picture explains the same one."),
    help=meanings("token", "logit", "residual stream", "head", "step"),
)  # fmt: skip

subject = subject_bar()
if subject is None or subject.step is None:
    st.info(_("Here a model will be opened up. Train one first: it takes a minute."))
    st.page_link("train.py", label=_("Train a model"))
    st.stop()
link.follow_link()
try:
    shape = shape_of(subject.run)
except UserError as reason:
    no_attention(subject.run, reason)
    st.stop()

now = begin(subject)
controls.text_and_view(shape, SHOWS)
try:
    with controls.waiting():
        said = predicted(asked(now))
        now = whole(now, said if not now.off else predicted(intact(now)))
except UserError as error:
    refuse(error)
    st.stop()
sentence.show(now, said)
controls.about(now.view)
try:
    SHOWS[now.view](now, said)
except UserError as error:
    controls.not_here(error, now.view)
guide.look_for(now, subject.run)
link.write_link(now)
warm_libraries()
