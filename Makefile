# Everything is in tools/dev.py, which also works where make is missing: python3 tools/dev.py --help
PYTHON ?= python3

.PHONY: run test soak docs lint bench dist lock clean

run test soak docs lint bench dist lock clean:
	@$(PYTHON) tools/dev.py $@
