"""A sentence that a file holds is filled in as this program writes it, and in no other way."""

import json
import tracemalloc
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from llm_core.runs.sentences import sentence_in
from llm_core.runs.status import recorded
from tests.messages import load

STRANGE: list[dict[str, Any]] = [
    {"template": "{x:>2000000000}", "values": {"x": 1}}, {"template": "{x:{y}}", "values": {"x": 1, "y": 9}},
    {"template": "{x.__class__}", "values": {"x": 1}}, {"template": "{x[0]}", "values": {"x": "a"}}, {"template": "{}", "values": {}},
    {"template": "{0}", "values": {"0": 1}}, {"template": "{"}, {"template": "}"}, {"template": "{y}", "values": {"x": 1}},
    {"template": "{x:,}", "values": {"x": "text"}}, {"template": "{x:.2f}", "values": {"x": 10**400}}, {"template": "{x!z}", "values": {"x": 1}},
    {"template": "{x}", "values": {"x": [1]}}, {"template": "{x}", "values": {"x": "long" * 1000}}, {"template": "{x}" * 21, "values": {"x": 1}},
    {"template": "long" * 1000}, {"template": "{x}", "values": [1]}, {"template": "a", "values": {"self": 1}}, {"template": 3}, {"template": ""}, {},
]  # fmt: skip


@pytest.mark.parametrize("told", STRANGE)
def test_what_this_program_does_not_write_is_no_sentence(tmp_path: Path, told: dict[str, Any]) -> None:
    tracemalloc.start()
    try:
        assert sentence_in(told) is None
        (tmp_path / "status.json").write_text(json.dumps({"state": "failed", **told}))
        found = recorded(tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert found is not None
    assert (found.state, found.template, found.message) == ("failed", None, "")


def test_every_sentence_of_this_program_is_one() -> None:
    templates = [message.id for message in load("zh") if isinstance(message.id, str) and message.id]
    assert len(templates) > 1000
    for template in templates:
        places = [(name, form, how) for _text, name, form, how in Formatter().parse(template) if name is not None]
        values = {name: "text" if how or not form else 1234.5 for name, form, how in places}
        found = sentence_in({"template": template, "values": values})
        assert found is not None, template
        assert str(found) == template.format(**values)
