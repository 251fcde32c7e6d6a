# SPDX-License-Identifier: BSD-2-Clause
# A file system whose card fails (tests/qemu/volumes_trouble.py), in DISK; GOOD and LATER are the sums of two files. The other side reads `step N`, does to the card what that step is, and types a line.
step() { echo "step $1"; read line; }
synced() { dd if=/dev/null of="$1" conv=notrunc,fsync 2>&1; } # fsync of a file
pages() { i=0; while [ $i -lt 64 ]; do dd if=/data/bad bs=4096 skip=$i count=1 2> /dev/null | wc -c; i=$((i + 1)); done; } # the bytes of each that can be read

same mount 0 "$(mount -p $DISK /data; echo $?)"
# Some blocks of a file cannot be read.
same read 'I/O error' "$(said cat /data/bad)"
same read-pages '62 4096 2 0' "$(echo $(pages | sort -rn | uniq -c))"
same read-beside "$GOOD  -" "$(md5sum < /data/good)"
step 1
same read-again 64 "$(pages | grep -c 4096)"

# What was written to a file is lost: told once, of this file alone.
step 2
echo kept > /data/kept
same accepted 0 "$(dd if=/data/good of=/data/over bs=4096 count=8 conv=notrunc 2> /dev/null; echo $?)"
same lost 'I/O error' "$(said synced /data/over)"
same lost-once '' "$(said synced /data/over)"
same kept '' "$(said synced /data/kept)"
same writable 0 "$(mkdir /data/made; echo $?)"
same sync 0 "$(sync; echo $?)"
step 3
same over 0 "$(dd if=/data/good of=/data/over bs=4096 count=8 conv=notrunc,fsync 2> /dev/null; echo $?)"

# Nothing can be written.
step 4
mkdir /data/lost
same sync-fails 1 "$(sync 2> /dev/null; echo $?)"
same refused "$REFUSED" "$(said mkdir /data/refused)"
same refused-write "$REFUSED" "$(said synced /data/refused)"
same refused-append 'Read-only file system' "$(said dd if=/data/good of=/data/kept bs=4096 count=1 conv=notrunc)"
same still-read "$LATER  -" "$(md5sum < /data/later)"
same unmount 1 "$(umount /data 2> /dev/null; echo $?)"
step 5
same remount 0 "$(mount -p $DISK /data; echo $?)"
same is-kept kept "$(cat /data/kept)"
same is-over '' "$(cmp -n 32768 /data/good /data/over 2>&1)"
same is-made /data/made "$(ls -d /data/made)"
same write-again 0 "$(echo again > /data/again; echo $?)"
same unmount-again 0 "$(umount /data; echo $?)"
echo "volume failing: $bad are wrong"
exit $bad
