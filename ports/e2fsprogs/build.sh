# SPDX-License-Identifier: BSD-2-Clause
# Programs that make, check and look into ext2, ext3 and ext4. include/ and missing.c are what Wharf has not. Wharf's getopt() has no optreset, though a header names it.
$CC -Os -c -o missing.o "$PORT/missing.c"
./configure --host="$HOST" CC="$CC" BUILD_CC=gcc CPPFLAGS="-I$PORT/include" CFLAGS="-Os -ffunction-sections -fdata-sections" LIBS="$PWD/missing.o" \
    ac_cv_have_optreset=no --without-pthread --disable-nls --disable-tdb --disable-imager --disable-resizer --disable-defrag --disable-fsck \
    --disable-e2initrd-helper --disable-uuidd --disable-backtrace --disable-testio-debug --disable-bmap-stats --disable-mmp
make -j"$JOBS" libs
make -j"$JOBS" -C e2fsck e2fsck
make -j"$JOBS" -C misc mke2fs tune2fs dumpe2fs
make -j"$JOBS" -C debugfs debugfs
cp e2fsck/e2fsck misc/mke2fs misc/tune2fs misc/dumpe2fs debugfs/debugfs "$OUT"
