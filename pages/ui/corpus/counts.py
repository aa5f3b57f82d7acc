"""The corpus in figures: its size, its floor, how often words occur, and which word follows which."""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from html import escape

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from llm_core.config import parse
from llm_core.data import generated
from llm_core.data.annotated import ASKED
from llm_core.data.corpora import CORPORA
from llm_core.data.statistics import CountingConfig, Statistics, fit_zipf
from llm_core.data.table_writing import as_table
from llm_core.data.tasks import TASKS
from llm_core.evaluate.floor import NO_TRANSLATIONS, NO_WRITING
from pages.ui import forms
from pages.ui.charts import Colors
from pages.ui.corpus import figures, texts
from pages.ui.corpus.link import FOLLOWED
from pages.ui.corpus.texts import Looked
from pages.ui.corpus.tokenizers import trained
from pages.ui.drawing import drawing
from pages.ui.glossary import meaning, meanings
from pages.ui.state import CORPUS_FIRST_KEY, CORPUS_FOLLOWED_KEY, CORPUS_USUAL_KEY
from pages.ui.text import _, number

WEIGHED, WEIGHED_BY_FILTER = 150, 60
"""Texts that the floor is estimated from, the second where each has to be weighed by the filter: done in a second."""
_MOST_ROWS = 5000


@dataclass(frozen=True)
class Floor:
    """Nats: of a whole text, its end included, and the standard error of that mean; of a character; of a token."""

    story: float
    error: float
    character: float
    token: float


@lru_cache(maxsize=16)
def floor(name: str) -> Floor:
    """The floor of a text that a grammar writes, as the mean over its first texts."""
    from llm_core.data.grammar.grammar import load_grammar
    from llm_core.data.grammar.sampler import sample

    corpus = CORPORA[name]
    grammar = load_grammar(corpus.source)
    count = WEIGHED_BY_FILTER if grammar.hidden else WEIGHED
    drawn = [sample(grammar, corpus.language, generated.SEED, index) for index in range(count)]
    # Where draws stay hidden their entropy is not all in the text; what the text itself costs is known, too.
    nats = np.array([-each.log_probability if grammar.hidden else each.entropy for each in drawn])
    data = corpus.defaults["data"]
    tokenizer = trained(name, data["tokenizer"], data["vocabulary_size"]).tokenizer
    tokens = sum(len(tokenizer.encode_array(each.text)) + 1 for each in drawn)
    characters = sum(len(each.text) for each in drawn)
    return Floor(
        float(nats.mean()),
        float(nats.std(ddof=1) / count**0.5),
        float(nats.sum() / characters),
        float(nats.sum() / tokens),
    )


def in_figures(text: Looked) -> CountingConfig:
    """How large it is, and how well it could be known. Returns what counts as a word in all panels under it."""
    st.subheader(_("In figures"), help=meanings("entropy floor"))
    counting = parse(CountingConfig, forms.read(CountingConfig()))
    with st.spinner(_("Counting words…")):
        counted = texts.statistics(text, counting)
    facts = [
        (_("documents"), number(counted.documents), ""),
        (_("characters"), number(counted.characters), ""),
    ]
    if text.kind != "task":
        facts += [(_("words"), number(counted.words), ""), (_("distinct words"), number(counted.distinct), "")]
    if text.kind == "grammar":
        with st.spinner(_("Adding up what each choice costs…")):
            known = floor(text.key)
        note = meaning("entropy floor")
        facts += [
            (_("floor per text (nats)"), f"{number(known.story)} ± {known.error:.1g}", note),
            (_("floor per token (nats)"), number(known.token), note),
            (_("floor per character (nats)"), number(known.character), note),
        ]
    st.html(
        "<div class='t-host t-still'><dl class='t-facts'>"
        + "".join(
            f"<div><dt title='{escape(note)}'>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value, note in facts
        )
        + "</dl></div>"
    )  # fmt: skip
    st.caption(" ".join((_extent(text, counted), _why_floor(text))))
    if text.kind != "task":
        with st.expander(_("What counts as a word")):
            forms.fields(CountingConfig(), CountingConfig.model_fields)
    return counting


def _extent(text: Looked, counted: Statistics) -> str:
    if text.corpus is not None and text.kind != "text":
        return _(
            "Counted in the first {count} of {total} texts; the program writes more whenever they are wanted.",
            count=counted.documents, total=text.corpus.documents,
        )  # fmt: skip
    if not text.read.whole:
        return _("Counted in the first {characters} characters.", characters=counted.characters)
    return ""


def _why_floor(text: Looked) -> str:
    if text.kind == "grammar":
        return _(
            "The floor is the chance in the text itself: no model can be less surprised. Its grammar knows it exactly."
        )
    if text.kind == "task" and text.corpus is not None:
        task = TASKS[text.corpus.source]
        lines = text.documents[:WEIGHED]
        nats = -sum(task.log_probability(line) for line in lines) / len(lines)
        return _(
            "The question is chance and costs {nats} nats; the answer is certain and costs a perfect model nothing.",
            nats=nats,
        )
    if text.kind == "parallel":
        return _(NO_TRANSLATIONS.template)
    if text.kind in ASKED:
        return _(NO_WRITING.template)
    if text.kind == "mixture":
        return _("There is no floor: a part of this text was written by people, and nobody knows how likely that is.")
    return _("There is no floor: nobody knows how likely a text of people is. Only a text that a grammar has written has one.")  # fmt: skip


def zipf(text: Looked, counting: CountingConfig) -> None:
    """Words by rank, on logarithmic axes, with the line through them."""
    st.subheader(_("How often words occur"), help=meaning("Zipf"))
    counted = texts.statistics(text, counting)
    if counted.distinct < 3:
        st.info(_("Fewer than three different words: there is no curve to draw."))
        return
    words, counts = zip(*counted.counts, strict=True)
    # Words that stand only once or twice are noise, and so many that they would decide the line.
    last = max(3, sum(count >= 5 for count in counts))
    fit = fit_zipf(counts, 1, last)
    st.caption(
        _(
            "Each word at its rank. On such axes a straight line means a power of the rank; in natural texts its slope is near −1."
        )
    )
    drawing(
        "corpus_zipf",
        (text.key, counting), lambda colors: figures.zipf(words, counts, fit.slope, fit.intercept, colors),
        label=_("Occurrences of words by rank, on logarithmic axes"), height=400, name=f"terrarium-zipf-{text.key}",
        table=as_table(("rank", "word", "count"), [(rank, *pair) for rank, pair in enumerate(counted.counts[:_MOST_ROWS], 1)]),
        code=_python(text, "counted = count_words(pieces(config))\nfit = fit_zipf([count for _word, count in counted.counts])\nprint(counted.counts[:10], fit.slope)", "count_words, fit_zipf"),
    )  # fmt: skip


def following(text: Looked, counting: CountingConfig) -> None:
    """P(w2 | w1) of the most frequent words as a heatmap, and what follows one word as a table."""
    st.subheader(_("Which word follows"))
    counted = texts.statistics(text, counting)
    if counted.distinct < 3:
        st.info(_("Fewer than three different words: nothing follows anything."))
        return
    all_followers = texts.followers(text, counting)
    picture, side = st.columns([2.6, 1], gap="large")
    with side:
        size = st.segmented_control(
            _("Words"), FOLLOWED, key=CORPUS_FOLLOWED_KEY, required=True, persist_state="session", width="stretch",
            help=_("How many of the most frequent words stand in the picture."),
        )  # fmt: skip
        words = [word for word, _count in counted.counts[:size]]
        firsts = [word for word, _count in counted.counts[:300] if all_followers[word]]
        st.session_state[CORPUS_USUAL_KEY] = firsts[0] if firsts else None
        if st.session_state.get(CORPUS_FIRST_KEY) not in firsts:
            st.session_state[CORPUS_FIRST_KEY] = st.session_state[CORPUS_USUAL_KEY]
        first = st.selectbox(
            _("After the word"), firsts, key=CORPUS_FIRST_KEY, persist_state="session",
            help=_("A click into the picture chooses it, too."),
        )  # fmt: skip
        if first is not None:
            _table_of(first, all_followers[first])
    shares = np.array(
        [[all_followers[one][other] / max(1, all_followers[one].total()) for other in words] for one in words],
        dtype=float,
    )

    def make(colors: Colors) -> go.Figure:
        hover = _(
            "After “{first}” comes “{second}” with probability {share}.",
            first="%{customdata[0]}",
            second="%{customdata[1]}",
            share="%{z:.3f}",
        )
        return figures.grid(shares, words, words, hover, colors, title_x=_("next word"), title_y=_("word"))

    with picture:
        st.caption(
            _("P(next word | word): the darker, the more often. Rows need not come to 1: rarer words are left out.")
        )
        drawing(
            "corpus_bigrams", (text.key, counting, size), make, label=_("Probability of the next word, for the most frequent words"), height=130 + 26 * len(words),
            least_width=max(340, 110 + 24 * len(words)), name=f"terrarium-bigrams-{text.key}",
            table=as_table(("word", "next_word", "count", "probability"), [
                (one, other, count, count / all_followers[one].total())
                for one in words for other, count in all_followers[one].most_common(50)
            ]),
            code=_python(text, "words = [word for word, _count in count_words(pieces(config)).counts[:16]]\nfor word, after in count_followers(pieces(config), words).items():\n    print(word, [(other, count / after.total()) for other, count in after.most_common(5)])", "count_followers, count_words"),
            on_picked=lambda point: _take_first(point, firsts),
        )  # fmt: skip


def _take_first(point: object, firsts: list[str]) -> None:
    word = point[0] if isinstance(point, list) and point else None
    if word in firsts:
        st.session_state[CORPUS_FIRST_KEY] = word


def _table_of(first: str, after: "Counter[str]") -> None:
    total = after.total()
    st.dataframe(
        {
            _("next word"): [word for word, _count in after.most_common(50)],
            "P": [count / total for _word, count in after.most_common(50)],
            _("times"): [count for _word, count in after.most_common(50)],
        },
        hide_index=True, height=300,
        column_config={"P": st.column_config.ProgressColumn("P", format="%.3f", min_value=0, max_value=1)},
    )  # fmt: skip


def _python(text: Looked, work: str, names: str) -> str:
    corpus = repr(text.key) if text.corpus else '"my-text.txt"'
    return f"""\
from llm_core.config import DataConfig
from llm_core.data.source import pieces
from llm_core.data.statistics import {names}

config = DataConfig(corpus={corpus})
{work}
"""
