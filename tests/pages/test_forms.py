"""Config classes become forms: every field has a widget, every choice a name, and what comes back is what went in."""

from typing import Any, Literal, get_args, get_origin

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.config import DataConfig, NgramConfig, RecurrentConfig, TrainingConfig, TransformerConfig, parse
from pages.ui import forms

KINDS = [TransformerConfig, RecurrentConfig, NgramConfig, DataConfig, TrainingConfig]


def whole_form(kind_name: str) -> None:
    import streamlit as st

    import llm_core.config
    from pages.ui import forms

    kind = getattr(llm_core.config, kind_name)
    config = kind()
    forms.fields(config, forms.folded_names(kind, {"encoding", "text_column", "architecture", "objective"}))
    st.session_state["read"] = forms.read(config)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_untouched_form_gives_the_config_it_was_made_from(kind: Any) -> None:
    test = AppTest.from_function(whole_form, args=(kind.__name__,)).run()
    assert not test.exception
    assert parse(kind, test.session_state["read"]) == kind()


def test_a_typed_number_reaches_the_config() -> None:
    test = AppTest.from_function(whole_form, args=("TransformerConfig",)).run()
    test.number_input(key=forms.form_key(TransformerConfig, "width")).set_value(64)
    test.selectbox(key=forms.form_key(TransformerConfig, "activation")).set_value("swiglu")
    test.run()
    config = parse(TransformerConfig, test.session_state["read"])
    assert (config.width, config.activation) == (64, "swiglu")


def test_every_choice_has_a_name() -> None:
    for kind in KINDS:
        for name in forms.folded_names(kind, {"architecture", "objective"}):
            annotation = forms._plain(kind.model_fields[name])[0]
            if get_origin(annotation) is Literal:
                assert set(get_args(annotation)) <= set(forms.CHOICES), name


def test_limits_are_those_of_the_validator() -> None:
    assert forms.limits(TrainingConfig.model_fields["batch_size"]) == (1, 4096)
    assert forms.limits(TrainingConfig.model_fields["learning_rate"]) == (0, 10)
