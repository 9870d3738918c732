# make up     everything running, with the sample plant; again = no-op
# make test   linters, type checks and every test
# make down   stop everything          make logs   the services' logs
# make bench  the benchmarks of docs/benchmarks.md, about an hour; BENCH="--meters 20" is a fiftieth
# make bench-workbench  pages over 100,000 meters, a workbook of 5,000 rows
# make bench-upload     an outage's backlog of 1.44 million rows, to the bundled platform
# make lint   linters and type checks  make doctor what is wrong with this installation
PYTHON ?= python3
BIN := .venv/bin

.PHONY: up down logs doctor test lint bench bench-workbench bench-upload environment environment-dev

up: environment
	@$(BIN)/nengduan up

down: environment
	@$(BIN)/nengduan down

logs: environment
	@$(BIN)/nengduan logs

doctor: environment
	@$(BIN)/nengduan doctor

# A worker for every core, each with a PostgreSQL of its own; more than four would only wait for the longest module.
test: lint
	@$(BIN)/pytest -n logical --maxprocesses 4

lint: environment-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 2 dbt_project

bench: environment
	@$(BIN)/python -m tests.bench $(BENCH)

bench-workbench: environment-dev
	@$(BIN)/python -m tests.bench.workbench $(BENCH)

bench-upload: environment-dev
	@$(BIN)/python -m tests.bench.upload $(BENCH)

environment:
	@$(PYTHON) plugins/operations/bootstrap.py runtime

environment-dev:
	@$(PYTHON) plugins/operations/bootstrap.py dev
