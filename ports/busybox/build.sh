# SPDX-License-Identifier: BSD-2-Clause
# The applets that config lists; what they need beside is their own. include/ says why it is there.
# FLUSHO: a flag that stty wants, and that no terminal here has. sys/sysinfo.h: free and uptime include it on Linux only.
make allnoconfig > /dev/null
sed -i "s|^CONFIG_SH_IS_ASH=y|# CONFIG_SH_IS_ASH is not set|" .config
while read -r option; do
    case $option in
    '' | '#'*) ;;
    *=*) sed -i "s|^\(# \)\{0,1\}CONFIG_${option%%=*}[ =].*|CONFIG_$option|" .config ;;
    *) sed -i "s|^# CONFIG_$option is not set|CONFIG_$option=y|" .config ;;
    esac
done < "$PORT/config"
sed -i "s|^CONFIG_EXTRA_CFLAGS=.*|CONFIG_EXTRA_CFLAGS=\"-I$PORT/include -DFLUSHO=0x1000 -include sys/sysinfo.h\"|" .config
yes '' | make oldconfig > /dev/null
make -j"$JOBS" CROSS_COMPILE=aarch64-wharf-elf- SKIP_STRIP=y busybox busybox.links
cp busybox busybox.links .config "$OUT"
