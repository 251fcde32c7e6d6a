# SPDX-License-Identifier: BSD-2-Clause
# Disks as files, and the programs that make, check and repair file systems on them (tests/qemu/disk_tools.py): FAT on partition 1, ext4 on 2; 3 and 4 are played with. A line `ok NAME` or
# `not ok NAME: ...` a check, and one of all at the end.
disk=/dev/disk/$DISK
bad=0
same() { # NAME WANTED GOT
    if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: '$3', not '$2'"; bad=$((bad + 1)); fi
}
status() { # NAME WANTED COMMAND...: its status
    name=$1 wanted=$2
    shift 2
    "$@" > /tmp/said 2>&1
    got=$?
    same "$name" "$wanted" $got
    [ $got = "$wanted" ] || cat /tmp/said
}
says() { # NAME PATTERN: what the last command said
    if grep -Eq -- "$2" /tmp/said; then echo "ok $1"; else echo "not ok $1: no '$2' in:"; bad=$((bad + 1)); cat /tmp/said; fi
}
damage() { # PARTITION OFFSET BYTES: zeroes there
    dd if=/dev/zero of="$1" bs="$3" count=1 seek=$(($2 / $3)) conv=notrunc,fsync 2> /dev/null
}

# names
same names "$DISK ${DISK}p1 ${DISK}p2 ${DISK}p3 ${DISK}p4" "$(echo $(cd /dev/disk && ls -d "$DISK"*))"
same kind 'block special file' "$(stat -c %F "$disk")"
same size 8388608 "$(stat -c %s "${disk}p4")"
status none 1 cat "${disk}p9"
says none-says 'No such file'
status no-canon 1 cat "${disk}p0"

# bytes at any place
printf 0123456789 > /tmp/ten
dd if=/tmp/ten of="${disk}p3" bs=1 seek=507 conv=notrunc 2> /dev/null
same across '0123456789' "$(dd if="${disk}p3" bs=1 skip=507 count=10 2> /dev/null)"
same beside '3456' "$(dd if="${disk}p3" bs=2 skip=255 count=2 2> /dev/null)"
head -c 1000000 /dev/urandom > /tmp/much
dd if=/tmp/much of="${disk}p3" bs=999999 seek=1 conv=notrunc,fsync 2> /dev/null
dd if="${disk}p3" bs=999999 skip=1 count=2 2> /dev/null | head -c 1000000 | cmp - /tmp/much; same much 0 $?

# a driver that begins anew, again and again, while a file is open
(for n in 1 2 3 4 5 6 7 8; do cat /tmp/much; done) | dd of="${disk}p3" bs=65536 iflag=fullblock conv=notrunc,fsync 2> /dev/null &
for n in 1 2 3; do svc fault "$DISK"; done
wait $!; same restarts 0 $?
(for n in 1 2 3 4 5 6 7 8; do cat /tmp/much; done) | cmp -n 8000000 - "${disk}p3"; same restarts-all 0 $?

# the end
status full 1 dd if=/dev/zero of="${disk}p4" bs=1048576 count=9
says full-says 'No space left on device'
same all 8388608 "$(cat "${disk}p4" | wc -c)"

# in use
mkswap "${DISK}p3" > /tmp/said && swapon "${DISK}p3"
status swap 1 dd if=/dev/zero of="${disk}p3" bs=512 count=1 conv=notrunc
says swap-says 'Device or resource busy'
status swap-disk 1 dd if=/dev/zero of="$disk" bs=512 count=1 conv=notrunc
status swap-read 0 dd if="${disk}p3" of=/dev/null bs=512 count=1
swapoff "${DISK}p3"
status swap-no-more 0 dd if=/dev/zero of="${disk}p3" bs=512 count=1 conv=notrunc

# ext4
status mkfs.ext4 0 mkfs.ext4 -q -L data -U 57480000-5761-7266-8000-000000000002 "${disk}p2"
status fsck.ext4 0 fsck.ext4 -f -n "${disk}p2"
says ext4-passes '^Pass 5: '
status dumpe2fs 0 dumpe2fs -h "${disk}p2"
says ext4-features '^Filesystem features: .*has_journal.*extent'
says ext4-label '^Filesystem volume name: +data$'
status debugfs 0 debugfs -w -R 'write /tmp/much much' "${disk}p2"
status debugfs-dump 0 debugfs -R 'dump much /tmp/again' "${disk}p2"
cmp /tmp/much /tmp/again; same debugfs-same 0 $?
status tune2fs 0 tune2fs -L other "${disk}p2"
damage "${disk}p2" 2048 1024 # the group descriptors
status ext4-damaged 4 fsck.ext4 -f -n "${disk}p2"
status ext4-repair 1 fsck.ext4 -f -y "${disk}p2"
status ext4-repaired 0 fsck.ext4 -f -n "${disk}p2"
same ext4-kept other "$(e2label "${disk}p2")"
debugfs -R 'dump much /tmp/once-more' "${disk}p2" > /tmp/said 2>&1
cmp /tmp/much /tmp/once-more; same ext4-content 0 $?

# FAT
status mkfs.fat 0 mkfs.fat -F 32 -n WHARF "${disk}p1"
status fsck.fat 0 fsck.fat -n "${disk}p1"
damage "${disk}p1" 16384 512 # the beginning of the first file allocation table
status fat-damaged 1 fsck.fat -n "${disk}p1"
status fat-repair 1 fsck.fat -a "${disk}p1"
status fat-repaired 0 fsck.fat -n "${disk}p1"

rm /tmp/ten /tmp/much /tmp/again /tmp/once-more /tmp/said
echo "disk tools: $bad are wrong"
exit $bad
