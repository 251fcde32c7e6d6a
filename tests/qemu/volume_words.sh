# SPDX-License-Identifier: BSD-2-Clause
# What scripts about volumes in trouble have in common (tests/qemu/volumes_trouble.py).
bad=0
same() { # NAME WANTED GOT
    if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1: '$3', not '$2'"; bad=$((bad + 1)); fi
}
REASONS='I/O error|Read-only file system|No such device or address|No such file or directory|No space left on device'
said() { "$@" > /tmp/said 2>&1; grep -oE "$REASONS" /tmp/said | head -n 1; } # why a command fails
