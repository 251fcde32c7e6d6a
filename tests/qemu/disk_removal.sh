# SPDX-License-Identifier: BSD-2-Clause
# A card is taken out and put back while its file is open (tests/qemu/disk_tools.py): that open is over for good, a new one has what is there. Lines as of disk_tools.sh.
card=/dev/disk/$DISK
bad=0
same() { # NAME WANTED GOT
    if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: '$3', not '$2'"; bad=$((bad + 1)); fi
}
one() { dd bs=512 count=1 2> /tmp/said > /dev/null; } # a block of stdin
why() { grep -o 'No such device or address' /tmp/said; }

exec 3< "${card}p2"
one <&3; same read 0 $?
echo "take it out"
while one <&3; do :; done
same gone 'No such device or address' "$(why)"
same gone-names "$DISK" "$(echo $(cd /dev/disk && ls -d "$DISK"*))"
same gone-size 0 "$(stat -c %s "${card}p2")"
cat "${card}p2" 2> /tmp/said > /dev/null; same gone-open 1 $?
same gone-open-says 'No such device or address' "$(why)"
echo "put it in"
until one < "${card}p2"; do sleep 0.1; done
same back-names "$DISK ${DISK}p1 ${DISK}p2 ${DISK}p3 ${DISK}p4" "$(echo $(cd /dev/disk && ls -d "$DISK"*))"
one <&3; same old-open 1 $?
same old-open-says 'No such device or address' "$(why)"
exec 3<&-
one < "${card}p2"; same new-open 0 $?
rm /tmp/said
echo "disk removal: $bad are wrong"
exit $bad
