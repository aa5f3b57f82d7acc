"""The Corpus page as a script: what it asks the browser to show, its link, and what it makes of a person's text."""

import json
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.data.corpora import CORPORA
from llm_core.errors import UserError
from llm_core.runs.store import Store
from pages.ui.corpus import counts, texts, tokenizers, vectors
from pages.ui.corpus import story as story_panel

PAGE = Path(__file__).parents[2] / "pages" / "corpus.py"
HOSTILE = "<img src=x onerror=alert(1)> said the cat. The cat saw <b>me</b>. The cat sat. " * 6


@pytest.fixture(autouse=True)
def small(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few texts, small vocabularies, no bundled model: everything else is as it is."""
    monkeypatch.setattr(texts, "WRITTEN", 60)
    monkeypatch.setattr(texts, "MOST", 40_000)
    monkeypatch.setattr(counts, "WEIGHED", 8)
    monkeypatch.setattr(counts, "WEIGHED_BY_FILTER", 4)
    monkeypatch.setattr(tokenizers, "READ", 20_000)
    monkeypatch.setattr("llm_core.runs.store.BUNDLED_MODELS", store.root / "none")
    texts._read.cache_clear()


def open_page(**query: str) -> AppTest:
    test = AppTest.from_file(PAGE, default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def components(test: AppTest) -> list[dict[str, Any]]:
    return [json.loads(node.proto.json) for node in test.get("bidi_component")]


def story(test: AppTest) -> dict[str, Any]:
    (data,) = [data for data in components(test) if "rows" in data]
    return data


def said(test: AppTest) -> list[str]:
    """Both sides of every sentence as plain text."""
    return [
        "".join(segment["text"] for segment in side["segments"]) for row in story(test)["rows"] for side in row["sides"]
    ]


def drawings(test: AppTest) -> dict[str, dict[str, Any]]:
    return {data["name"].split("-")[1]: data for data in components(test) if "figures" in data}


def html(test: AppTest) -> str:
    return "".join(node.proto.body for node in test.get("html"))


def link(test: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in test.query_params.items()}


def test_it_opens_on_a_story_in_two_languages_with_its_world_and_its_tree() -> None:
    test = open_page()
    rows = story(test)["rows"]
    assert len(rows) > 3
    assert all([side["language"] for side in row["sides"]] == ["en", "zh"] for row in rows)
    assert {"stories", "zipf", "bigrams"} <= drawings(test).keys()
    for drawing in drawings(test).values():
        assert set(drawing["figures"]) == {"light", "dark"}
        assert drawing["table"].count("\n") > 3
        compile(drawing["code"], "taken away", "exec")
    assert any("The floor is the chance" in caption.value for caption in test.caption)


def test_in_a_chinese_page_the_chinese_story_comes_first() -> None:
    test = open_page(lang="zh")
    assert test.title[0].value == "语料"
    assert [side["language"] for side in story(test)["rows"][0]["sides"]] == ["zh", "en"]
    assert link(test)["corpus"] == "stories-zh"


def test_the_next_text_is_another_one_and_its_link_shows_it_again() -> None:
    test = open_page()
    first = said(test)
    test.button(key="corpus_next").click().run()
    assert said(test) != first
    assert link(test)["story"] == "1"
    assert said(open_page(**link(test))) == said(test)
    test.button(key="corpus_before").click().run()
    assert said(test) == first


def test_colours_and_skill_stand_in_the_link() -> None:
    test = open_page(corpus="stories-en", colours="part", story="3")
    assert story(test)["colours"] == "part"
    words = [segment for row in story(test)["rows"] for side in row["sides"] for segment in side["segments"]]
    assert any(word.get("label") == "verb" for word in words)
    assert link(test) == {"corpus": "stories-en", "colours": "part", "story": "3"}


def test_a_skill_to_look_for_leads_to_a_text_that_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    test = open_page(corpus="stories-en")
    (guide,) = [data for data in components(test) if "lines" in data]
    views = [button["view"] for line in guide["lines"] for button in line["buttons"]]
    assert {"who", "part", "skill agreement", "skill place"} <= set(views)
    state: dict[str, Any] = {"corpus_seed": 1, "corpus_story": 0}
    monkeypatch.setattr(story_panel.st, "session_state", state)
    story_panel._set_view(CORPORA["stories-en"], "skill agreement")
    asked = {item.skill for side in story_panel.pair("stories", 1, state["corpus_story"]) for item in side.truth.items}
    assert "agreement" in asked


def test_a_broken_link_leaves_the_page_as_it_was() -> None:
    broken = {
        "corpus": "../etc/passwd", "story": "9" * 40, "seed": "１２", "colours": "<script>", "skill": "flying",
        "size": "7", "followed": "1e9", "word": "nobody says this",
    }  # fmt: skip
    test = open_page(**broken)
    assert said(test) == said(open_page())
    assert link(test) == {"corpus": "stories-en"}


def test_both_languages_of_a_text_have_the_same_floor() -> None:
    english, chinese = counts.floor("stories-en"), counts.floor("stories-zh")
    assert english.story == pytest.approx(chinese.story)
    assert english.token < english.story


@pytest.mark.parametrize(
    ("corpus", "sentence"),
    [
        ("stories-en", "The floor is the chance"),
        ("python-reference", "There is no floor"),
        ("sort", "the answer is certain"),
        ("parallel-en-zh", "not how likely a translation is"),
    ],
)
def test_every_text_has_a_floor_or_a_reason(corpus: str, sentence: str) -> None:
    assert any(sentence in caption.value for caption in open_page(corpus=corpus).caption)


def test_a_task_shows_questions_with_their_right_answers() -> None:
    body = html(open_page(corpus="reverse"))
    line = next(texts.embedded("reverse").documents.__iter__())
    question, answer = line.split(">")
    assert answer == question[::-1]
    assert f"<span>{question}&gt;</span><b>{answer}</b>" in body


def test_sentence_pairs_stand_beside_each_other() -> None:
    body = html(open_page(corpus="parallel-en-zh"))
    sentence, translation = texts.embedded("parallel-en-zh").documents[0].split("\t")
    assert f"<span>{escape(sentence)}</span><b>{escape(translation)}</b>" in body


def own_text(text: str) -> AppTest:
    test = AppTest.from_file(PAGE, default_timeout=60)
    test.session_state["train_text_way"] = "paste"
    test.session_state["train_paste"] = text
    test.run()
    assert not test.exception
    return test


def test_a_person_s_text_is_counted_shown_as_text_and_kept_nowhere(store: Store) -> None:
    test = own_text(HOSTILE)
    assert "<img" not in html(test)
    assert "&lt;img" in html(test)
    assert not {"corpus", "story", "word"} & link(test).keys(), "a link can say nothing of a text that only they have"
    assert not any(store.root.iterdir())
    table = drawings(test)["zipf"]["table"]
    assert table.splitlines()[1] == "1,cat,18"
    assert all("<b>" not in json.dumps(drawing["figures"]) for drawing in drawings(test).values())


@pytest.mark.parametrize("text", ["！", "\n\nx\n", "🙂 = 🙂", "aaaa " * 300])
def test_a_text_with_nearly_nothing_in_it_is_no_fault(text: str) -> None:
    assert own_text(text).subheader


def test_without_a_text_the_page_says_what_will_be_here() -> None:
    test = own_text(" ")
    assert "Here your text will be counted" in test.info[0].value


def test_four_tokenizers_stand_side_by_side_on_the_sentence_that_was_written() -> None:
    test = open_page(sentence="The <i>cat</i> sat.", size="512")
    body = html(test)
    assert body.count("t-card'") == 4
    assert "<i>" not in body
    (merges,) = [data for data in components(test) if "states" in data]
    pieces = [piece for word in merges["states"][-1]["words"] for piece, _fresh in word]
    assert "".join(pieces).replace("·", " ") == "The <i>cat</i> sat."
    assert link(test)["sentence"] == "The <i>cat</i> sat."


def test_a_tokenizer_can_be_trained_here_and_a_vocabulary_that_is_too_small_is_refused() -> None:
    made = tokenizers.of_text(texts.embedded("stories-en"), "bpe", 300).tokenizer
    assert (made.kind, made.vocabulary_size) == ("bpe", 300)
    with pytest.raises(UserError, match="vocabulary_size = 20"):
        tokenizers.of_text(texts.embedded("stories-en"), "wordpiece", 20)


def test_a_text_is_cleaned_with_what_was_changed_beside_it() -> None:
    test = open_page()
    test.text_area(key="corpus_dirty").set_value(
        "one  two\nthe same line again and again\nthe same line again and again"
    ).run()
    assert "1 removed" in html(test)
    assert [code.value for code in test.code] == ["one two\nthe same line again and again"]
    test.text_area(key="corpus_dirty").set_value("  ").run()
    assert any("Here a text will be made clean" in info.value for info in test.info)


def test_at_most_five_controls_stand_beside_the_picture() -> None:
    test = open_page()
    beside = test.columns[1]
    folded = beside.expander[0]
    widgets = ("selectbox", "segmented_control", "button", "number_input", "text_input")
    opened = sum(len(getattr(beside, kind)) - len(getattr(folded, kind)) for kind in widgets)
    # The way of bringing a text and its name are one choice; the way to training is a link.
    assert opened - 2 <= 5


@pytest.mark.parametrize("key", ["entities-en-zh", "questions-en-zh", "talk-en", "stories-zh"])
def test_words_as_vectors_come_from_a_model_of_language_whatever_the_text(key: str) -> None:
    run = vectors._reader(SimpleNamespace(key=key))  # type: ignore[arg-type]
    assert run is not None
    tokenizer, table = vectors.learned(run)
    assert len(table) == tokenizer.vocabulary_size
