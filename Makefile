# The ways to run, test and check Tern. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup run test fuzz lint tsan clean

LISTEN ?= 127.0.0.1:5223
# The fuzzers' time, each; bash has a SECONDS of its own, so only make's own variable counts.
SECONDS := 60
TARGET ?=
# The suites with threads in them: the filter is a regular expression over test names.
THREADED ?= ^(ReactorTests|StorageTests|GatewayTests)\.

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

setup:
	@deploy/packages.sh

run: setup ## build, make certificates, serve 127.0.0.1:5223 with data in var/
	swift build -c release
	certs/generate.sh certs
	@mkdir -p var
	@echo
	@echo "Tern serves localhost on $(LISTEN). In a second terminal make two accounts:"
	@echo
	@echo "    .build/release/tern account add alice@localhost --admin var/admin.sock"
	@echo "    .build/release/tern account add bob@localhost --admin var/admin.sock"
	@echo
	@echo "Then, in two terminals:"
	@echo
	@echo "    .build/release/tern chat --as bob@localhost --with alice@localhost --server $(LISTEN) --ca certs/ca.pem"
	@echo "    .build/release/tern chat --as alice@localhost --with bob@localhost --server $(LISTEN) --ca certs/ca.pem"
	@echo
	@exec .build/release/ternd --listen $(LISTEN)

test: setup ## build and run all tests
	swift build --build-tests
	swift test --skip-build

fuzz: setup ## fuzz under AddressSanitizer: TARGET=node (default all), SECONDS=60 each
	@SECONDS_EACH=$(SECONDS) fuzz/run.sh $(TARGET)

lint: ## check the format of all Swift files
	swift format lint --strict --recursive Sources Tests Package.swift fuzz/Package.swift fuzz/Sources

tsan: setup ## run the suites with threads under ThreadSanitizer
	swift test --disable-xctest --sanitize=thread --build-path .build-tsan --filter '$(THREADED)'

clean: ## remove what was built, not data or certificates
	rm -rf .build .build-tsan fuzz/.build
