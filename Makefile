.PHONY: run classroom test check models messages

run:
	python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt && .venv/bin/streamlit run app.py

classroom:
	python3 -m venv .venv && .venv/bin/pip install -q -r requirements.txt && TERRARIUM_CLASSROOM=1 .venv/bin/streamlit run app.py --server.address 0.0.0.0 --logger.hideWelcomeMessage true

test:
	python3 -m venv .venv && .venv/bin/pip install -q --no-compile -r requirements-dev.txt && .venv/bin/python -m pytest

check:
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy

models:
	.venv/bin/python -m benchmarks.build_models && .venv/bin/python -m benchmarks.build_races && .venv/bin/python -m benchmarks.build_sweeps && .venv/bin/python -m benchmarks.build_inquiries

messages:
	.venv/bin/python -m tests.messages --update
