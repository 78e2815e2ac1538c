# Thin: each target is one line, the work is in Python. `make help` lists them.
SHELL := /bin/bash
ENV ?= dev
TOOLS := $(or $(REFSTACK_TOOLS),.tools)
# The first Python 3.12 or 3.11 on this machine that runs; the tools are installed with it.
PYTHON := $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && echo $$p && break; done)
RUN := "$(TOOLS)/main/bin/python" -m local.cli

.DEFAULT_GOAL := help
.PHONY: help setup demo up stream down compose status spark-history test test-all test-faults bench lint synth deploy doctor destroy sources fidelity

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 22

setup: ## install the tools into .tools/ (done by every other target)
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed; install one and run again." >&2; exit 1; }
	@$(PYTHON) -m local.toolchain

demo: setup ## run the whole pipeline on real data, then write build/demo/report.html
	@$(RUN) demo

up: setup ## start the embedded AWS with everything deployed, and leave it running
	@$(RUN) up

stream: setup ## replay a day (DAY=2013-07-10) onto Kafka, with a live view; needs make up
	@$(RUN) stream $(if $(DAY),--day $(DAY))

down: setup ## stop the embedded AWS and everything that it started
	@$(RUN) down

compose: ## with Docker: Airflow, PostgreSQL, Kafka and the ETL (needs .env, see compose/example.env)
	@rm -rf build/compose && mkdir -p build/compose && cp -R containers/etl build/compose/etl && cp -R flights build/compose/etl/flights && docker compose --profile etl build && docker compose up

status: setup ## what runs, and where
	@$(RUN) status

spark-history: setup ## open Spark's UI on the event logs of the runs
	@$(RUN) spark-history

test: setup ## the whole offline suite
	@$(RUN) test

test-all: setup ## the slow rest of the tests, without what `make test` runs; up to an hour
	@$(RUN) test-all

test-faults: setup ## kill jobs and brokers of the stream by chance, for some minutes
	@$(RUN) test-faults

bench: setup ## benchmarks as ratios: the cost of a day with ten years of history, and more
	@$(RUN) bench

lint: setup ## ruff, mypy --strict, hadolint, cdk-nag, cfn-lint
	@$(RUN) lint

synth: setup ## synthesise every stack of ENV (dev, stage, prod, localstack) into cdk.out/
	@$(RUN) synth --env $(ENV)

deploy: setup ## deploy ENV to AWS, or with ENV=localstack to LOCALSTACK_HOST; YES=1 deletes what is switched off
	@$(RUN) deploy --env $(ENV) $(if $(filter 1,$(YES)),--yes)

doctor: setup ## what a deploy of ENV would stumble over in your account: quotas, names, zones; reads only
	@$(RUN) doctor --env $(ENV)

destroy: setup ## delete the stacks of ENV and list what is left; SWEEP=1 deletes that, except retained data
	@$(RUN) destroy --env $(ENV) $(if $(filter 1,$(SWEEP)),--sweep)

sources: setup ## ask each live source of ENV one small request, and show what it answers
	@$(RUN) sources --env $(ENV)

fidelity: setup ## write docs/fidelity.md: what is real here, what is emulated, what is missing
	@$(RUN) fidelity
