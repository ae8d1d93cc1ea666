# SPDX-License-Identifier: GPL-3.0-or-later
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

HOSTS ?= 2
SUITE ?= trixie
LAB := .venv/bin/python -m tests.lab

export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.cache/collections
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Where somebody has it set, each start of a Python compiles all of the project's again, and each run of pytest all of the tests.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help env lab lab-images lab-status lab-down lab-purge demo test lint unit sanity integration scenarios molecule soak bench build clean

help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' Makefile

env: ## the Python environment in .venv (nothing to do while requirements are unchanged)
	@bash tests/lab/env.sh

lab: env ## start the lab: HOSTS=2 SUITE=trixie
	@$(LAB) up --hosts $(HOSTS) --suite $(SUITE)

lab-images: env ## build, push and sign the example images
	@$(LAB) images

lab-status: env ## what runs
	@$(LAB) status

lab-down: env ## stop the lab, keep caches
	@$(LAB) down

lab-purge: env ## stop the lab, remove caches, images and the borrowed apt source
	@$(LAB) down --purge

demo: env ## two hosts with three running nodes on them, from nothing
	@bash tests/demo.sh

test: env ## everything that must be green
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint sanity
	@$(MAKE) --no-print-directory unit scenarios

lint: env ## ruff, mypy, ansible-lint and the project's own checks
	@bash tests/lint.sh

unit: env ## what needs no host
	@bash tests/unit.sh

sanity: env ## ansible-test sanity
	@bash tests/sanity.sh

integration: env ## scenarios on lab hosts
	@bash tests/integration.sh

scenarios: env ## integration and molecule, side by side
	@bash tests/integration.sh --with-molecule

molecule: env ## the roles and the site playbook on hosts of their own
	@bash tests/molecule.sh

soak: env ## what needs a real machine: an emulated one beside the lab's hosts
	@bash tests/soak.sh

bench: env ## the budgets of the design, as ratios
	@bash tests/bench.sh

build: env ## the collection as a tarball in build/
	@mkdir -p build
	@ansible-galaxy collection build --force --output-path build

clean: ## what tests leave behind
	@rm -rf build tests/output .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -not -path './.cache/*' -prune -exec rm -rf {} +
