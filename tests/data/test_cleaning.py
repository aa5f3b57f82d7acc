"""Cleaning breaks no text, does nothing more when done again, and reports exactly what it did."""

import json
import time
import unicodedata
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_core.config import DataConfig, parse
from llm_core.data import cleaning
from llm_core.data.cleaning import CleaningConfig, as_file, clean
from llm_core.data.source import documents
from llm_core.errors import UserError

NASTY = (
    " e\u0301 \u0301alone  ﬁ Ａ① ½ ſ İ I\u0307 ΑΣ ϓ ㈠ \u1e9e \u0345 👩‍👩‍👧 🇨🇳 👍🏽 𝔘 \ud800 \udc00\ud800 \u202eleft\u202c"
    " \u3000汉字　字 \x00 \x1b \x85 \u2028\u2029\r\n\r\n\r\n\r \t\t x\xa0\xa0y \ufeff \u200b\u200d \n\n\n\n end  "
)
ALL = CleaningConfig(unicode="nfkc", lower_case=True, near_duplicates=True, part="line")
configs = st.builds(
    CleaningConfig,
    unicode=st.sampled_from(["none", "nfc", "nfkc"]),
    lower_case=st.booleans(),
    white_space=st.booleans(),
    exact_duplicates=st.booleans(),
    near_duplicates=st.booleans(),
    similarity=st.sampled_from([0.5, 0.8, 1.0]),
    part=st.sampled_from(["document", "paragraph", "line"]),
)
likely = st.lists(
    st.sampled_from([*NASTY, "\n", "\n\n", " ", "a", "\u0301", "A line of more than 16 characters.", "A line of more than 17 characters.", "我们今天一起去公园看花，好不好？好！"]),
    max_size=40,
).map("".join)  # fmt: skip
texts = st.lists(st.text(st.characters(), max_size=40) | likely, max_size=5)


def only(**changes: Any) -> CleaningConfig:
    """Nothing but what is named."""
    return parse(CleaningConfig, {"unicode": "none", "white_space": False, "exact_duplicates": False} | changes)


@given(texts, configs)
@example([NASTY, NASTY + "!"], ALL)
@settings(deadline=None, max_examples=120)
def test_cleaned_once_more_it_stays_as_it_is(given_texts: list[str], config: CleaningConfig) -> None:
    once = clean(given_texts, config)
    again = clean(once.texts, config)
    assert again.texts == once.texts
    assert not any(step.changed or step.removed or step.characters or step.examples for step in again.steps)


@given(texts, configs)
@example([NASTY], CleaningConfig())
@settings(deadline=None, max_examples=120)
def test_no_text_is_broken_and_the_report_adds_up(given_texts: list[str], config: CleaningConfig) -> None:
    cleaned = clean(given_texts, config)
    assert list(cleaned.kept) == sorted(set(cleaned.kept))
    before = sum(len(t.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")) for t in given_texts)
    after = sum(map(len, cleaned.texts))
    assert cleaned.characters == (before, after)
    assert sum(step.characters for step in cleaned.steps) == before - after
    assert cleaned.documents == (len(given_texts), len(cleaned.texts))
    for text, place in zip(cleaned.texts, cleaned.kept, strict=True):
        assert text.strip()
        text.encode()
        if config.part == "document" and not config.lower_case:
            form = {"none": "NFC"}.get(config.unicode, config.unicode.upper())
            shown = given_texts[place].encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            assert same(form, text) == same(form, shown)


def same(form: Any, text: str) -> str:
    """What must never change: the characters that are no white space, in one Unicode form."""
    return "".join(unicodedata.normalize(form, text).split())


@cache
def every_character() -> str:
    """All that can change: no letter without case, and nothing private or unassigned."""
    characters = (chr(code) for code in range(0x30000) if not 0xD800 <= code < 0xE000)
    return "x" + "x\u0301 A".join(c for c in characters if unicodedata.category(c) not in ("Cn", "Co", "Lo"))


@pytest.mark.parametrize(("form", "lower"), list(product(["none", "nfc", "nfkc"], [False, True])))
def test_every_character_is_finished_after_one_cleaning(form: str, lower: bool) -> None:
    config = only(unicode=form, lower_case=lower, white_space=True)
    whole = clean([every_character()], config).texts
    assert clean(whole, config).texts == whole


def test_families_of_emoji_and_accents_stay_together() -> None:
    text = "👩‍👩‍👧 👍🏽 🇨🇳 é\n"
    assert clean([unicodedata.normalize("NFD", text)]).texts == (text,)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("one  two\tthree \n", "one two three\n"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("\n\n a\n\n\n\n\nb\n\n", " a\n\nb\n"),
        ("if x:\n\tpass  \n    return  1\n", "if x:\n\tpass\n    return 1\n"),
        ("\u3000\u3000汉字\u3000\u3000汉字\xa0\n", "\u3000\u3000汉字 汉字\n"),
        ("a\n \t \nb", "a\n\nb"),
    ],
)
def test_white_space_is_tidied_and_indents_stay(before: str, after: str) -> None:
    assert clean([before], only(white_space=True)).texts == (after,)


def test_unicode_forms() -> None:
    assert clean(["e\u0301ﬁ１"], only(unicode="nfc")).texts == ("éﬁ１",)
    assert clean(["e\u0301ﬁ１，"], only(unicode="nfkc")).texts == ("éfi1,",)
    assert clean(["Straße ÉTÉ İ"], only(lower_case=True)).texts == ("straße été i̇",)


def test_the_first_of_equal_documents_stays_and_labels_can_follow() -> None:
    cleaned = clean(["good", "bad", "good ", "", "fine", "bad"])
    assert cleaned.texts == ("good", "bad", "fine")
    assert cleaned.kept == (0, 1, 4)
    steps = {step.name: step for step in cleaned.steps}
    assert (steps["white_space"].changed, steps["white_space"].characters) == (1, 1)
    assert (steps["exact_duplicates"].removed, steps["exact_duplicates"].characters) == (2, 7)
    assert steps["empty"].removed == 1
    assert [example.before for example in steps["exact_duplicates"].examples] == ["good", "bad"]


def test_repeated_paragraphs_and_lines_go_and_short_ones_stay() -> None:
    long, other = "A paragraph that comes again and again.", "Another one that is only here."
    text = f"Chapter\n\n{long}\n\nChapter\n\n{long}\n\n{other}\n"
    assert clean([text], only(exact_duplicates=True, part="paragraph")).texts == (f"Chapter\n\n{long}\n\nChapter\n\n{other}\n",)  # fmt: skip
    lines = f"{{\n{long}\n}}\n{{\n{long}\n}}\n"
    assert clean([lines], only(exact_duplicates=True, part="line")).texts == (f"{{\n{long}\n}}\n{{\n}}\n",)
    assert clean([lines, lines], only(exact_duplicates=True, part="document")).texts == (lines,)


def test_near_copies_go_with_the_one_they_resemble_shown() -> None:
    first = "The little fox walked along the river until it found a warm place to sleep under the old bridge."
    other = first.replace("warm", "cosy")
    cleaned = clean([first, "Nothing like it at all.", other], CleaningConfig(near_duplicates=True))
    assert cleaned.kept == (0, 1)
    (step,) = [step for step in cleaned.steps if step.name == "near_duplicates"]
    (shown,) = step.examples
    assert (shown.before, shown.alike, shown.after) == (other, first, None)
    assert shown.similarity == pytest.approx(0.83, abs=0.03)


def test_examples_show_the_place_of_the_change_and_stay_short() -> None:
    cleaned = clean(["word " * 1000 + "two  spaces" + " word" * 1000] * 30, only(white_space=True))
    (step,) = cleaned.steps
    assert step.changed == 30
    assert len(step.examples) == 20
    assert "two  spaces" in step.examples[0].before
    assert "two spaces" in (step.examples[0].after or "")
    assert len(step.examples[0].before) < 200


@given(texts)
@settings(deadline=None, max_examples=40)
def test_the_file_holds_the_cleaned_documents(given_texts: list[str]) -> None:
    cleaned = clean(given_texts).texts
    name, raw = as_file(cleaned)
    if name.endswith(".jsonl"):
        assert tuple(json.loads(line)["text"] for line in raw.decode().split("\n")[:-1]) == cleaned
    else:
        assert raw.decode() == cleaned[0]


def test_the_file_is_read_back_as_a_corpus(tmp_path: Path) -> None:
    cleaned = clean(["first\n\u2028line", "second", "third 汉字"]).texts
    name, raw = as_file(cleaned)
    (tmp_path / name).write_bytes(raw)
    assert tuple(documents(DataConfig(corpus=str(tmp_path / name)))) == cleaned


def test_too_long_a_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "LARGEST", 1_000_000)
    with pytest.raises(UserError, match="1 million"):
        clean("x" * 1000 for _ in range(1001))


@pytest.mark.parametrize("text", [" " * 400_000 + "a", "\n" * 400_000 + "a", "a " * 200_000, "e\u0301" * 200_000, "\r" * 400_000, "A line of 20 letters.\n" * 20_000])  # fmt: skip
def test_odd_texts_take_no_longer_than_others(text: str) -> None:
    started = time.process_time()
    clean([text], ALL)
    assert time.process_time() - started < 3


def test_cleaning_can_be_cancelled() -> None:
    def cancel(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        clean(["text"], report=cancel)
