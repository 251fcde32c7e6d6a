# SPDX-License-Identifier: BSD-2-Clause
# Its self-test is `example`; minigzip is what it calls a demonstration.
CHOST=$HOST ./configure --static --prefix=/usr
make -j"$JOBS" libz.a example minigzip
cp example minigzip libz.a "$OUT"
