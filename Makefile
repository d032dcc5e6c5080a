# The commands of the project. Needs Go 1.26 and Node (its npm brings PostgreSQL
# where none is installed); all else is fetched or explained.
# Works with GNU make 3.81 and BSD tools, as macOS has them.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The Go that is installed builds the project; it never fetches another one.
GOTOOLCHAIN := local
export GOTOOLCHAIN

BIN := bin/docuvault
FILES ?=
TEST ?= ./...
BENCH ?=
GROUPED ?=
IMAGE ?=
PLATFORM ?= linux/arm64

.PHONY: help
help: ## This list
	@grep -E '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed -e 's/:.*## /	/' | awk -F '\t' '{ printf "  make %-10s %s\n", $$1, $$2 }'

.PHONY: run
run: build ## The whole vault on http://localhost:8080; Ctrl-C stops it
	@exec ./$(BIN) serve

.PHONY: demo
demo: setup ## A throwaway vault that takes FILES="a.pdf dir/" (default: examples it makes) and prints what became of each
	@CGO_ENABLED=0 go build -o bin/demo ./test/demo && exec ./bin/demo $(FILES)

.PHONY: test
test: setup ## Every test, on real servers; TEST=./shared/seal for some
	@flag=$$(sh .ci/race-flag) && go run ./test/run $$flag $(TEST)

.PHONY: lambda
lambda: setup ## Build every function of template.yaml for AWS Lambda, with SAM; GROUPED=1 for template.grouped.yaml
	@sam=$$(bash .ci/tool sam) && CGO_ENABLED=0 GOFLAGS="-buildvcs=false -trimpath -tags=lambda.norpc '-ldflags=-s -w'" "$$sam" build --parallel --template $(if $(GROUPED),template.grouped.yaml,template.yaml)

# Lambda takes neither an index of platforms nor attestations: one image, with none.
.PHONY: lambda-image
lambda-image: ## Build the image of the analysis on Lambda, with tesseract, and push it; IMAGE=ACCOUNT.dkr.ecr.REGION.amazonaws.com/docuvault-analyze:1, PLATFORM=linux/amd64 for x86_64
	@test -n "$(IMAGE)" || { echo "make lambda-image IMAGE=ACCOUNT.dkr.ecr.REGION.amazonaws.com/docuvault-analyze:1" >&2; exit 1; }
	@if docker buildx version >/dev/null 2>&1; then \
		docker buildx build --platform "$(PLATFORM)" --provenance=false --sbom=false --target lambda-analyze --tag "$(IMAGE)" --push .; \
	else \
		podman build --platform "$(PLATFORM)" --format docker --target lambda-analyze --tag "$(IMAGE)" . && podman push "$(IMAGE)"; \
	fi

.PHONY: test-lambda
test-lambda: setup ## Deploy both templates with SAM onto an emulator of AWS, and drive a vault of each
	@bash .ci/tool sam >/dev/null && go run ./test/run ./test/lambda

.PHONY: test-lambda-image
test-lambda-image: setup ## The image of the analysis on Lambda without a container engine, under AWS's runtime emulator; root on Debian with debootstrap
	@bash .ci/tool sam >/dev/null && test/image/lambda make .cache/lambda-image && DOCUVAULT_TEST_LAMBDA_IMAGE="$(CURDIR)/.cache/lambda-image" go test -count=1 -v -run '^TestAnalyzeImage$$' ./test/lambda

.PHONY: test-rie
test-rie: setup ## A function of each kind under AWS's own runtime emulator: what it answers, and how fast
	@bash .ci/tool sam >/dev/null && go test -count=1 -v -run '^TestRuntimeEmulator$$' ./test/lambda

.PHONY: test-minio
test-minio: setup ## The vault on MinIO: its webhook, each of them down, killed and up again, and storage's rules
	@bash .ci/tool minio >/dev/null && REQUIRE=all go run ./test/run -count=1 -run MinIO ./test/servers

.PHONY: test-localstack
test-localstack: setup ## The vault on LocalStack, where a Python 3.12 or newer is found (on the PATH, or pyenv's)
	@bash .ci/tool aws >/dev/null && REQUIRE=localstack go run ./test/run -count=1 -run LocalStack ./test/servers

.PHONY: bench
bench: setup ## The benchmarks, with their ratios, into bench/results; BENCH="-only begin,whole" for some
	@CGO_ENABLED=0 go build -o bin/bench ./bench && exec ./bin/bench $(BENCH)

.PHONY: check
check: setup ## Lint, vulnerabilities, generated files, modules, and a build for every target
	@bash .ci/check

.PHONY: fmt
fmt: setup ## Format the Go code
	@tool=$$(bash .ci/tool golangci-lint) && "$$tool" fmt

.PHONY: generate
generate: setup ## Write openapi.yaml, the page's types of it, template.grouped.yaml and db/schema.sql anew
	go test ./test/layout -count=1 -run '^(TestOpenAPI|TestGrouped)$$' -update
	sh .ci/web generate
	go test ./db/migrate -count=1 -run '^TestSchemaFile$$' -update

.PHONY: tools
tools: setup ## Install the linter, the vulnerability checker, MinIO, Mailpit, Pebble and SAM into the user's cache folder
	@bash .ci/tool golangci-lint
	@bash .ci/tool govulncheck
	@bash .ci/tool minio
	@bash .ci/tool mailpit
	@bash .ci/tool pebble
	@bash .ci/tool pebble-challtestsrv
	@bash .ci/tool sam
	@bash .ci/tool aws

.PHONY: build
build: setup web ## bin/docuvault, with the web page in it
	@CGO_ENABLED=0 go build -tags web -trimpath -o $(BIN) ./cmd/docuvault

.PHONY: web
web: ## The web page into web/dist, where it is not as its sources are
	@sh .ci/web build

.PHONY: release
release: setup ## Binaries for every target into dist, built twice and compared, with sums and a bill of materials; VERSION=v1.2.3
	@go run ./test/release

.PHONY: clean
clean: ## Delete what was built; a vault's data lies elsewhere and stays
	rm -rf bin dist web/dist web/node_modules

.PHONY: setup
setup:
	@sh .ci/need-go
