# SPDX-License-Identifier: BSD-2-Clause
# A card with ext4 and FAT is taken out while both are mounted, and another one put in (tests/qemu/volumes_trouble.py).
one() { dd bs=512 count=1 2> /dev/null > /dev/null; } # a block of stdin
take_out() { echo "step $1"; while one < /dev/disk/${DISK}p2; do sleep 0.1; done; }
put_in() { echo "step $1"; until [ -e /dev/disk/${DISK}p2 ] && one < /dev/disk/${DISK}p2; do sleep 0.1; done; }
mounted() { mount -p ${DISK}p1 /fat && mount -p ${DISK}p2 /ext4; }

same mount 0 "$(mounted; echo $?)"
for at in /fat /ext4; do echo first > $at/kept; done
sync
cat /fat/kept /ext4/kept > /dev/null # they have pages then
for at in /fat /ext4; do echo more > $at/lost; done
take_out 1
for at in /fat /ext4; do
    same read 'I/O error' "$(said cat $at/good)"
    same read-cached first "$(cat $at/kept)"
    sync 2> /dev/null
    same sync 1 "$(sync -f $at/kept 2> /dev/null; echo $?)"
    mkdir $at/refused 2> /dev/null; same refused 1 $?
done
# What is mounted is nothing to the other one.
put_in 2
for at in /fat /ext4; do
    same old-read 'I/O error' "$(said cat $at/good)"
    same old-sync 1 "$(sync -f $at/kept 2> /dev/null; echo $?)"
done
same unmount 1 "$(umount /ext4 2> /dev/null; echo $?)"
same unmount-fat 1 "$(umount /fat 2> /dev/null; echo $?)"
same unmounted 0 "$(mount | grep -c ^$DISK)"
same another 0 "$(mounted; echo $?)"
for at in /fat /ext4; do
    same another-read second "$(cat $at/which)"
    same another-kept 'No such file or directory' "$(said cat $at/kept)"
    echo second > $at/kept
done
same another-unmount 0 "$(umount /fat /ext4; echo $?)"
take_out 3
same absent 1 "$(mount -p ${DISK}p2 /ext4 2> /dev/null; echo $?)"
put_in 4
same again 0 "$(mounted; echo $?)"
for at in /fat /ext4; do
    same again-kept first "$(cat $at/kept)"
    same again-read first "$(cat $at/which)"
    same again-write 0 "$(echo again > $at/again; echo $?)"
done
same again-unmount 0 "$(umount /fat /ext4; echo $?)"
echo "volume removal: $bad are wrong"
exit $bad
