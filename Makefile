# `make` or `make help` explains the targets. What is longer than a line is a script in hack/.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# The cache keeps the tools, the cluster and the test control plane; DUNLIN_CACHE moves it.
export DUNLIN_CACHE ?= $(CURDIR)/.cache
export CGO_ENABLED ?= 0

VERSION ?= $(or $(shell git describe --tags --always --dirty 2>/dev/null),dev)
GO_BUILD := go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)'
# GO_TEST is how tests are run; CI counts them by setting it to gotestsum.
GO_TEST ?= go test
FUZZTIME ?= 10s
FUZZ ?= .
DURATION ?= 20s
BENCH ?= .
KILLS ?= 50
SCALE ?= 20000,5000,1000
BROKER ?= dunlin
TAG ?= dev

##@ Use

.PHONY: run
run: bin/kubectl-mqtt ## Run the quickstart broker here: no cluster, no root. Ctrl-C ends it.
	bin/kubectl-mqtt run -f config/samples/quickstart.yaml

.PHONY: demo
demo: ## Cluster up, operator installed, a message sent over TLS, a denied topic denied. Needs root.
	hack/demo.sh

.PHONY: cluster
cluster: ## Start a one-node Kubernetes here, without Docker; see hack/cluster/README.md. Needs root.
	hack/cluster/build
	hack/cluster/up

.PHONY: cluster-down
cluster-down: ## Stop that Kubernetes and remove what it left.
	hack/cluster/down

##@ Build

.PHONY: build
build: bin/dunlin-operator bin/dunlin-broker bin/kubectl-mqtt ## Build the three programs into bin/.

bin/dunlin-operator: FORCE
	$(GO_BUILD) -o $@ ./cmd/operator

bin/dunlin-broker: FORCE
	$(GO_BUILD) -o $@ ./cmd/broker

bin/kubectl-mqtt: FORCE
	$(GO_BUILD) -o $@ ./cmd/kubectl-mqtt

.PHONY: profile
profile: ## Write anew by what profile the compiler makes the broker faster: minutes of test/bench.
	hack/profile.sh

.PHONY: man
man: bin/kubectl-mqtt ## Write kubectl-mqtt's man pages into dist/man.
	bin/kubectl-mqtt reference --man-dir dist/man

.PHONY: krew
krew: ## Archives of kubectl-mqtt and the filled Krew manifest into dist/krew, which Krew then installs from. VERSION=v1.2.3
	packaging/krew/manifest.sh $(VERSION) dist/krew
	packaging/krew/check.sh dist/krew

.PHONY: images
images: ## Build the images as archives, without Docker, and print their paths. TAG=dev
	hack/images.sh $(TAG)

.PHONY: generate
generate: ## Write everything generated: deepcopy code, CRDs, RBAC, the chart's copies, docs/api.md, docs/cli.md.
	hack/generate.sh

.PHONY: console
console: ## Build the console into console/dist, which is kept in the repository. Needs Node.js.
	hack/console.sh build

##@ Check

.PHONY: lint
lint: ## golangci-lint, shellcheck, and that the broker knows nothing of Kubernetes.
	hack/lint.sh

.PHONY: verify
verify: ## Fail, with the difference, if anything generated or a go.mod is out of date.
	hack/verify.sh

.PHONY: test
test: ## All tests but the cluster's: unit, controllers on a real API server, real MQTT clients.
	hack/interop.sh
	hack/packages.sh promtool:prometheus
	assets=$$(hack/envtest.sh | tail -1); client=$$(hack/client.sh); \
	  KUBEBUILDER_ASSETS=$$assets DUNLIN_CLIENT=$$client $(GO_TEST) ./...
	go -C hack/tools test ./apidocs

.PHONY: test-unit
test-unit: ## The tests that need nothing but Go.
	$(GO_TEST) $$(go list ./... | grep -v -e /controllers$$ -e /test/)

.PHONY: test-race
test-race: ## The broker's tests under the race detector. Needs gcc.
	CGO_ENABLED=1 go test -race ./broker/...

.PHONY: interop
interop: ## The tests with real clients alone: Mosquitto's, both pahos, mqtt.js on Node.js and in Chromium.
	hack/interop.sh
	$(GO_TEST) -count=1 ./test/interop

.PHONY: console-test
console-test: ## The console: types, lint, unit tests, and its pages in Chromium against a real broker.
	hack/console.sh check
	hack/packages.sh chromium:chromium
	$(GO_TEST) -count=1 ./console/... ./test/console

.PHONY: chart
chart: ## The chart: helm lint and template against golden files, its schema, and that config/ says the same.
	client=$$(hack/client.sh); DUNLIN_CLIENT=$$client $(GO_TEST) -count=1 ./test/chart

.PHONY: faults
faults: ## The operator killed after each of its writes, one kill a run, and its other faults (docs/faults.md): minutes.
	assets=$$(hack/envtest.sh | tail -1); KUBEBUILDER_ASSETS=$$assets DUNLIN_FAULTS=all \
	  $(GO_TEST) -count=1 -timeout 30m ./controllers -ginkgo.focus 'killed|unlucky|meets a fault|gone for a while|two operators|by hand'

.PHONY: scale
scale: ## What many objects cost the operator, pods faked; prints the table of docs/performance.md. SCALE=users,acls,brokers
	assets=$$(hack/envtest.sh | tail -1); KUBEBUILDER_ASSETS=$$assets DUNLIN_SCALE=$(SCALE) \
	  go test -v -count=1 -timeout 0 ./controllers -ginkgo.focus 'operator of many objects'

.PHONY: fuzz
fuzz: ## Every fuzz test for a while each. FUZZTIME=10s FUZZ=pattern of folder/name
	hack/fuzz.sh $(FUZZTIME) '$(FUZZ)'

.PHONY: hostile
hostile: ## Hostile peers and the network fuzzer against a broker built with the race detector. DURATION=20s
	hack/packages.sh gcc:build-essential
	go test -count=1 -timeout 0 ./test/hostile -racy -duration $(DURATION) $(HOSTILE_FLAGS)

.PHONY: crash
crash: ## Kill a broker over and over while it is used. KILLS=50 BROKER=dunlin|mosquitto|mosquitto-1s|mosquitto-each
	go test -count=1 -timeout 0 -v ./test/crash -kills $(KILLS) -broker $(BROKER) $(CRASH_FLAGS)

.PHONY: conformance
conformance: ## Every statement of MQTT 3.1.1 and 5.0, on Dunlin and on Mosquitto, into docs/conformance.md: minutes.
	hack/packages.sh mosquitto:mosquitto
	go run ./test/conformance/page

.PHONY: bench
bench: ## Speed beside other brokers, growth, durability, into docs/performance.md: half an hour. BENCH_FLAGS=-smoke is a minute and writes nothing.
	hack/packages.sh mosquitto:mosquitto
	newer=$$(hack/mosquitto-2.1.sh); PATH=$${newer:+$$newer:}$$PATH go run ./test/bench $(or $(BENCH_FLAGS),-curves -page docs/performance.md)

.PHONY: bench-code
bench-code: ## The benchmarks in the broker's packages. BENCH=pattern
	go test -run '^$$' -bench '$(BENCH)' -benchmem ./broker/...

.PHONY: e2e
e2e: ## The end-to-end tests, on that Kubernetes, with images built here. Needs root.
	GO_TEST='$(GO_TEST)' hack/e2e.sh

.PHONY: e2e-cert-manager
e2e-cert-manager: ## The end-to-end test with cert-manager, built from its Go module, on that Kubernetes. Needs root; minutes.
	GO_TEST='$(GO_TEST)' hack/e2e.sh cert-manager

.PHONY: screenshots
screenshots: ## Pictures of the console, with traffic in it, into docs/images: minutes.
	hack/screenshots.sh

##@ Other

.PHONY: clean
clean: ## Remove what was built; the cache stays (it is in .cache).
	rm -rf bin dist

.PHONY: help
help: ## Explain the targets.
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@/ { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: FORCE
FORCE:
