# The only door. Every target sets up what it needs and re-uses it the next time.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
UV := $(BIN)/uv
SAM := .venv-sam/bin/sam
SDK := .venv-sagemaker/bin/python
GATE := .venv-lint/.ready
REFEREE := .venv-referee/.ready
COMPILE := $(UV) pip compile --quiet --no-emit-index-url --no-emit-find-links --generate-hashes \
	--custom-compile-command "make lock"
ENVIRONMENT ?= default
STACK ?= headgate
export SAM_CLI_TELEMETRY := 0
# Python writes byte code also where the machine says otherwise: without it TensorFlow takes four times as long to import.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: deploy destroy costs help setup demo demo-night test conformance clients mutate prove lint images build bench lock clean

help:  ## What can be done here
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: $(VENV)/.ready  ## Create .venv and install the locked dependencies

demo-night: setup  ## What goes wrong at night, rehearsed: a bad model, drift, an outage, a storm of alarms
	@$(BIN)/headgate rehearse night

demo: setup  ## The whole story on real data: drop, train, judge, serve, predict
	@$(BIN)/headgate demo

test: setup $(REFEREE)  ## Every test, the real template on a local cloud included
	HEADGATE_STRICT=1 $(BIN)/python -m pytest -n 2 -m "not clients"

conformance: setup  ## The contract suite against your AWS account: starts no machine, costs a cent or two for alarms
	$(BIN)/python -m pytest tests/contract --cloud aws

clients: setup .venv-sagemaker/.ready  ## The local cloud under boto3, the AWS CLI and the SageMaker SDK, unmodified
	HEADGATE_STRICT=1 $(BIN)/python -m pytest -m clients tests/contract/test_clients.py

mutate: setup  ## Change the rules of gate and rollout place by place: 90 % of the changes have to fail a test
	$(BIN)/python -m tests.mutate

prove: setup $(REFEREE)  ## Every AWS call of a run, held against the template's permissions by an independent evaluator
	$(BIN)/python -m tests.prove

lint: setup $(SAM) $(GATE) .venv-sagemaker/.ready  ## Formatting, types, layers, the template and the state machines
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.lint_template
	$(BIN)/python -m tests.static_gate
	$(SAM) validate --lint --template template.yaml --region eu-central-1
	$(MAKE) build images

build: $(SAM)  ## Build for AWS with sam, and the bill of materials (CycloneDX); needs no Docker
	$(SAM) build --template template.yaml
	$(BIN)/python -m infra.stamp .aws-sam/build/template.yaml
	$(BIN)/python -m tests.bill_of_materials .aws-sam/sbom.cdx.json

deploy: build  ## Deploy to AWS; ENVIRONMENT=staging takes another part of samconfig.toml. The first time it asks
	@if $(SAM) list stack-outputs --config-env $(ENVIRONMENT) >/dev/null 2>&1; \
		then $(SAM) deploy --config-env $(ENVIRONMENT); else $(SAM) deploy --guided --config-env $(ENVIRONMENT); fi

destroy: setup  ## Delete endpoints and stack from AWS (STACK=headgate); data, ledger and audit stay
	@$(BIN)/python -m infra.destroy $(STACK)

costs: setup  ## What a deployment costs idle, for each run and for each endpoint, from infra/prices.yaml
	@$(BIN)/python -m infra.costs

images: .venv-sagemaker/.ready  ## Compare the template's container images with the SageMaker SDK's choice
	$(SDK) tests/lint_images.py

bench: setup  ## Measure speed and memory beside the peers; python -m benchmarks NAME measures one
	$(BIN)/python -m benchmarks

lock:  ## Resolve the dependencies anew, for Python 3.11 and 3.12
	$(COMPILE) --universal --python-version 3.11 --group dev --group bench pyproject.toml -o requirements.lock
	echo 'aws-sam-cli>=1.170,<2' | $(COMPILE) --universal --python-version 3.11 - -o requirements-sam.lock
	printf 'sagemaker>=3.27,<4\nawscli>=1.46,<2\n' | $(COMPILE) --universal --python-version 3.11 - -o requirements-sagemaker.lock
	$(COMPILE) --universal --python-version 3.11 lint/requirements.in -o lint/requirements.lock
	cd lint && npm install --package-lock-only --ignore-scripts --legacy-peer-deps --no-audit --no-fund
	$(COMPILE) --python-version 3.12 --python-platform aarch64-unknown-linux-gnu --constraint requirements.lock \
		layers/core/requirements.in -o layers/core/requirements.lock
	$(MAKE) setup
	$(BIN)/python -m infra.descriptions

clean:  ## Remove what make created
	rm -rf $(VENV) .venv-sam .venv-sagemaker .venv-lint lint/node_modules .venv-referee .aws-sam build out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v in ((3, 11), (3, 12)) else f"Headgate needs Python 3.11 or 3.12, but {sys.executable} is {v[0]}.{v[1]}. Try: make PYTHON=python3.12")'
	@echo "Setting up $(VENV): one or two minutes the first time, most of it TensorFlow."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip sync --compile-bytecode --require-hashes requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet --no-deps --editable .
	@touch $@

# The SAM CLI pins versions of its own; beside the rest it would silently downgrade them.
$(SAM): requirements-sam.lock | setup
	@echo "Setting up .venv-sam: about a minute the first time."
	@test -x .venv-sam/bin/python || $(PYTHON) -m venv .venv-sam
	@VIRTUAL_ENV=$(CURDIR)/.venv-sam $(UV) pip sync --quiet --compile-bytecode --require-hashes requirements-sam.lock
	@touch $@

# So do SageMaker's SDK and the AWS CLI, which are for people and builds, never for a Lambda.
.venv-sagemaker/.ready: requirements-sagemaker.lock | setup
	@echo "Setting up .venv-sagemaker: about a minute the first time."
	@test -x $(SDK) || $(PYTHON) -m venv .venv-sagemaker
	@VIRTUAL_ENV=$(CURDIR)/.venv-sagemaker $(UV) pip sync --quiet --require-hashes requirements-sagemaker.lock
	@touch $@

# The judge of permissions is a Node.js package; where there is no npm, its tests are left out and `make prove` says so.
$(REFEREE): tests/prove/referee/package.json tests/prove/referee/package-lock.json
	@mkdir -p .venv-referee && cp $^ .venv-referee/
	@if command -v npm >/dev/null; then cd .venv-referee && npm ci --silent --no-audit --no-fund; \
	else echo "No npm here: what needs Node.js 20 is left out."; fi
	@touch $@

# The static gate's tools, half a gigabyte of them, and the one binary that AWS ships in a package of npm.
$(GATE): lint/requirements.lock lint/package-lock.json | setup
	@echo "Setting up .venv-lint: about half a minute the first time."
	@command -v npm >/dev/null || { echo "The static gate needs npm, for CloudFormation Guard: install Node.js 16 or newer."; exit 1; }
	@test -x .venv-lint/bin/python || $(PYTHON) -m venv .venv-lint
	@cd lint && npm ci --ignore-scripts --legacy-peer-deps --no-audit --no-fund --loglevel error >/dev/null
	@VIRTUAL_ENV=$(CURDIR)/.venv-lint $(UV) pip sync --quiet --require-hashes lint/requirements.lock
	@touch $@
