# The two commands of the README. Everything else is plain pytest, see there.
VENV ?= .venv
PYTHON ?= python3
SUITE := $(VENV)/bin/python -m pytest

.PHONY: rehearse test clean

rehearse: $(VENV)/ready ## set up, start the embedded lab, run stage 21_01c, leave the record
	$(SUITE) -m stage_21_01c

test: $(VENV)/ready ## our own tests, through tox
	$(VENV)/bin/tox run

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	$(VENV)/bin/python -m lab fetch
	touch $@

clean: ## remove what set-up made
	rm -rf $(VENV) .tox
