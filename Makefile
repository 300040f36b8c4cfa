# `make` or `make help` lists the targets.
SHELL := /bin/bash
CARGO_TARGET_DIR ?= $(CURDIR)/target
FUZZ_SECONDS ?= 600
FUZZ_TARGET := $(CARGO_TARGET_DIR)/fuzz
export CARGO_TARGET_DIR
UI := dashboards/ui
BENCH := $(CARGO_TARGET_DIR)/bench
UI_SOURCES := $(shell find $(UI)/src $(UI)/public -type f 2>/dev/null) $(wildcard $(UI)/*.html $(UI)/*.ts $(UI)/*.json)

# The whole workspace is always built together: choosing one crate with -p would choose other features of shared
# dependencies, and build DataFusion a second time.

.DEFAULT_GOAL := help
.PHONY: help run test test-interop lint fmt bench bench-analytics bench-quality bench-scale bench-collector bench-tracker fuzz ui dev need-cargo need-node need-programs shots

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ui need-cargo ## Build what is needed and start on demo traffic, http://127.0.0.1:8080
	cargo build --workspace --bins
	$(CARGO_TARGET_DIR)/debug/halfopen serve --demo

test: ui need-cargo need-programs ## Build, then run every test
	cargo build --workspace --all-targets
	cargo test --workspace --no-fail-fast
	cd $(UI) && npm run --silent check && npm run --silent test

# Jars of the servers that delivery is tried against; kept, so that later runs are quick and need no network.
INTEROP ?= $(HOME)/.cache/halfopen/interop
COPY_JARS := org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DincludeScope=runtime

test-interop: ui need-cargo ## Try delivery against a real OpenSearch node and Kafka broker (needs Java 17 and Maven)
	@for program in java mvn; do command -v $$program >/dev/null || { echo "$$program is missing: apt-get install openjdk-17-jre-headless maven" >&2; exit 1; }; done
	@for server in opensearch kafka; do \
	  stamp=$$(cksum < tests/interop/$$server/pom.xml | cut -d' ' -f1); dir=$(INTEROP)/$$server; \
	  if [ "$$(cat $$dir/fetched 2>/dev/null)" != "$$stamp" ]; then \
	    echo "fetching the jars of $$server"; rm -rf $$dir && mkdir -p $$dir && \
	    mvn -q -B -f tests/interop/$$server/pom.xml $(COPY_JARS) -DoutputDirectory=$$dir && echo $$stamp > $$dir/fetched || exit 1; \
	  fi; done
	cargo build --workspace --all-targets
	HALFOPEN_INTEROP=$(INTEROP) cargo test --workspace --test it -- --ignored --test-threads=1 interop::

lint: ui need-cargo ## Check format, lints and dependencies' licences
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cd $(UI) && npm run --silent check
	@command -v cargo-deny >/dev/null && cargo deny check || echo "cargo-deny is not installed: licences were not checked (cargo install cargo-deny)"

fmt: need-cargo ## Format everything
	cargo fmt --all
	cd $(UI) && npm run --silent format

bench: need-cargo ## Run the benchmarks of the decoder and the session table
	cargo bench -p tracker --bench table
	cargo bench -p collector --no-default-features

bench-analytics: bench-quality bench-scale ## Measure quality and scale of detection

bench-quality: need-cargo ## Measure detection quality beside five baselines (Python packages come from PyPI)
	cargo build --workspace --bins
	python3 -m venv $(CARGO_TARGET_DIR)/bench-venv
	$(CARGO_TARGET_DIR)/bench-venv/bin/pip install --quiet -r tests/bench/requirements.txt
	$(CARGO_TARGET_DIR)/bench-venv/bin/python tests/bench/quality.py --halfopen $(CARGO_TARGET_DIR)/debug/halfopen \
	  $(addprefix --data ,$(wildcard $(or $(HALFOPEN_CORPUS),../shared/corpus)/anomaly))

bench-scale: need-cargo ## Measure detection of 100,000 series, and the bucket query over 10 and 100 million sessions beside DuckDB and chDB
	cargo bench --workspace --bench scale -- models
	python3 -m venv $(BENCH)/venv && $(BENCH)/venv/bin/pip install -q duckdb chdb
	@for days in 1 10; do \
	  cargo bench -q --workspace --bench scale -- fill $(BENCH)/store $${days}0000000 $$days $$(date +%s) && \
	  $(BENCH)/venv/bin/python analytics/benches/scale/peers.py $(BENCH)/store $$((days * 96)) \
	    cargo bench -q --workspace --bench scale -- counts && rm -rf $(BENCH)/store || exit 1; done

bench-tracker: need-cargo ## Measure the tracker beside softflowd, argus, nfpcapd and tshark (argus-server, time; live needs root)
	cargo bench -p tracker --bench table
	cargo bench -p tracker --bench compare

FUZZ := tracker/frames tracker/packets tracker/captures collector/datagram collector/stream jobs/definition
fuzz: need-cargo ## Fuzz what comes from outside, FUZZ_SECONDS for each target (cargo install cargo-fuzz)
	@for pair in $(FUZZ); do crate=$${pair%/*}; target=$${pair#*/}; \
	  mkdir -p $$crate/fuzz/corpus/$$target $$crate/fuzz/seeds/$$target && ( cd $$crate && CARGO_TARGET_DIR=$(FUZZ_TARGET) cargo fuzz run -s none $$target \
	    fuzz/corpus/$$target fuzz/seeds/$$target -- -max_total_time=$(FUZZ_SECONDS) -max_len=4096 ) || exit 1; done

bench-collector: ui need-cargo need-programs ## Measure the decoder beside netflow_parser, and the whole way beside nfcapd
	cargo bench -q -p collector --no-default-features --bench decode
	cargo build -q --release --workspace --bins
	python3 collector/benches/collector.py $(CARGO_TARGET_DIR)/release/halfopen

ui: $(UI)/dist/index.html ## Build the web UI into dashboards/ui/dist

$(UI)/dist/index.html: $(UI)/node_modules/.package-lock.json $(UI_SOURCES)
	cd $(UI) && npm run --silent build
	@touch $@

$(UI)/node_modules/.package-lock.json: $(UI)/package.json $(UI)/package-lock.json
	@$(MAKE) --no-print-directory need-node
	cd $(UI) && npm ci --no-audit --no-fund
	@touch $@

dev: need-node $(UI)/node_modules/.package-lock.json ## Serve the UI with live reload against a running halfopen
	cd $(UI) && npm run dev

shots: ui need-cargo need-programs ## Take screenshots of every page into shots/
	cargo build --workspace --all-targets
	HALFOPEN_SHOTS=$(CURDIR)/shots cargo test --workspace --test it every_page_is_sound

need-cargo:
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust 1.95 or later (https://rustup.rs)" >&2; exit 1; }

need-node:
	@command -v npm >/dev/null || { echo "npm is missing: install Node.js 20 or later" >&2; exit 1; }
	@node -e 'process.exit(+process.versions.node.split(".")[0] >= 20 ? 0 : 1)' || { echo "Node.js is $$(node --version): version 20 or later is needed" >&2; exit 1; }

# The tests drive real programs. Each with Debian's name of the package that has it.
PROGRAMS := softflowd:softflowd nfreplay:nfdump tshark:tshark tcpreplay:tcpreplay chromium:chromium ip:iproute2 fprobe:fprobe pmacctd:pmacct \
  nft:nftables conntrack:conntrack

need-programs:
	@missing=; for pair in $(PROGRAMS); do \
	  PATH="$$PATH:/usr/sbin:/sbin" command -v $${pair%%:*} >/dev/null || missing="$$missing $${pair##*:}"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing$$missing"; apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	  else echo "the tests need these Debian packages:$$missing" >&2; echo "as root: apt-get install$$missing" >&2; exit 1; fi; fi
