# Everything that a person does with this project. `make help` lists it.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
PORT ?= 5000
JOBS ?= 2
INDEX := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/dvc-index

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Hospital networks are closed: nothing calls home.
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install repro test lint docs ui report sync verdict use gpu-check

help:  ## List what can be done
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
	@echo
	@echo "First time: make repro. Your own scans: make use PRESET=lidc_nodules DATA_PATH=directory"

repro: $(VENV)/.installed  ## Run what has changed, bring MLflow up to date, print the verdict
	dvc repro
	@python -m pipeline sync
	@python -m pipeline verdict

test: $(VENV)/.installed-dev  ## Run all tests; skips say why
	python -m pytest -q -n $(JOBS)

lint: $(VENV)/.installed-dev  ## Check style, types and import layers
	ruff check .
	ruff format --check .
	mypy
	lint-imports --no-logo

docs: $(VENV)/.installed-dev  ## Build the documentation into site/, and refuse broken links
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet --strict
	@echo "$(CURDIR)/site/index.html"

use: $(VENV)/.installed  ## Merge a preset into params.yaml: PRESET=name [DATA_PATH=directory]
	@test -n "$(PRESET)" || { echo "Say which: make use PRESET=$$(ls presets | sed 's/\.yaml//' | paste -sd'|') [DATA_PATH=directory]"; exit 2; }
	@python -m pipeline use "$(PRESET)" $(if $(DATA_PATH),--data-path "$(DATA_PATH)")

ui: $(VENV)/.installed  ## Show the runs in MLflow at http://127.0.0.1:5000 [PORT=number]
	mlflow ui --host 127.0.0.1 --port $(PORT) \
	  --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///$(CURDIR)/mlflow.db}"

gpu-check: $(VENV)/.installed  ## Train every family on the GPU for a minute; speed and memory
	@python -m pipeline gpu-check

report:  ## Say where the report is, and open it where there is a desktop
	@test -f report/index.html || { echo "There is no report yet: run make repro"; exit 1; }
	@echo "$(CURDIR)/report/index.html"
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] && command -v xdg-open >/dev/null; then xdg-open report/index.html; fi

sync: $(VENV)/.installed  ## Show in MLflow what DVC holds and MLflow lacks
	@python -m pipeline sync

verdict: $(VENV)/.installed  ## Print the table of arms and the verdicts again
	@python -m pipeline verdict

install: $(VENV)/.installed  ## Install only

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; say which: make repro PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "Python's venv module is needed: apt install python3-venv"; exit 1; }

# Without build isolation, which would download setuptools again.
$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing requirements.lock into $(VENV) (once; a few minutes) ..."
	@python -m pip install -q -r requirements.lock
	@python -m pip install -q --no-deps --no-build-isolation -e .
	@# DVC's index lists the names of the scans' files; its own place, /var/tmp/dvc, is open to all.
	@test -n "$$(dvc config core.site_cache_dir)" || { mkdir -p -m 700 "$(INDEX)" && \
	  dvc config --local core.site_cache_dir "$(INDEX)"; } || \
	  echo "DVC's index of file names stays in /var/tmp/dvc, where others can read it"
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock requirements-references.lock $(VENV)/.installed
	@echo "Installing requirements-dev.lock into $(VENV) (once) ..."
	@python -m pip install -q -r requirements-dev.lock
	@python -m pip install -q --no-deps -r requirements-references.lock
	@touch $@
