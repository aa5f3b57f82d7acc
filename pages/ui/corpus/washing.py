"""A person's text made clean, before and after: what each step changed, and what it took away."""

from difflib import SequenceMatcher
from html import escape
from re import findall

import streamlit as st

from llm_core.config import parse
from llm_core.data.cleaning import Cleaned, CleaningConfig, Example, Step, as_file, clean
from llm_core.errors import N_, UserError
from pages.ui import forms
from pages.ui.corpus import texts
from pages.ui.corpus.texts import Looked
from pages.ui.faults import refuse
from pages.ui.state import CORPUS_DIRTY_KEY
from pages.ui.text import _, number

STEPS = {
    "unicode": N_("Unicode form"), "case": N_("lower case"), "white_space": N_("white space"),
    "exact_duplicates": N_("exact copies"), "near_duplicates": N_("near copies"), "empty": N_("empty documents"),
}  # fmt: skip
DIRTY = (
    "The  ﬁrst cat sat\u00a0on the mat .   \r\n\r\n\r\nＦＵＬＬ width, and a cafe\u0301 .\r\n"
    "This line comes twice, word for word.\r\nThis line comes twice, word for word.\r\n"
    "The small red ball rolled slowly under the old kitchen table.\r\nThe small red ball rolled slowly under the old kitchen tables.\r\n"
    "　　春眠不觉晓，　处处闻啼鸟。\r\n"
)
"""What can be wrong with a text, in a few lines: no text of anybody."""
FIRST = CleaningConfig(unicode="nfkc", near_duplicates=True, part="line")
SHOWN = ("unicode", "white_space", "exact_duplicates", "near_duplicates", "part")
_LONGEST = 20_000
_EXAMPLES = 3


def show(text: Looked) -> None:
    """The text before and after; a person's own, or a few lines that show what can be wrong."""
    st.subheader(_("Clean a text"))
    left, right = st.columns([2.6, 1], gap="large")
    with right:
        for name in SHOWN:
            forms.field(FIRST, name)
        with st.expander(_("More")):
            forms.fields(FIRST, forms.folded_names(CleaningConfig, SHOWN))
    with left:
        documents = _documents(text)
        if not documents:
            st.info(_("Here a text will be made clean. Write or paste one."))
            return
        try:
            config = parse(CleaningConfig, forms.read(FIRST))
            with st.spinner(_("Cleaning…")):
                cleaned = texts.own(f"clean {config} {hash(documents)}", lambda: clean(documents, config))
        except UserError as error:
            refuse(error)
            return
        _report(cleaned)


def _documents(text: Looked) -> tuple[str, ...]:
    if text.kind == "own":
        st.caption(_("Your text, as it was read above."))
        return text.documents
    written = st.text_area(
        _("A text to clean"), value=DIRTY.replace("\r\n", "\n"), key=CORPUS_DIRTY_KEY, max_chars=_LONGEST, height=190,
        persist_state="session", help=_("A few lines with all kinds of faults; write or paste your own over them."),
    )  # fmt: skip
    return (written,) if written and written.strip() else ()


def _report(cleaned: Cleaned) -> None:
    facts = [
        (_("documents"), cleaned.documents), (_("characters"), cleaned.characters),
    ]  # fmt: skip
    changed = [step for step in cleaned.steps if step.changed or step.removed or step.characters]
    shown = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{number(before)} → {number(after)}</dd></div>"
        for name, (before, after) in facts
    )
    shown += "".join(
        f"<div><dt>{escape(_(STEPS[step.name]))}</dt><dd>{escape(_said(step))}</dd></div>" for step in changed
    )
    examples = "".join(_example(step, example) for step in changed for example in step.examples[:_EXAMPLES])
    st.html(
        f"<div class='t-host t-still'><dl class='t-facts t-steps'>{shown}</dl><div class='t-cleaned'>{examples}</div></div>"
    )
    if not changed:
        st.caption(_("Nothing to do: the text is clean already."))
    st.caption(_("The text after cleaning:"))
    name, data = as_file(cleaned.texts)
    beginning = "\n".join(cleaned.texts)[:1500]
    st.code(beginning, language=None, wrap_lines=True, height=190)
    st.download_button(_("Take the clean text away"), data, file_name=name, type="tertiary", icon=":material/download:", key="corpus_clean_file")  # fmt: skip


def _said(step: Step) -> str:
    if step.removed:
        return _("{count} removed", count=step.removed)
    if step.characters:
        return (
            _("{count} fewer", count=step.characters)
            if step.characters > 0
            else _("{count} more", count=-step.characters)
        )
    return _("{count} changed", count=step.changed)


def _example(step: Step, example: Example) -> str:
    before, after = example.before, example.after
    if after is None:
        like = "" if example.alike is None else _("like: {text}", text=example.alike)
        body = f"<p><del>{escape(visible(before))}</del></p><p class='t-quiet'>{escape(like)}</p>"
    else:
        gone, came = _difference(before, after)
        body = f"<p>{gone}</p><p>{came}</p>"
    return f"<section><h4>{escape(_(STEPS[step.name]))}</h4>{body}</section>"


def _difference(before: str, after: str) -> tuple[str, str]:
    """Both texts with what went and what came marked."""
    old, new = (findall(r"\w+|\s|[^\w\s]", text) for text in (before, after))
    gone, came = "", ""
    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        one, other = (escape(visible("".join(parts), what != "equal")) for parts in (old[a:b], new[c:d]))
        gone += one if what == "equal" else f"<del>{one}</del>" if one else ""
        came += other if what == "equal" else f"<ins>{other}</ins>" if other else ""
    return gone, came


def visible(text: str, spaces: bool = False) -> str:
    """Text with what is not seen in it shown; plain spaces only where they are what changed."""
    signs = {"\u00a0": "⍽", "\u3000": "□", "\t": "⇥", "\r": "␍", "\n": "↵\n", "\u200b": "·"} | (
        {" ": "·"} if spaces else {}
    )
    return "".join(signs.get(character, character) for character in text)
