# The only door. Every target sets up what it needs and re-uses it the next time.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
UV := $(BIN)/uv
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup demo test lint bench build lock clean

help:  ## What can be done here
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: $(VENV)/.ready  ## Create .venv and install the locked dependencies

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v in ((3, 11), (3, 12)) else f"Headgate needs Python 3.11 or 3.12, but {sys.executable} is {v[0]}.{v[1]}. Try: make PYTHON=python3.12")'
	@echo "Setting up $(VENV) (about two minutes the first time, most of it TensorFlow) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --compile-bytecode -r requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(UV) pip install --quiet --no-deps --editable .
	@touch $@

lock:  ## Resolve the dependencies anew, for Python 3.11 and 3.12, into requirements.lock
	@test -x $(UV) || $(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	$(UV) pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --generate-hashes \
		--group dev --group bench --custom-compile-command "make lock" pyproject.toml -o requirements.lock
