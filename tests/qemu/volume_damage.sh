# SPDX-License-Identifier: BSD-2-Clause
# Images that are damaged, one after the other in DISK (tests/qemu/volumes_trouble.py): each is mounted, all of it is read and some of it written. A line tells of each whether it was
# mounted and what was said.
each() {
    find /data -maxdepth 5 | head -n 200 | while read -r name; do
        [ -f "$name" ] && cat "$name" > /dev/null
        [ -h "$name" ] && readlink "$name" > /dev/null
    done
    echo new > /data/new && mv /data/new /data/newer && cat /data/newer > /dev/null
    mkdir /data/made && echo new > /data/made/new
    echo new >> /data/good
    rm -r /data/folder /data/bad /data/newer
    sync
}
i=0
while [ $i -lt $COUNT ]; do
    echo "step $i"; read line
    if mount -p $DISK /data > /tmp/said 2>&1; then
        each > /tmp/said 2>&1
        until umount /data >> /tmp/said 2>&1 || ! mount | grep -q /data; do sleep 0.1; done
        echo "image $i: mounted; $(grep -oE "$REASONS|[A-Z][a-z]+ [a-z ]+\$" /tmp/said | sort | uniq -c | sort -rn | head -n 4 | tr -s ' \n' ' ')"
    else
        echo "image $i: $(tail -n 1 /tmp/said)"
    fi
    i=$((i + 1))
done
echo "volume damage: all images were tried"
