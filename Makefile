# `make help` is the manual: each target's text stands behind its `##`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export PYTHONDONTWRITEBYTECODE :=
export UV_PYTHON_DOWNLOADS := never
export KONSTRUCT_CACHE ?= $(HOME)/.cache/konstruct

PYTHON ?= python3
TOOLS := .tools
UV := $(TOOLS)/bin/uv
VENV := .venv
RUN := $(VENV)/bin
MEMBERS := crds operator runtime/agent runtime/channels runtime/gateway runtime/llm runtime/local \
	runtime/messages runtime/portal runtime/registry runtime/store
SOURCES := $(MEMBERS) tests bench
PORT ?= 8080
HOST ?= 127.0.0.1
KONSTRUCT_HOME ?= .konstruct

.PHONY: help
help: ## Print this manual
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## /{printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(UV): requirements/uv.txt
	@echo "Installing uv into $(TOOLS) (hash-pinned) ..."
	@$(PYTHON) -m venv $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.installed: $(UV) requirements/development.txt $(MEMBERS:%=%/pyproject.toml)
	@echo "Installing the locked dependencies into $(VENV) ..."
	@test -x $(VENV)/bin/python || $(UV) venv --quiet --python $(PYTHON) $(VENV)
	@$(UV) pip sync --quiet --python $(VENV) --require-hashes requirements/development.txt
	@$(UV) pip install --quiet --python $(VENV) --no-deps --no-build-isolation $(MEMBERS:%=-e %)
	@touch $@

.PHONY: install
install: $(VENV)/.installed ## Install the developers' environment into .venv, from the hash-pinned lock

.PHONY: lock
lock: $(UV) ## Write requirements/*.txt anew: one lock per image and one for development
	UV=$(UV) requirements/lock.sh
