# SPDX-License-Identifier: BSD-2-Clause
# mkfs.fat and fsck.fat. Short names with other letters than those of ASCII are shown as MS-DOS's code page 850.
./configure --host="$HOST" CFLAGS="-Os -ffunction-sections -fdata-sections" --without-iconv
make -j"$JOBS" -C src mkfs.fat fsck.fat
cp src/mkfs.fat src/fsck.fat "$OUT"
