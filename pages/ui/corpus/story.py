"""The picture at the top of the Corpus page: one story in both languages with its truth, and its derivation as a tree."""

from collections import Counter
from functools import cache, lru_cache
from typing import Any

import streamlit as st

from llm_core.data.corpora import Corpus
from llm_core.data.generated import SEED
from llm_core.data.grammar.sampler import Sampled
from llm_core.data.table_writing import as_table
from pages.ui.corpus.link import ALL, LARGEST
from pages.ui.corpus.told import Told, as_story, skills_in, told, worlds
from pages.ui.corpus.tree import extent, tree
from pages.ui.corpus.words import GROUPS, skill_name
from pages.ui.drawing import drawing
from pages.ui.glossary import SKILLS
from pages.ui.live import script
from pages.ui.panels import what_to_look_for
from pages.ui.state import CORPUS_COLOURS_KEY, CORPUS_SEED_KEY, CORPUS_SKILL_KEY, CORPUS_STORY_KEY
from pages.ui.text import _, language

LANGUAGES = ("en", "zh")
_TELLING = ("agreement", "place", "pronoun")
_LEAFED, _SEARCHED = 12, 40
"""Texts looked through for skills at all, and for the next one with a certain skill."""


@cache
def _component() -> Any:
    return st.components.v2.component("terrarium_story", js=script("format", "story"), isolate_styles=False)


@st.cache_resource(max_entries=64, show_spinner=False)
def pair(grammar: str, seed: int, story: int) -> tuple[Sampled, Sampled]:
    """One derivation in English and in Chinese. Never changed: sessions share it."""
    from llm_core.data.grammar.grammar import load_grammar
    from llm_core.data.grammar.sampler import sample

    english, chinese = (sample(load_grammar(grammar), code, seed, story) for code in LANGUAGES)
    return english, chinese


def chosen(corpus: Corpus) -> tuple[Told, Told]:
    """The story that is looked at: in the language of the text first, then in the other."""
    both = words_of(corpus.source, st.session_state[CORPUS_SEED_KEY], st.session_state[CORPUS_STORY_KEY])
    first, second = sorted(both, key=lambda each: each.language != corpus.language)
    return first, second


@st.cache_resource(max_entries=64, show_spinner=False)
def words_of(grammar: str, seed: int, story: int) -> tuple[Told, Told]:
    """The same, word by word."""
    english, chinese = (told(each) for each in pair(grammar, seed, story))
    return english, chinese


def controls(corpus: Corpus) -> None:
    """Which story, and what its colours mean."""
    st.button(_("Next text"), key="corpus_next", type="primary", width="stretch", on_click=_turn, args=(1,))
    st.segmented_control(
        _("Colours"), ("who", "part"), key=CORPUS_COLOURS_KEY, required=True, width="stretch", persist_state="session",
        format_func={"who": _("Who and what"), "part": _("Parts of speech")}.__getitem__,
    )  # fmt: skip
    skills = [ALL, *skills_in(chosen(corpus))]
    if st.session_state[CORPUS_SKILL_KEY] not in skills:
        st.session_state[CORPUS_SKILL_KEY] = ALL
    st.selectbox(
        _("Skill"), skills, key=CORPUS_SKILL_KEY, persist_state="session",
        format_func=lambda name: _("all skills") if name == ALL else skill_name(name),
        help=_("Places in the text where something must be known to go on rightly. They are underlined."),
    )  # fmt: skip
    with st.expander(_("More")):
        st.button(_("Previous text"), key="corpus_before", width="stretch", on_click=_turn, args=(-1,))
        st.number_input(_("Number"), 0, LARGEST, key=CORPUS_STORY_KEY, persist_state="session")
        st.number_input(
            _("Seed"), 0, LARGEST, key=CORPUS_SEED_KEY, persist_state="session",
            help=_("Each seed has its own endless row of texts. Seed 1 is the one that models are trained on."),
        )  # fmt: skip


def _turn(by: int) -> None:
    st.session_state[CORPUS_STORY_KEY] = (st.session_state[CORPUS_STORY_KEY] + by) % (LARGEST + 1)


def show(corpus: Corpus) -> None:
    """The story, sentence by sentence, and the world after each."""
    sides = chosen(corpus)
    colours, skill = st.session_state[CORPUS_COLOURS_KEY], st.session_state[CORPUS_SKILL_KEY]
    both = pair(corpus.source, st.session_state[CORPUS_SEED_KEY], st.session_state[CORPUS_STORY_KEY])
    world = worlds(both[LANGUAGES.index(language())])
    _component()(
        key="corpus_told",
        data={
            "colours": colours,
            "rows": as_story(sides, world, colours, None if skill == ALL else skill),
            "legend": _legend(sides, colours),
            "labels": {
                "world": _("The world after sentence"),
                "hint": _("Point at a word, or tap it, to see what is known about it."),
            },
        },
    )  # fmt: skip


def _legend(sides: tuple[Told, Told], colours: str) -> list[dict[str, Any]]:
    if colours == "part":
        entries: list[dict[str, Any]] = [{"label": _(name), "colour": place} for place, name in enumerate(GROUPS)]
    else:
        side = next(side for side in sides if side.language == language())
        entries = [
            {"label": side.names[name], "colour": place}
            for name, place in sides[0].palette.items()
            if name in side.names
        ]
    return [*entries, {"label": _("asks for a skill"), "mark": True}]


def derivation(corpus: Corpus) -> None:
    """The tree of the story in the language of the text."""
    story = chosen(corpus)[0]
    seed, number = st.session_state[CORPUS_SEED_KEY], st.session_state[CORPUS_STORY_KEY]
    colours = st.session_state[CORPUS_COLOURS_KEY]

    width, height = extent(story)
    drawing(
        "corpus_tree", (corpus.name, seed, number, colours), lambda colors: tree(story, colours, colors), label=_("The derivation of the text as a tree: its sentences, their words, and links between words"),
        height=height, least_width=width, name=f"terrarium-{corpus.name}-{seed}-{number}",
        table=_table(story), code=_python(corpus, seed, number),
    )  # fmt: skip


def _table(story: Told) -> str:
    heads = (
        "sentence",
        "rule",
        "word",
        "start",
        "end",
        "part_of_speech",
        "means",
        "agrees_with",
        "skills",
        "right",
        "wrong",
    )
    rows = [
        (
            place + 1, sentence.rule, word.text, word.start, word.end, word.part, word.chain or "",
            " ".join(str(other) for other in word.agrees), " ".join(item.skill for item in word.items),
            "|".join(choice for item in word.items for choice in item.right),
            "|".join(choice for item in word.items for choice in item.wrong),
        )
        for place, sentence in enumerate(story.sentences) for word in sentence.words
    ]  # fmt: skip
    return as_table(heads, rows)


def _python(corpus: Corpus, seed: int, number: int) -> str:
    return f"""\
from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.sampler import sample

story = sample(load_grammar({corpus.source!r}), {corpus.language!r}, seed={seed}, index={number})
print(story.text)
print(story.log_probability, "nats")
for word in story.truth.words:
    print(story.text[word.start : word.end], word.part, word.variable)
for chain in story.truth.chains:
    print(chain.variable, [story.text[start:end] for start, end in chain.spans])
for item in story.truth.items:
    print(item.skill, item.right, item.wrong)
"""


@lru_cache(maxsize=16)
def skills_of(grammar: str) -> tuple[str, ...]:
    """Skills that the first texts of a grammar ask for, the most frequent first."""
    asked = Counter(
        item.skill for story in range(_LEAFED) for side in pair(grammar, SEED, story) for item in side.truth.items
    )
    return tuple(skill for skill, _count in asked.most_common() if skill in SKILLS)


def look_for(corpus: Corpus) -> None:
    """Three things worth seeing."""
    lines = [
        (
            _("One derivation tells the story in two languages. Whoever or whatever is meant keeps its colour, also where only he, she or it stands."),
            {"who": _("Show who is meant")},
        ),
        (
            _("Words do their work in the same order of parts: names do something with things. Chinese has measure words where English has a and an."),
            {"part": _("Show the parts of speech")},
        ),
    ]  # fmt: skip
    known = skills_of(corpus.source)
    telling = [name for name in _TELLING if name in known] or list(known[:3])
    if telling:
        lines.append(
            (
                _("Some words can only be right: whether it is or are, where the thing was put. There one sees what a model has understood."),
                {f"skill {name}": skill_name(name) for name in telling},
            )
        )  # fmt: skip
    what_to_look_for("corpus_guide", lines, lambda view: _set_view(corpus, view))


def _set_view(corpus: Corpus, view: str) -> None:
    if view in ("who", "part"):
        st.session_state[CORPUS_COLOURS_KEY] = view
        return
    skill = view.removeprefix("skill ")
    st.session_state[CORPUS_SKILL_KEY] = skill
    # Not every text asks for it: on to the next that does.
    seed, first = st.session_state[CORPUS_SEED_KEY], st.session_state[CORPUS_STORY_KEY]
    for story in range(first, min(first + _SEARCHED, LARGEST + 1)):
        if any(item.skill == skill for side in pair(corpus.source, seed, story) for item in side.truth.items):
            st.session_state[CORPUS_STORY_KEY] = story
            return
