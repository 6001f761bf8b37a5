# Two commands set up all they need: `make quickstart` and `make test`.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
OUT ?= out/quickstart

.PHONY: quickstart test lint format bench latency coverage fuzz results accuracy clean

quickstart: $(VENV)/.quickstart  ## data and a board's budget in, measured firmware out
	$(BIN)/python -m edge_runtime.quickstart --out $(OUT)

test: $(VENV)/.dev  ## everything that runs without a board
	$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

lint: $(VENV)/.dev  ## style, and types of the package as it is installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build && mkdir -p build/types
	$(PIP) --no-deps --target build/types .
	cd build/types && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p edge_runtime

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev  ## speed of the tool and cost of the shared models; rewrites docs/benchmarks.md
	$(BIN)/python -m edge_runtime.bench

coverage: $(VENV)/.dev  ## the ONNX backend test suite; rewrites docs/onnx-coverage.md
	$(BIN)/python -m edge_runtime.onnx_coverage_page

fuzz: $(VENV)/.dev  ## 100,000 mutated model files; rewrites docs/fuzzing.md
	OMP_NUM_THREADS=1 nice -n 10 $(BIN)/python tests/fuzz/fuzz.py --record docs/fuzzing.md

latency: $(VENV)/.dev  ## latency models and sizes of all cores; rewrites docs/latency.md
	$(BIN)/python -m edge_runtime.latency_page

results: $(VENV)/.quickstart  ## the quickstart's search over three seeds; rewrites docs/results.md
	$(BIN)/python -m edge_runtime.results

accuracy: $(VENV)/.dev  ## what quantization costs on the shared models; rewrites docs/quantization.md
	$(BIN)/python -m edge_runtime.accuracy

clean:
	rm -rf build out .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.quickstart: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -c constraints.txt -e '.[nas]'
	$(PIP) --no-deps seglearn==1.2.5
	touch $@

$(VENV)/.dev: $(VENV)/.quickstart tests/requirements-oracle.txt
	$(PIP) -c constraints.txt -e '.[nas,dev]'
	$(PIP) --no-deps -r tests/requirements-oracle.txt
	touch $@
