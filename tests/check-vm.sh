#!/bin/bash
# 'make check-vm': the tests that boot whole virtual machines, three at a time. What is missing is installed, or makes
# its step fail. At most 25 minutes on two cores.
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
unset HEALTH_CHECKER_BIN_DIR
export CARGO_TARGET_DIR=$PWD/target CARGO_TERM_COLOR=never
# shellcheck source=/dev/null # checked by itself
. tests/steps.sh

step 'setup' tests/setup.sh --vm
step 'release build' cargo build --release --workspace --exclude health-checker-tests --locked --quiet
step 'fail-points build' cargo build --package health-checker --features fail-points --profile fail-points --locked --quiet

step 'virtual machines' cargo test --package health-checker-tests --test vm --locked --no-fail-fast -- --test-threads=3

summary
