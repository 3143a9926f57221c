# The commands of the README. Everything else is plain pytest, see docs/contributing.md.
VENV ?= .venv
PYTHON ?= python3
SUITE := $(VENV)/bin/python -m pytest
TIERS := $(VENV)/bin/python -m tests.tiers

.PHONY: rehearse test prove clean

rehearse: $(VENV)/ready ## set up, start the embedded lab, run stage 21_01c, leave the record
	$(SUITE) -m stage_21_01c

test: $(VENV)/ready ## our own tests, the quick part
	$(TIERS) quick

prove: $(VENV)/ready ## our own tests, all of them or STEPS of them; what passed before in this state of the tree is not run again
	$(TIERS) all $(STEPS)

$(VENV)/ready: pyproject.toml
	@(while sleep 4 && kill -0 $$$$; do printf .; done) 2>/dev/null & trap "kill $$!" EXIT; set -e; \
	echo "set-up, 1 of 3: a Python environment in $(VENV)"; \
	$(PYTHON) -m venv $(VENV); \
	echo "set-up, 2 of 3: its packages; about a minute"; \
	$(VENV)/bin/python -m pip install --disable-pip-version-check --progress-bar off --editable '.[dev]'; \
	echo "set-up, 3 of 3: Prometheus, Alertmanager and ClamAV for the lab, where the machine has none"; \
	$(VENV)/bin/python -m lab fetch
	touch $@

clean: ## remove what set-up made, and what was noted of earlier tests
	rm -rf $(VENV) .tiers
