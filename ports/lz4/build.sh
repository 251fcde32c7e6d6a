# SPDX-License-Identifier: BSD-2-Clause
# Self-tests: fuzzer (the block format), frametest (the frame format).
make -j"$JOBS" -C programs TARGET_OS=Wharf lz4
make -j"$JOBS" -C tests TARGET_OS=Wharf fuzzer frametest
cp programs/lz4 tests/fuzzer tests/frametest "$OUT"
