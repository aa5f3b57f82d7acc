"""Language, translation and number format."""

import math

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.errors import UserError
from pages.ui.text import LANGUAGES, catalogue, number, translate


def page() -> None:
    import streamlit as st

    from llm_core.errors import UserError
    from pages.ui.text import _, explain, keep_language, language

    keep_language()
    st.title(_("Train"))
    st.write(_("{count} tokens", count=12345))
    st.write(explain(UserError("{field} must be at most {limit}; it is {value}.", field="x", limit=0.9, value=0.90001)))
    st.caption(language())


def run(**query: str) -> AppTest:
    test = AppTest.from_function(page)
    for name, value in query.items():
        test.query_params[name] = value
    return test.run()


def test_the_link_sets_the_language() -> None:
    assert run(lang="zh").title[0].value == "训练"
    assert run(lang="en").title[0].value == "Train"
    assert run().title[0].value == "Train"
    assert run(lang="<script>").title[0].value == "Train"


def test_sessions_of_two_languages_live_side_by_side() -> None:
    chinese, english = run(lang="zh"), run()
    assert chinese.run().title[0].value == "训练"
    assert english.run().title[0].value == "Train"


def test_the_language_outlives_a_page_change() -> None:
    test = run(lang="zh")
    test.query_params.clear()
    test.run()
    assert test.title[0].value == "训练"
    assert test.query_params["lang"] in ("zh", ["zh"])


def switching() -> None:
    import streamlit as st

    from pages.ui.text import choose_language, keep_language, language

    keep_language()
    said = [language()]
    choose_language("zh" if language() == "en" else "en")
    st.title(" ".join([*said, language()]))


def test_another_language_holds_at_once_by_the_link_and_by_the_switch() -> None:
    test = run(lang="zh")
    test.query_params["lang"] = "en"
    assert test.run().title[0].value == "Train"
    switched = AppTest.from_function(switching).run()
    assert switched.title[0].value == "en zh"
    assert switched.run().title[0].value == "zh en"


def test_values_of_errors_stay_exact() -> None:
    assert "0.90001" in run(lang="zh").markdown[1].value
    assert run().markdown[1].value == "x must be at most 0.9; it is 0.90001."


def test_numbers_in_sentences_are_grouped() -> None:
    assert run().markdown[0].value == "12,345 tokens"
    assert run(lang="zh").markdown[0].value == "12,345 个词元"


def test_english_needs_no_catalogue_and_the_unknown_stays_as_it_is() -> None:
    assert catalogue("en") == {}
    assert translate("Not in any catalogue {x}", "zh") == "Not in any catalogue {x}"
    assert set(LANGUAGES) == {"en", "zh"}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (7, "7"), (12345, "12,345"), (-3, "-3"), (0.5, "0.500"), (1.0, "1.00"), (1234.5, "1,230"), (999.6, "1,000"),
        (0.00012, "0.000120"), (0.0000123, "1.23 × 10⁻⁵"), (4.6e17, "4.60 × 10¹⁷"), (-0.25, "−0.250"),
        (math.nan, "–"), (math.inf, "∞"), (-math.inf, "−∞"),
    ],
)  # fmt: skip
def test_one_number_format(value: float, text: str) -> None:
    assert number(value) == text


def test_an_error_reads_the_same_on_the_command_line() -> None:
    assert str(UserError("There is no recipe {name}.", name="x")) == "There is no recipe x."
