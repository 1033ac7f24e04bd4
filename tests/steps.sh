#!/bin/bash
# Steps of 'make check' and 'make check-vm', sourced by their scripts: each is run and timed, also after one that
# failed. The last line is 'N passed, N failed': tests, and steps that are not made of tests.

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
table=
passed=0
failed=0
start=$SECONDS

# step NAME COMMAND…: runs and times it, and adds its tests to the sum; without tests it counts as one.
step() {
    local name=$1 began=$SECONDS result=ok good bad left_out
    shift
    printf '\n=== %s: %s\n' "$name" "$*"
    "$@" 2>&1 < /dev/null | tee "$log" || result=FAILED
    good=$(sum passed)
    bad=$(sum failed)
    # A test that was left out would look like a passed one.
    left_out=$(sum ignored)
    [ "$left_out" -eq 0 ] || { result=FAILED; bad=$((bad + left_out)); }
    # No test failed, but the step did (it may not even have been built), or it has no tests.
    if [ "$result" = FAILED ] && [ "$bad" -eq 0 ]; then
        bad=1
    elif [ "$good$bad" = 00 ]; then
        good=1
    fi
    passed=$((passed + good))
    failed=$((failed + bad))
    table+=$(printf '%-28s %-7s %5d s %5d passed %3d failed' "$name" "$result" $((SECONDS - began)) "$good" "$bad")$'\n'
}

# sum passed|failed|ignored: of all lines 'test result: ok. 3 passed; 0 failed; …' of the step.
sum() {
    awk -v what="$1" '/^test result: / { for (i = 2; i <= NF; i++) if ($i ~ "^" what ";?$") sum += $(i - 1) }
        END { print sum + 0 }' "$log"
}

# The table of all steps and the sum, which 'N N' in $CHECK_RESULTS keeps for .ci/run; fails if anything failed.
summary() {
    printf '\n=== Summary, %d s in all\n%s\n' $((SECONDS - start)) "$table"
    [ -z "${CHECK_RESULTS:-}" ] || echo "$passed $failed" >> "$CHECK_RESULTS"
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
