# make demo   environment, pinned dependencies, the whole job, the report
# make test   everything CI checks
# make check  the quick subset for the inner loop: under 3 minutes on two cores
# make nightly  everything, with many more examples of each property

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO ?= runs/demo
# Units of tests/scheduling.py side by side; what they compile is shared through the cache.
PARALLEL ?= -n auto
SEED ?= 17
COUNT ?= 23
JOBS ?= 1
SITE ?= runs/site
# The tests start hundreds of Pythons: what one has compiled, the next ones take.
unexport PYTHONDONTWRITEBYTECODE

# All C and C++; what keeps its own layout is in .clang-format-ignore.
C_SOURCES = $(shell find firmware hls tests -name '*.[ch]' -o -name '*.cpp')

.PHONY: demo test check nightly lint site format tools env benchmarks release mutants clean

demo: $(STAMP)
	$(BIN)/hwkit demo -o $(DEMO)
	@echo "report: $(DEMO)/report.html"

test: $(STAMP) lint tools
	$(BIN)/python -m pytest -q --complete -m "not nightly" $(PARALLEL)

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/python -m pytest -q -x -m "not slow and not nightly" $(PARALLEL)

nightly: $(STAMP) lint tools
	HWKIT_TEST_EXAMPLES=10 $(BIN)/python -m pytest -q --complete $(PARALLEL)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/clang-format --dry-run --Werror $(C_SOURCES)
	$(MAKE) site

# The pages as a site; a link that leads nowhere, or a page that no menu has, is an error.
site: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -q -d $(SITE)

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(C_SOURCES)

# What the tests run beside Python's packages; nothing to do where it is.
tools: $(STAMP)
	$(BIN)/hwkit toolchain install qemu
	-$(BIN)/hwkit toolchain install tflite-runtime
	-$(BIN)/hwkit toolchain install openvino
	-$(BIN)/hwkit toolchain install openssh-server

env: $(STAMP)

# torch comes first and from pip, so that the CPU build is taken and nothing pulls in CUDA.
$(STAMP): pyproject.toml .ci/constraints.txt
	$(PYTHON) -m venv $(VENV) || $(PYTHON) -m virtualenv $(VENV) || \
	  { echo "cannot make a virtual environment: install python3-venv, or 'pip install --user virtualenv'" >&2; exit 2; }
	$(BIN)/python -m pip install -q -c .ci/constraints.txt torch
	$(BIN)/python -m pip install -q -c .ci/constraints.txt -e '.[all,test,docs]'
	touch $@

benchmarks: $(STAMP)
	$(BIN)/python -m benchmarks

# dist/, and its wheel tried in an environment of its own.
release:
	PYTHON=$(PYTHON) .ci/release

# Plants faults and runs the tests that cover them: an hour or two; goes on where it stopped.
mutants: $(STAMP) tools
	nice -n 19 $(BIN)/python -m benchmarks.mutants --seed $(SEED) --count $(COUNT) --jobs $(JOBS)
	$(BIN)/python -m benchmarks.mutants --report

clean:
	rm -rf $(VENV) runs .mypy_cache .ruff_cache .pytest_cache
