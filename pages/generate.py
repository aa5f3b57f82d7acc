"""Generate: let any model write, at any step of its training, and see how sure it was of every token."""

import streamlit as st

from pages.ui.generate import beams, branches, guide, link, next_token, pair, samples, settings, text, tree, views
from pages.ui.glossary import meanings
from pages.ui.subject import subject_bar
from pages.ui.text import _
from pages.ui.truth import show_truth
from pages.ui.writing import Writing

st.title(_("Generate"))
st.markdown(
    _("A model writes one token after another. The stronger the colour, the surer it was; click a token to see what else it could have been."),
    help=meanings("token", "probability", "step", "prompt", "temperature", "seed"),
)  # fmt: skip

subject = subject_bar()
if subject is None or subject.step is None:
    st.info(_("Here a model will write. Train one first: it takes a minute."))
    st.page_link("train.py", label=_("Train a model"))
    st.stop()

if views.only_reads(subject.run):
    st.stop()
link.follow_link(subject.run)
prompt = settings.prompt_box(subject.run)
picture, controls = st.columns([4, 1.15], gap="large")
with controls:
    decoding = settings.controls()
root = Writing(run=subject.run.id, step=subject.step, prompt=prompt, decoding=decoding)
link.linked_tree(root)
grown = tree.tree_of(root)
now = text.at_branch(root, grown)
with picture:
    view = views.chosen_view()
    if views.fits(view, subject.run):
        if view == "text":
            text.show(root, grown)
        elif view == "next":
            next_token.show(now)
        elif view == "tree":
            branches.show(root, grown)
        elif view == "beams":
            beams.show(root)
        elif view == "pair":
            pair.show(root)
        else:
            samples.show(root)
if view in ("text", "tree"):
    show_truth(now, subject.run)
link.write_link(root, subject.run, grown)
guide.look_for(subject.run)
if view == "text":
    guide.give(now)
