"""The page *Inside* opened as a script, by a link; and the link that it leaves."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

PAGE = Path(__file__).parents[2] / "pages" / "inside.py"


def open_inside(**query: str) -> AppTest:
    test = AppTest.from_file(PAGE, default_timeout=90)
    for name, value in query.items():
        test.query_params[name] = value
    test.run()
    assert not test.exception
    return test


def link_of(test: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in test.query_params.items()}
