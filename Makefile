# Every target has one line of help behind "##". The tools come with the module (hack/tools) or from the module proxy;
# nothing has to be installed beside Go.

SHELL := /usr/bin/env bash -o pipefail
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
TOOL := go tool -modfile=hack/tools/go.mod
GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# The race detector needs a C compiler; without one the tests run all the same, and say so.
RACE := $(shell command -v gcc clang >/dev/null 2>&1 && echo -race)
CONTAINER_TOOL ?= docker
IMAGE_PREFIX ?= sparkgateway
IMAGE_TAG ?= dev

##@ Try it

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*##/ {printf "  %-18s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: quickstart
quickstart: ## Run everything on this machine, without a cluster or Docker (DETACH=1 returns when it serves).
	@go run ./hack/quickstart up $(if $(DETACH),--detach)

.PHONY: quickstart-down
quickstart-down: ## End what quickstart started.
	@go run ./hack/quickstart down

.PHONY: deploy
deploy: ## Install the CRDs and the operator in the cluster of KUBECONFIG (IMAGE_PREFIX, IMAGE_TAG).
	kubectl kustomize config/default | sed -E 's#sparkgateway/(operator|gateway):dev#$(IMAGE_PREFIX)/\1:$(IMAGE_TAG)#' | kubectl apply --server-side -f -
	kubectl -n spark-system rollout status deployment/spark-operator --timeout=180s

.PHONY: undeploy
undeploy: ## Remove the operator and the CRDs, and with them every gateway, from the cluster of KUBECONFIG.
	kubectl delete --ignore-not-found -k config/default

##@ Build

.PHONY: build
build: ## Build the programs into bin/.
	@mkdir -p bin
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/manager ./cmd/gateway ./cmd/kubectl-spark
	CGO_ENABLED=0 go build -trimpath -o bin/fakeprovider ./test/fakeprovider/cmd

.PHONY: krew
krew: ## Build the kubectl plugin's archives and krew manifest for VERSION, such as v1.2.3, into dist/.
	go run ./hack/krew -version $(VERSION)

.PHONY: images
images: ## Build the container images of the operator and the gateway.
	$(CONTAINER_TOOL) build --build-arg PROGRAM=manager --build-arg VERSION=$(VERSION) -t $(IMAGE_PREFIX)/operator:$(IMAGE_TAG) .
	$(CONTAINER_TOOL) build --build-arg PROGRAM=gateway --build-arg VERSION=$(VERSION) -t $(IMAGE_PREFIX)/gateway:$(IMAGE_TAG) .

.PHONY: generate
generate: ## Generate deep copies, CRDs, RBAC, docs/api.md and the tables of docs/metrics.md from the code.
	$(TOOL) controller-gen object:headerFile=hack/boilerplate/boilerplate.go.txt paths=./api/...
	$(TOOL) controller-gen crd paths=./api/... output:crd:dir=config/crd
	$(TOOL) controller-gen rbac:roleName=spark-operator paths=./controllers/... output:rbac:dir=config/rbac
	$(TOOL) crd-ref-docs --source-path=api --config=hack/api-docs.yaml --renderer=markdown --output-path=docs/api.md --log-level=ERROR
	UPDATE=1 go test -count=1 -run ThePageHasEveryMetric ./test/metrics >/dev/null

##@ Check

.PHONY: lint
lint: ## Run the linters.
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'not gofmt-ed:'; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet -tags e2e,console ./...
	$(GOLANGCI_LINT) run

.PHONY: verify
verify: ## Fail if generated files or the module files have drifted.
	@hack/verify

.PHONY: test
test: ## Run every test that needs no cluster: unit, golden, CEL, envtest, dataplane, bridge, fuzz seeds.
	@$(if $(RACE),,echo 'no C compiler: the tests run WITHOUT the race detector' >&2)
	@assets="$$(go run ./hack/envtest)" && export KUBEBUILDER_ASSETS="$$assets" && \
	go test $(RACE) -timeout 15m ./...

.PHONY: test-alerts
test-alerts: ## Run promtool on the alerts and the dashboard; brings Debian's prometheus where it is missing and we are root.
	SPARK_REQUIRE_PROMTOOL=1 go test -count=1 ./test/alerts ./config/grafana

.PHONY: test-sdk
test-sdk: ## Run the official SDKs against every type of provider, as docs/dialects.md says (UPDATE=1 writes it); needs Node.js.
	@UPDATE=$(UPDATE) test/sdk/run

.PHONY: test-traces
test-traces: ## Send a trace to the receiver of OpenTelemetry's own collector, over gRPC and HTTP.
	cd test/collector && go test -count=1 ./...

.PHONY: test-console
test-console: ## Try the console in a headless Chromium, with screenshots in SCREENSHOTS (dist/screenshots) and axe-core; needs npm.
	@SCREENSHOTS=$(SCREENSHOTS) test/console/run

.PHONY: test-e2e
test-e2e: ## Run the end-to-end tests on the cluster of KUBECONFIG; E2E_LOAD_IMAGE is the command that loads images.
	go test -tags e2e -count=1 -timeout 30m -v ./test/e2e/...

FUZZTIME ?= 60s
.PHONY: fuzz
fuzz: ## Fuzz every target for FUZZTIME each.
	@go list -f '{{.Dir}}' ./... | while read -r dir; do \
	  for target in $$(grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$$dir"/*_test.go 2>/dev/null | cut -c6-); do \
	    echo "== $${dir#$(CURDIR)/} $$target"; \
	    (cd "$$dir" && go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x .) || exit 1; \
	  done; \
	done

.PHONY: bench
bench: build ## Measure CPU per request of nginx and Spark in one run, and their ratio.
	go run ./test/bench $(BENCHFLAGS)

.PHONY: loadtest
loadtest: build ## Put a load on a standalone gateway for 20 s, and write dist/load.html and dist/load.json (LOADFLAGS).
	@hack/loadtest $(LOADFLAGS)

.PHONY: chaos
chaos: ## Let providers fail in seven ways for a minute each, and write docs/resilience.md.
	go run ./test/chaos -report docs/resilience.md

.PHONY: accounting
accounting: ## Hold the records of 10,000 mixed requests against the provider's books, kill processes at 100 moments, and load 100,000 keys.
	SPARK_ACCOUNTING=10000 go test -count=1 -timeout 30m -v ./test/accounting
	SPARK_CRASHES=100 go test -count=1 -timeout 30m -v ./test/replicas
	SPARK_SCALE_KEYS=100000 go test -count=1 -timeout 30m -v ./test/scale

DATA ?= ../shared/data
.PHONY: eval-sanitizer
eval-sanitizer: ## Measure what the sanitizer finds in the prompts and the personal data of DATA.
	go run ./test/sanitizer -data $(DATA)

.PHONY: train-sanitizer
train-sanitizer: ## Train the classifier of prompt injections on DATA: the same data make the same weights.
	go run ./test/sanitizer -data $(DATA) -out gateway/sanitize/injection -date $$(date +%F)

.PHONY: clean
clean: ## Remove what was built.
	rm -rf bin dist
