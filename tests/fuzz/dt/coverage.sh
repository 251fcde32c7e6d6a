#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# coverage.sh [SECONDS [WORKDIR]]: fuzz the device-tree reader for SECONDS (default 60), then print
# the line coverage of kernel/device/dt*.c that the resulting corpus has. The corpus stays in
# WORKDIR (default build/fuzz-dt) and is where the next run begins. Status 1 if the fuzzer found
# something (it lies in WORKDIR/crash-*), 3 if coverage is below 90 %.
set -eu

seconds=${1:-60}
root=$(cd "$(dirname "$0")/../../.." && pwd)
work=${2:-$root/build/fuzz-dt}
libfdt=${WHARF_LIBFDT_DIR:-$root/build/deps/libfdt}
for tool in clang-14 llvm-profdata-14 llvm-cov-14 dtc; do
    command -v "$tool" >/dev/null || { echo "coverage.sh: $tool is not installed" >&2; exit 2; }
done
[ -f "$libfdt/fdt.c" ] || { echo "coverage.sh: no libfdt in $libfdt" >&2; exit 2; }

mkdir -p "$work/corpus" "$work/seeds" "$work/obj"
for tree in "$root"/dts/tests/*.dts; do
    dtc -q -I dts -O dtb -o "$work/seeds/$(basename "$tree" .dts).dtb" "$tree"
done

cd "$work"
set -- -std=gnu2x -g -O1 -I"$root/kernel/include" -I"$root/interfaces/include" -isystem "$libfdt"
for name in fdt fdt_ro fdt_rw fdt_wip fdt_addresses; do
    clang-14 "$@" -w -include "$root/kernel/device/fdt/libfdt_env.h" \
        -fsanitize=address,undefined -fno-sanitize-recover=all -c "$libfdt/$name.c" -o "obj/$name.o"
    clang-14 "$@" -w -include "$root/kernel/device/fdt/libfdt_env.h" \
        -c "$libfdt/$name.c" -o "obj/$name.cov.o"
done
# One program to search with the sanitizers on, one to measure what was reached.
clang-14 "$@" -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
    "$root/tests/fuzz/dt/fuzz_dt.c" "$root"/kernel/device/dt*.c \
    obj/fdt.o obj/fdt_ro.o obj/fdt_rw.o obj/fdt_wip.o obj/fdt_addresses.o -o fuzz_dt
clang-14 "$@" -fsanitize=fuzzer -fprofile-instr-generate -fcoverage-mapping \
    "$root/tests/fuzz/dt/fuzz_dt.c" "$root"/kernel/device/dt*.c \
    obj/fdt.cov.o obj/fdt_ro.cov.o obj/fdt_rw.cov.o obj/fdt_wip.cov.o obj/fdt_addresses.cov.o \
    -o fuzz_dt_coverage

if ! ./fuzz_dt -dict="$root/tests/fuzz/dt/dt.dict" -max_total_time="$seconds" -max_len=16384 \
    -timeout=10 -print_final_stats=1 corpus seeds >fuzz.log 2>&1; then
    tail -40 fuzz.log
    exit 1
fi
grep -E 'stat::number_of_executed_units|stat::average_exec' fuzz.log || true
LLVM_PROFILE_FILE=fuzz.profraw ./fuzz_dt_coverage -runs=0 corpus seeds >/dev/null 2>&1
llvm-profdata-14 merge -sparse fuzz.profraw -o fuzz.profdata
llvm-cov-14 report ./fuzz_dt_coverage -instr-profile=fuzz.profdata "$root"/kernel/device/ \
    -show-region-summary=false -show-branch-summary=false >report.txt
cat report.txt
awk '/^TOTAL/ { sub("%", "", $NF); exit !($NF >= 90) }' report.txt || {
    echo "coverage.sh: below 90 %" >&2
    exit 3
}
