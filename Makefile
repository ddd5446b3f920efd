# Everything lives in .venv; the first target that needs it makes it. Another interpreter: make demo PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
UV_VERSION := 0.13.8
UV := $(VENV)/bin/uv
UV_STAMP := $(VENV)/.uv-$(UV_VERSION)
INSTALL := $(UV) pip install --python $(VENV)/bin/python --compile-bytecode -c constraints.txt

STATIC_CHECKS := "ruff check ." "ruff format --check ." "mypy" "lint-imports --no-logo"
TEST_WORKERS ?= 2
DATABASE ?= results/suite.db

.DEFAULT_GOAL := help
.PHONY: help demo test lint check-submissions leaderboard wheel constraints system-deps

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.installed-demo ## Install the suite and run its demonstration
	$(VENV)/bin/suite demo

leaderboard: $(VENV)/.installed-leaderboard ## Show the leaderboard in a browser, on this machine only
	$(VENV)/bin/suite leaderboard --database $(DATABASE)

# Runs every check, whatever the others say; fails if any failed.
define run-checks
@failed=; \
for check in $(1); do \
	echo "==> $$check"; \
	$(VENV)/bin/$$check || failed="$$failed, $$check"; \
done; \
if [ -n "$$failed" ]; then echo "Failed: $${failed#, }" >&2; exit 1; fi; \
echo "All checks passed."
endef

test: $(VENV)/.installed-dev ## Run every check: style, types, imports, tests
	$(call run-checks,$(STATIC_CHECKS) "pytest -n $(TEST_WORKERS) --dist worksteal")

lint: $(VENV)/.installed-dev ## Run the checks that take seconds: style, types, imports
	$(call run-checks,$(STATIC_CHECKS))

# REPOSITORY: where the change is, if not here. BASE: what to compare with, if not main. COMMENT: where to write the tables.
REPOSITORY ?= .
check-submissions: $(VENV)/.installed-dev ## Check what this branch changes in submissions/, as its pull request will be
	$(VENV)/bin/suite submissions check --repository '$(REPOSITORY)' \
		$(if $(BASE),--base '$(BASE)') $(if $(COMMENT),--comment '$(COMMENT)')

wheel: $(UV_STAMP) ## Build the wheel into dist/ and run the demonstration from it, away from the checkout
	rm -rf dist
	$(UV) build --quiet --wheel --out-dir dist
	$(UV) venv --quiet --python $(VENV)/bin/python dist/venv
	$(UV) pip install --python dist/venv/bin/python --compile-bytecode -c constraints.txt "$$(echo dist/*.whl)[demo]"
	mkdir dist/elsewhere
	cd dist/elsewhere && ../venv/bin/suite --version && ../venv/bin/suite demo

# One version of each package for all Pythons, so that they measure alike. Keeps the pins that still fit; to raise them
# all: make constraints UPGRADE=--upgrade
constraints: $(UV_STAMP) ## Pin every package for Python 3.11 to 3.13 in constraints.txt
	UV_CUSTOM_COMPILE_COMMAND="make constraints" $(UV) pip compile pyproject.toml --quiet --all-extras --universal --fork-strategy fewest \
		--python-version 3.11 --no-emit-index-url --no-emit-find-links --no-annotate $(UPGRADE) --output-file constraints.txt

# The tests need git. bubblewrap is the sandbox of submitted plugins, Chromium opens the leaderboard's pages, and the other
# packages hold the programs that tests compare codecs with; those tests are skipped where a program is absent. Python's
# packages bring their own libraries.
SYSTEM_PACKAGES := git bubblewrap chromium libjpeg-turbo-progs libopenjp2-tools webp libheif-examples libavif-bin libjxl-tools

system-deps: ## Install what the tests use besides Python packages, with apt-get (as root)
	@missing=; \
	for package in $(SYSTEM_PACKAGES); do \
		dpkg-query -W -f '$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then \
		echo "system-deps: all here: $(SYSTEM_PACKAGES)"; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq; known=; unknown=; \
		for package in $$missing; do \
			if apt-cache policy $$package | grep -q 'Candidate: [0-9]'; then known="$$known $$package"; else unknown="$$unknown $$package"; fi; \
		done; \
		echo "system-deps: installing$$known (git for the tests, bubblewrap for the sandbox, a browser for the pages, programs to compare codecs with)"; \
		[ -z "$$unknown" ] || echo "system-deps: this system has no package$$unknown; what needs it is skipped." >&2; \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$known; \
	else \
		echo "system-deps: not installed:$$missing. On Debian: sudo apt-get install$$missing" >&2; \
		echo "Without git the tests fail; without the others, what needs these programs is skipped." >&2; \
		command -v git >/dev/null; \
	fi

$(VENV)/.installed-%: $(UV_STAMP) pyproject.toml constraints.txt
	$(INSTALL) -e '.[$*]'
	@touch $@

$(UV_STAMP):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
		echo "The suite needs Python 3.11 to 3.13; $(PYTHON) is $$($(PYTHON) --version 2>/dev/null || echo not there)." >&2; \
		echo "Name another interpreter: make $(or $(MAKECMDGOALS),demo) PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@
