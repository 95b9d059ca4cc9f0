# The ways to run, test and check Tern. `make help` lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup run test simulate interop scan fuzz fuzz-replay fuzz-afl bench lint tsan asan scale-smoke faults \
	faults-smoke dictionary clean

LISTEN ?= 127.0.0.1:5223
# The fuzzers' time, each; bash has a SECONDS of its own, so only make's own variable counts.
SECONDS := 60
TARGET ?=
NAME ?=
# The simulator's seeds: how many, the first, how many at a time, and a bug to plant.
SEEDS ?=
SEED ?=
JOBS ?= 1
CANARY ?=
# Of a fault: how often.
COUNT ?=
# The suites with threads in them: the filter is a regular expression over test names.
THREADED ?= ^(ReactorTests|StorageTests|TLSTests|GatewayTests)\.
# Those that read what peers send.
READING ?= ^(WireTests|NotationTests|TLSTests|SessionsTests|BenchTests)\.

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 16

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

interop: ## let foreign TLS clients talk to the gateway: OpenSSL, Python, curl, GnuTLS, NSS
	@deploy/packages.sh interop
	swift build --build-tests
	TERN_INTEROP=1 swift test --skip-build --filter 'InteropTests'

scan: ## let TLS scanners look at the default settings; reports in .build/scan
	@deploy/packages.sh scan
	@mkdir -p .build/scan
	@[ -x .build/scan/venv/bin/sslyze ] || { python3 -m venv .build/scan/venv && .build/scan/venv/bin/pip -q install sslyze; }
	swift build --build-tests
	SSLYZE=$(CURDIR)/.build/scan/venv/bin/sslyze TERN_SCAN=$(CURDIR)/.build/scan swift test --skip-build --filter ScannerTests

simulate: setup ## run SEEDS=N simulated worlds, or SEED=X again; JOBS=2, CANARY=name
	swift build -c release --product simulate
	.build/release/simulate --jobs $(JOBS) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SEED),--seed $(SEED)) \
		$(if $(CANARY),--canary $(CANARY)) $(if $(SEEDS),,$(if $(SEED),--trace var/simulate-$(SEED).trace))

fuzz: setup ## fuzz under AddressSanitizer: TARGET=node (default all), SECONDS=60 each
	@SECONDS_EACH=$(SECONDS) fuzz/run.sh $(TARGET)

fuzz-replay: setup ## run FILES (default its corpus) through TARGET without libFuzzer
	@binaries=$$(fuzz/build.sh replay) && \
	    SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0 \
	    "$$binaries/$(or $(TARGET),node)" $(or $(FILES),fuzz/corpus/$(or $(TARGET),node))

fuzz-afl: setup ## fuzz TARGET with AFL++ for SECONDS; needs the Debian package afl++
	@fuzz/afl.sh $(or $(TARGET),node) $(SECONDS)

bench: setup ## measure: NAME=codec or NAME=tls (default both)
	@bench/run.sh $(NAME)

lint: ## check the format of all Swift files, and that generated files are current
	Sources/Wire/Dictionary/Source/generate.py --check
	swift format lint --strict --recursive Sources Tests Package.swift fuzz/Package.swift fuzz/Sources \
		bench/Package.swift bench/Sources

tsan: setup ## run the suites with threads under ThreadSanitizer
	swift test --disable-xctest --sanitize=thread --build-path .build-tsan --filter '$(THREADED)' --skip InteropTests

asan: setup ## run the suites that read what peers send under AddressSanitizer
	swift test --disable-xctest --sanitize=address --build-path .build-asan --filter '$(READING)'

dictionary: ## write what is made from the word list and the preset dictionary
	Sources/Wire/Dictionary/Source/generate.py

scale-smoke: setup ## a small run of docs/SCALE.md with what `make test` built
	bench/scale.sh smoke
	@if unshare --net true 2> /dev/null && [ -c /dev/net/tun ]; then \
	    echo "the same without the generator's sockets:"; TRANSPORT=tun bench/scale.sh smoke; \
	else echo "TRANSPORT=tun skipped: it takes root and /dev/net/tun"; fi

faults: setup ## kill the gateway, cut its power, fill its disk: NAME=kill COUNT=20 (default all)
	swift build -c release --product ternd
	swift build -c release --product tern
	bench/faults/run.sh $(or $(NAME),all) $(COUNT)

faults-smoke: setup ## a few kills and power cuts with what `make test` built
	bench/faults/run.sh smoke

clean: ## remove what was built, not data or certificates
	rm -rf .build .build-asan .build-tsan fuzz/.build* bench/.build
