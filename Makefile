# `make` alone lists the targets. Go, make and git are enough to run any of
# them, apart from `image`; the tools are pinned in go.mod.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

MODULE := github.com/macvlan-webhook/macvlan-webhook

# A source archive has no git, and a young repository no commit.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)

# Version control stamping is off because it fails in checkouts that belong to
# another user; the version says the same.
BUILD := CGO_ENABLED=0 go build -trimpath -buildvcs=false

# What macvlan networks name: their IPAM, and tuning, which stands behind macvlan
# in chains and is missing where macvlan is (k3s, Talos), for 1.3 MB of the
# compressed image. vlan is left out: a VLAN's link is the master of a macvlan
# network, and made by whoever sets up the node.
PLUGINS := github.com/containernetworking/plugins
PLUGIN_PACKAGES := $(addprefix $(PLUGINS)/plugins/,main/macvlan meta/tuning ipam/host-local ipam/static ipam/dhcp)

# The nested modules: what they need stays out of the product's go.mod.
CONTROL_PLANE_MODULE := test/controlplane/build
NODE_MODULE := test/node
MODULES := . $(CONTROL_PLANE_MODULE) $(NODE_MODULE)

# Programs that were built elsewhere take the place of our own.
ASSETS := $(abspath $(or $(KUBEBUILDER_ASSETS),bin/controlplane))

# What each run of the tests did, one JSON event a line.
RESULTS := $(CURDIR)/bin/results

# What drives programs that are built without the race detector, which would watch the
# tests alone and make them slower.
DRIVERS := $(addprefix ./,manifests test/architecture test/bundle test/cni test/controlplane test/demo test/drills test/reaper test/status)

# How long the tests of one package, or a benchmark, may take before they are taken for
# hung: several times what they take on a machine four times slower than one with two cores.
TEST_TIMEOUT ?= 30m
BENCH_TIMEOUT ?= 2h

# Enough to meet again what was found before, and a little more; by hand it is to be hours.
FUZZTIME ?= 40s
FUZZTIME_OTHERS ?= 10s

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: programs plugins licenses ## Build the programs into bin/, the bundled CNI plugins into bin/cni/

# Without a build ID and paths the same sources give the same bytes, so that a
# plugin's checksum tells where it comes from. They run on nodes, which are Linux,
# wherever they are built.
.PHONY: plugins
plugins: ## Build the bundled CNI plugins alone, for GOARCH
	mkdir -p bin/cni
	GOOS=linux $(BUILD) -ldflags "-s -w -buildid= -X $(PLUGINS)/pkg/utils/buildversion.BuildVersion=$$(go list -m -f '{{.Version}}' $(PLUGINS))" \
		-o bin/cni/ $(PLUGIN_PACKAGES)

# The other reference plugins, which stand in chains of the networks that test/node makes.
.PHONY: reference-plugins
reference-plugins:
	mkdir -p bin/reference-plugins
	cd $(NODE_MODULE) && $(BUILD) -ldflags "-s -w" -o ../../bin/reference-plugins/ tool

# macvlan-installer places no plugin but those whose checksums it was built with.
# In the other programs there is no such variable, and the linker passes over it.
.PHONY: programs
programs: plugins
	checksums=$$(cd bin/cni && sha256sum $(notdir $(PLUGIN_PACKAGES)) | awk '{ printf "%s%s=%s", separator, $$2, $$1; separator = "," }'); \
	$(BUILD) -ldflags "-s -w -X main.version=$(VERSION) -X main.checksums=$$checksums" -o bin/ ./cmd/...

# From whole modules, linked packages or not: a folder within may hold somebody
# else's code under a license of its own.
.PHONY: licenses
licenses: ## Gather the licenses of all that is linked into bin/licenses/
	rm -rf bin/licenses
	mkdir -p bin/licenses/go
	install -m 644 LICENSE bin/licenses/LICENSE
	install -m 644 "$$(go env GOROOT)/LICENSE" bin/licenses/go/LICENSE
	GOOS=linux go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}}@{{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/... $(PLUGIN_PACKAGES) | sort -u | \
	while read -r module folder; do \
		(cd "$$folder" && find . -type f ! -path '*/testdata/*' ! -name '*.go' \( -iname 'licen[cs]e*' -o -iname 'notice*' -o -iname 'copying*' -o -iname 'copyright*' -o -iname 'patents*' \)) | \
		while read -r file; do \
			mkdir -p "bin/licenses/$$module/$$(dirname "$$file")"; \
			install -m 644 "$$folder/$$file" "bin/licenses/$$module/$$file"; \
		done; \
	done

.PHONY: controlplane
controlplane: ## Build what tests run against into bin/controlplane, once (minutes)
ifeq ($(KUBEBUILDER_ASSETS),)
	@$(CONTROL_PLANE_MODULE)/build.sh bin/controlplane
endif

# Every part runs, whatever becomes of those before it.
#
# test/e2e keeps all cores busy by itself. Of the others more than one a core run at the
# same time, because many wait for an API server.
#
# The tests of the control plane's module are built with its own settings, so that what
# they have in common is compiled once.
.PHONY: test
test: build reference-plugins controlplane compiler ## Run every test
	@mkdir -p $(RESULTS)
	@rm -f $(RESULTS)/*.json
	@export KUBEBUILDER_ASSETS='$(ASSETS)'; status=0; \
	part() { name=$$1; shift; go tool gotestsum --jsonfile "$(RESULTS)/$$name.json" --raw-command -- "$$@" || status=1; }; \
	flags=(-json -count=1 -timeout $(TEST_TIMEOUT)); \
	raced=$$(go list ./... | grep -vxF "$$(go list $(DRIVERS) ./test/e2e)"); \
	part e2e go test "$${flags[@]}" ./test/e2e; \
	part drivers go test "$${flags[@]}" -p 3 $(DRIVERS); \
	part main go test "$${flags[@]}" -p 3 -race $$raced; \
	part node go test -C $(NODE_MODULE) "$${flags[@]}" ./...; \
	part expressions env CGO_ENABLED=0 go test -C $(CONTROL_PLANE_MODULE) -trimpath "$${flags[@]}" ./...; \
	exit $$status

# The race detector is linked against C.
.PHONY: compiler
compiler:
	@if command -v "$$(go env CC)" >/dev/null; then exit; fi; \
	if [[ $$(id -u) == 0 ]] && command -v apt-get >/dev/null; then \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y gcc libc6-dev; \
	else \
		echo "the tests run under the race detector, which needs a C compiler: install gcc and the C library's headers (Debian: gcc libc6-dev)" >&2; \
		exit 1; \
	fi

# A test that is skipped proves nothing, however green the run.
.PHONY: no-skips
no-skips:
	@shopt -s nullglob; results=($(RESULTS)/*.json); \
	if (($${#results[@]} == 0)); then echo "there are no results in $(RESULTS): make test leaves some" >&2; exit 1; fi; \
	if grep -h '"Action":"skip".*"Test":' "$${results[@]}"; then echo "the tests above were skipped" >&2; exit 1; fi

# The demo is what there is to see: of the build no more than that it goes on, unless it
# fails.
.PHONY: demo
demo: ## Show the main job, without a cluster
	@echo "building the programs; the first time takes a minute or two ..." >&2
	@if ! log=$$({ $(MAKE) --no-print-directory programs && go build -o bin/demo/ ./test/demo; } 2>&1); then echo "$$log" >&2; exit 1; fi
	@bin/demo/demo

.PHONY: demo-check
demo-check:
	@mkdir -p bin/demo
	@if ! $(MAKE) --no-print-directory demo >bin/demo/out 2>bin/demo/err; then cat bin/demo/out bin/demo/err >&2; exit 1; fi
	@cat bin/demo/out
	@if [[ $$(wc -l <bin/demo/err) != 1 || $$(head -n 1 bin/demo/out) != "Each pod is sent to a webhook "* ]]; then \
		echo "make demo is to print one line to standard error, and nothing before the demo begins; it printed there:" >&2; cat bin/demo/err >&2; exit 1; \
	fi

.PHONY: demo-cluster
demo-cluster: programs controlplane ## The demo against a real API server
	@go build -o bin/demo/ ./test/demo
	@KUBEBUILDER_ASSETS='$(ASSETS)' bin/demo/demo -cluster

# DRILL=NAME[,NAME] does these alone, and leaves the page as it is.
.PHONY: drills
drills: programs controlplane ## Drills under load (45 minutes), docs/drills.md (DRILL=NAME for one)
	KUBEBUILDER_ASSETS='$(ASSETS)' go run ./test/drills -drill '$(DRILL)' -o docs/drills.md

.PHONY: lint
lint: ## Check formatting, vet, staticcheck and the go.mod files
	@unformatted=$$(gofmt -l .); if [[ -n $$unformatted ]]; then echo "run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	go tool staticcheck ./...
	cd $(NODE_MODULE) && go vet ./...
	cd $(CONTROL_PLANE_MODULE) && CGO_ENABLED=0 go vet -trimpath ./...
	@for module in $(MODULES); do \
		echo "go mod tidy -diff && go mod verify # in $$module"; \
		(cd "$$module" && go mod tidy -diff && go mod verify); \
	done

.PHONY: docs
docs: ## Write docs/rules.md anew from the rules
	@mkdir -p docs
	go run ./cmd/kubectl-macvlan explain -o markdown >docs/rules.md.new
	mv docs/rules.md.new docs/rules.md

.PHONY: docs-check
docs-check:
	@go run ./cmd/kubectl-macvlan explain -o markdown | diff -u docs/rules.md - || { echo "docs/rules.md is not what the rules say: run make docs" >&2; exit 1; }

# One target at a time is all that go test takes.
.PHONY: fuzz
fuzz: controlplane ## Fuzz every target (FUZZTIME, FUZZTIME_OTHERS)
	@log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	run() { (cd "$$1" && KUBEBUILDER_ASSETS='$(ASSETS)' go test -timeout $(TEST_TIMEOUT) -run '^$$' -fuzz "^$$2\$$" -fuzztime "$$3" .) 2>&1 | tee "$$log"; }; \
	grep -rlE --include='*_test.go' --exclude-dir=bin '^func Fuzz[A-Z]' . | xargs -rn1 dirname | sort -u | while read -r folder; do \
		for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$$folder"/*_test.go | cut -d ' ' -f 2); do \
			duration=$(FUZZTIME_OTHERS); [[ $$folder != ./policy/formats/multus ]] || duration=$(FUZZTIME); \
			echo "fuzz $$folder $$target for $$duration"; \
			run "$$folder" "$$target" "$$duration" && continue; \
			if ! grep -q '^ *context deadline exceeded$$' "$$log" || grep -qi 'failing input\|panic' "$$log"; then exit 1; fi; \
			echo "the fuzzer's own deadline, and no input that fails: once more (go.dev/issue/75804, mended in Go 1.27)"; \
			run "$$folder" "$$target" "$$duration"; \
		done; \
	done

.PHONY: bench
bench: controlplane ## Run the benchmarks
	@packages=$$(grep -rlE --include='*_test.go' --exclude-dir=bin '^func Benchmark[A-Z]' . | xargs -rn1 dirname | sort -u); \
	if [[ -n $$packages ]]; then KUBEBUILDER_ASSETS='$(ASSETS)' go test -timeout $(BENCH_TIMEOUT) -run '^$$' -bench . -benchmem $$packages; fi

.PHONY: verify
verify: ## Everything that CI runs
	$(MAKE) lint
	$(MAKE) docs-check
	$(MAKE) test
	$(MAKE) no-skips
	$(MAKE) fuzz
	$(MAKE) demo-check

.PHONY: image
image: ## Build the container image macvlan-webhook:VERSION
	@command -v docker >/dev/null || { echo "docker is not installed: it is what builds the image" >&2; exit 1; }
	docker build --build-arg VERSION=$(VERSION) -t macvlan-webhook:$(VERSION) .

.PHONY: clean
clean: ## Remove what was built, but for the control plane, which takes minutes
	find bin -mindepth 1 -maxdepth 1 ! -name controlplane -exec rm -rf {} +
