#!/bin/bash
# 'make check': every step one after another, also after one that failed. Nothing is skipped: what is missing and
# cannot be installed makes its step fail. The last line is 'N passed, N failed': tests, and steps that are not made
# of tests. About 11 minutes on two cores, 5 more after a fresh clone.
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
# The tests look for the programs where the Makefile does.
unset HEALTH_CHECKER_BIN_DIR
export CARGO_TARGET_DIR=$PWD/target CARGO_TERM_COLOR=never

# shellcheck source=/dev/null # checked by itself
. tests/steps.sh

# All scripts of the tree; those of generator/tests/cases are plugins that are odd on purpose.
shell_scripts() {
    local scripts
    mapfile -d '' -t scripts < <(find . \( -path ./target -o -path ./.git -o -path ./generator/tests/cases \) -prune -o \
        -type f -exec sh -c 'head -n 1 "$1" | grep -aqE "^#! ?(/usr)?/bin/(env +)?(ba|da)?sh( |\$)"' sh {} \; -print0)
    [ ${#scripts[@]} -gt 0 ] || { echo "no shell scripts found in '$PWD'"; return 1; }
    printf '%s\n' "${scripts[@]}"
    shellcheck "${scripts[@]}"
}

docs() { RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items --locked --quiet; }

# Only a test that needs root may be left out by 'make test', and it says so. Here all of them run ('--include-ignored'),
# and one that does not makes its step fail (steps.sh). A test target that is not run would not be seen at all.
ignored_tests_need_root() {
    ! grep -rnE '#\[(cfg_attr.*)?ignore' --include='*.rs' generator plugins runner tests | grep -vF '#[ignore = "needs root: '
}

step 'setup' tests/setup.sh
step 'formatting' cargo fmt --all --check
step 'clippy' cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
step 'clippy, fail points' cargo clippy --package health-checker --all-targets --features fail-points --locked --quiet -- -D warnings
step 'documentation' docs
step 'shellcheck' shell_scripts
step 'ignored tests' ignored_tests_need_root
step 'release build' cargo build --release --workspace --exclude health-checker-tests --locked --quiet
step 'fail-points build' cargo build --package health-checker --features fail-points --profile fail-points --locked --quiet
step 'unit tests' cargo test --workspace --lib --bins --locked --quiet --no-fail-fast -- --include-ignored
step 'plan of the house' cargo test --package health-checker --test '*' --locked --no-fail-fast -- --include-ignored
step 'documentation tests' cargo test --workspace --doc --locked --quiet
step 'generated trees' cargo test --package health-checker-generator --test '*' --locked --quiet --no-fail-fast -- --include-ignored
step 'probes' cargo test --package health-probe --test '*' --locked --quiet --no-fail-fast -- --include-ignored
step 'unit verification' cargo test --package health-checker-tests --test units --locked --no-fail-fast -- --include-ignored

boot_tests=()
for target in tests/tests/*.rs tests/tests/*/main.rs; do
    name=${target#tests/tests/}
    name=${name%.rs}
    name=${name%/main}
    # 'vm' is for check-vm.sh.
    case $name in units | vm) continue ;; esac
    [ ! -f "$target" ] || boot_tests+=(--test "$name")
done
step 'boot tests' cargo test --package health-checker-tests "${boot_tests[@]}" --locked --no-fail-fast -- --include-ignored

summary
