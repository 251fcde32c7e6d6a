# SPDX-License-Identifier: BSD-2-Clause
# Images that are damaged, one after the other in DISK (tests/qemu/volumes_trouble.py): each is mounted, all of it is read and some of it written. A line tells of each whether it was
# mounted and what was said.
each() {
    find /data -maxdepth 5 | head -n 60 | while read -r name; do
        [ -f "$name" ] && dd if="$name" bs=16k count=12 > /dev/null
        [ -h "$name" ] && readlink "$name" > /dev/null
    done
    cat /data/folder/file5 > /dev/null
    echo new > /data/new && mv /data/new /data/newer && cat /data/newer > /dev/null
    mkdir /data/made && echo new > /data/made/new
    echo new >> /data/good
    rm /data/folder/file* /data/bad /data/newer
    sync
}
i=0
while [ $i -lt $COUNT ]; do
    echo "step $i"; read line
    if mount -p $DISK /data > /tmp/said 2>&1; then
        each > /tmp/said 2>&1
        until umount /data >> /tmp/said 2>&1 || ! mount | grep -q /data; do sleep 0.1; done
        echo "image $i: mounted; $(grep -oE "$REASONS|[A-Z][a-z]+ [a-z ]+\$" /tmp/said | sort -u | tr '\n' ';')"
    else
        echo "image $i: $(tail -n 1 /tmp/said)"
    fi
    i=$((i + 1))
done
echo "volume damage: all images were tried"
