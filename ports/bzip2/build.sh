# SPDX-License-Identifier: BSD-2-Clause
# What `make test` compares goes along: three samples, plain and compressed.
make -j"$JOBS" CC="$CC" AR="$AR" RANLIB="$RANLIB" bzip2 bzip2recover
cp bzip2 bzip2recover sample?.ref sample?.bz2 "$OUT"
$CC -O2 -I. -o "$OUT/check" "$PORT/check.c" libbz2.a
