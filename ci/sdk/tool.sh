#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# One of the tools of Wharf's SDK, by the name it is called with: aarch64-wharf-elf-NAME is Debian's aarch64-linux-gnu-NAME,
# told where Wharf's headers and libraries lie, and not to be taken for a compiler for Linux. The folder can be moved.
self=$(readlink -f "$0")
root=${self%/bin/*}
name=${0##*/}
tool=${name#aarch64-wharf-elf-}
cross=aarch64-linux-gnu

case $tool in
gcc | cc | cpp) ;;
pkg-config)
    # Wharf's packages only, none of this machine; add a folder by PKG_CONFIG_PATH.
    PKG_CONFIG_LIBDIR=$root/sysroot/usr/lib/pkgconfig:$root/sysroot/usr/share/pkgconfig
    PKG_CONFIG_SYSROOT_DIR=$root/sysroot
    export PKG_CONFIG_LIBDIR PKG_CONFIG_SYSROOT_DIR
    exec pkg-config --static "$@"
    ;;
*) exec "$cross-$tool" "$@" ;;
esac

[ "$tool" = cc ] && tool=gcc
if [ $# = 1 ]; then
    case $1 in
    -dumpmachine | --dump-machine) echo aarch64-wharf-elf; exit ;;
    -print-multiarch | --print-multiarch) echo; exit ;;
    --version) "$cross-$tool" --version | sed "1s/^$cross-/aarch64-wharf-elf-/"; exit ;;
    -v) "$cross-$tool" -specs="$root/lib/wharf.specs" --sysroot="$root/sysroot" -v 2>&1 |
        sed 's/^Target: .*/Target: aarch64-wharf-elf/' >&2; exit ;;
    esac
fi
exec "$cross-$tool" -specs="$root/lib/wharf.specs" --sysroot="$root/sysroot" -B"$root/sysroot/usr/lib/" \
    -U__linux__ -U__linux -Ulinux -U__gnu_linux__ -A-system=linux -D__wharf__=1 -static \
    -fno-pic -fno-pie -mno-outline-atomics -fno-stack-protector -fno-asynchronous-unwind-tables "$@"
