"""Pairs of texts at a click: what is typed is read as the pair that the grammar made."""

from collections.abc import Iterator

import pytest

from llm_core.errors import UserError
from llm_core.interpret.reading import read
from llm_core.runs.store import Store
from pages.ui import state
from pages.ui.inside.patching.grammar_pair import _grammar, pair_of


@pytest.fixture(autouse=True)
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERRARIUM_RUNS", str(tmp_path_factory.mktemp("none")))
        state.store.cache_clear()
        yield state.store()
    state.store.cache_clear()


@pytest.mark.parametrize(("name", "kind"), [("stories-en", "number"), ("cloze-en-zh", "name"), ("translate-en-zh", "place")])  # fmt: skip
def test_both_texts_are_read_as_many_tokens_and_part_in_one_thing(bundled: Store, name: str, kind: str) -> None:
    run = bundled.find(name)
    text, source, other, position, target, against = pair_of(name, run.steps()[-1], kind, "stories", "en", 5)
    model, tokenizer = bundled.model(run)
    if source:
        one, two = (read(model, tokenizer, text, each).source for each in (source, other))
        assert one is not None
        assert two is not None
    else:
        one, two = (read(model, tokenizer, each).text for each in (text, other))
    assert len(one.ids) == len(two.ids)
    assert one.ids != two.ids
    assert position is not None
    assert position < len(read(model, tokenizer, text, source or None).text.ids)
    assert target != against


def test_another_click_gives_another_pair(bundled: Store) -> None:
    step = bundled.find("stories-en").steps()[-1]
    first, second = (pair_of("stories-en", step, "name", "stories", "en", seed) for seed in (1, 2))
    assert first[0] != second[0]


def test_buttons_stand_where_the_model_knows_the_world_of_the_grammar() -> None:
    assert _grammar("stories-zh") == ("stories", "zh")
    assert _grammar("cloze-en-zh") == ("stories", "en")
    assert _grammar("induction-en") is None
    assert _grammar("python-reference") is None


def test_where_no_text_makes_a_pair_a_sentence_says_so(bundled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llm_core.interpret.patching.pairs._PATIENCE", 3)
    with pytest.raises(UserError, match="pair of this kind"):
        pair_of("cloze-en-zh", bundled.find("cloze-en-zh").steps()[-1], "number", "stories", "zh", 5)
