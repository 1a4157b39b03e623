# make demo     build, then restore a small archive into a temporary PostgreSQL
# make test     check format and lints, run all tests, on PostgreSQL 15 to 18
# make unit     run the tests that need no server
# make bench    compare nocturne with pg_restore on an 800 MB database
# make chaos    disturb 200 restores at random moments, 20 to 60 minutes (CHAOS_ROUNDS=50)
# make random   compare with pg_restore on 2000 random databases (RANDOM_ROUNDS=300)
# make nights   sync 60 databases for 20 nights each (NIGHTS_ROUNDS=10)
# make fixtures regenerate the archives of fixtures/
# make msrv     check with the oldest Rust that Cargo.toml supports
# make deny     check dependencies: licenses, sources, known vulnerabilities
# make fuzz     run every fuzz target for FUZZ_SECONDS (120)
#
# Requirements: Rust (https://rustup.rs), make, python3. A missing PostgreSQL is downloaded with
# apt-get and pip (tests/postgres/fetch.sh). NOCTURNE_TEST_VERSIONS=15,17 selects fewer versions.

SHELL := /bin/bash
comma := ,
VERSIONS := $(subst $(comma), ,$(or $(NOCTURNE_TEST_VERSIONS),15 16 17 18))

# The restored database has about 8 MB for each unit of SCALE.
SCALE ?= 100
ROUNDS ?= 5
# Further options for benches/bench.py, such as BENCH="--tuned --cases warehouse,huge".
BENCH ?=

# Number of restores to disturb, and the seed of the first (random if empty).
CHAOS_ROUNDS ?= 200
CHAOS_SEED ?=

# Number of random databases, and the seed of the first (random if empty).
RANDOM_ROUNDS ?= 2000
RANDOM_SEED ?=

# Number of databases to sync, of their nights, and the seed of the first (random if empty).
NIGHTS_ROUNDS ?= 60
NIGHTS ?= 20
NIGHTS_SEED ?=

.PHONY: demo test unit fmt lint bench chaos random nights fixtures postgres msrv deny fuzz

MSRV := $(shell sed -n 's/^rust-version = "\(.*\)"/\1.0/p' Cargo.toml)
FUZZ_SECONDS ?= 120

# Uses any server that nocturne finds (PG_BIN, PATH, the packages' locations). On Linux, a missing
# one is downloaded; elsewhere nocturne reports what to install.
demo:
	cargo build --release
	@set -e; \
	if [ "$$(uname -s)" = Linux ] && [ -z "$$PG_BIN" ] && ! command -v postgres > /dev/null \
	    && ! ls /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb 2> /dev/null | grep -q .; then \
	    tests/postgres/fetch.sh 18; \
	    export PG_BIN=$(CURDIR)/target/postgres/18/bin; \
	fi; \
	echo; echo '$$ nocturne restore fixtures/warehouse-demo.tar.gz --embedded --exit -j 2 --query "..."'; \
	target/release/nocturne restore fixtures/warehouse-demo.tar.gz --embedded --exit -j 2 \
	    --query "$$(cat sql/warehouse/demo.sql)"

test: fmt lint postgres
	cargo test --no-fail-fast
	$(if $(filter 18,$(VERSIONS)),NOCTURNE_PG_RESTORE=$(CURDIR)/target/postgres/18/bin/pg_restore \
	    cargo test --lib -- --ignored oracle)

# The tests that need neither a server nor its programs.
unit:
	cargo test --lib --doc

fmt:
	cargo fmt --check

lint:
	cargo clippy --all-targets -- -D warnings
	cargo clippy --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --quiet

bench:
	tests/postgres/fetch.sh 15
	cargo build --release
	python3 benches/bench.py --scale $(SCALE) --rounds $(ROUNDS) $(BENCH)

chaos: postgres
	NOCTURNE_CHAOS_ROUNDS=$(CHAOS_ROUNDS) $(if $(CHAOS_SEED),NOCTURNE_CHAOS_SEED=$(CHAOS_SEED)) \
	    cargo test --test it -- --nocapture chaos::disturbed

random: postgres
	NOCTURNE_RANDOM_ROUNDS=$(RANDOM_ROUNDS) $(if $(RANDOM_SEED),NOCTURNE_RANDOM_SEED=$(RANDOM_SEED)) \
	    cargo test --test it -- --nocapture random::random_database

nights: postgres
	NOCTURNE_NIGHTS_ROUNDS=$(NIGHTS_ROUNDS) NOCTURNE_NIGHTS=$(NIGHTS) \
	    $(if $(NIGHTS_SEED),NOCTURNE_NIGHTS_SEED=$(NIGHTS_SEED)) \
	    cargo test --test it -- --nocapture sync::random_nights

fixtures: postgres
	fixtures/make.sh

postgres:
	tests/postgres/fetch.sh $(VERSIONS)

msrv:
	@cargo +$(MSRV) --version > /dev/null 2>&1 || { \
	    echo "Rust $(MSRV) is missing: rustup toolchain install $(MSRV) --profile minimal"; exit 1; }
	cargo +$(MSRV) check --locked --all-targets

# Vulnerabilities last, because their database comes from GitHub.
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
