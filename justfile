# The daily commands. `just` alone lists them.

default:
    @just --list

# Format everything.
fmt:
    cargo fmt --all

# What a reviewer would complain about.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Every test, on a PostgreSQL that the tests start themselves.
test *ARGS:
    tests/run {{ARGS}}

# Everything the CI runs.
ci:
    .ci/run

# What annotated functions cost to call and to compile: docs/performance.md.
cost:
    cargo bench -p cost
    cargo run --release -p cost --bin instructions

# The documentation, in a browser.
doc:
    cargo doc --workspace --no-deps --open

# Annotated functions and the log they leave, without a server.
quickstart:
    cargo run --quiet --example quickstart

# Many tasks at once: just load --calls 100000 --tasks 64
load *ARGS:
    cargo run --quiet --release --example load -- {{ARGS}}

# The audit command: just audit query --actor user:user_123
audit *ARGS:
    cargo run --quiet --package audit-console -- {{ARGS}}

# Licences, advisories, sources.
deny:
    cargo deny check
