.PHONY: run test check models messages

run:
	python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt && .venv/bin/streamlit run app.py

test: .venv/installed-for-tests
	.venv/bin/python -m pytest

check: .venv/installed-for-tests
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

# Without bytecode, which half the time goes into: Python writes that of the modules which are really used.
.venv/installed-for-tests: requirements.txt requirements-dev.txt
	python3 -m venv .venv && .venv/bin/pip install -q --no-compile -r requirements-dev.txt && touch $@

models:
	.venv/bin/python -m benchmarks.build_models && .venv/bin/python -m benchmarks.build_races

messages:
	.venv/bin/python -m tests.messages --update
