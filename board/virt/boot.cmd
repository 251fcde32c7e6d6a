# U-Boot script for QEMU's virt; ./wharf image makes boot.scr from it.
# Debian's U-Boot has its default addresses for 128 MiB or more: with 64 MiB, ramdisk_addr_r lies
# behind the end of memory. So the addresses are derived: memory starts at a multiple of 1 GiB, and
# U-Boot's own device tree lies in it; the initrd follows the kernel and its bss.
setexpr base ${fdtcontroladdr} \& 0xffffffffc0000000
setexpr kernel_at ${base} + 0x400000
setexpr initrd_at ${kernel_at} + @INITRD_OFFSET@
# ./wharf test --serial says what is to run; the card has tests.cpio then (./wharf image --tests).
if test -n "${wharf_args}"; then
    setenv bootargs "${wharf_args}"
    setenv wharf_initrd tests.cpio
else
    setenv bootargs "@BOOTARGS@"
    setenv wharf_initrd initrd.cpio
fi
setenv initrd_high 0xffffffffffffffff
load ${devtype} ${devnum}:${distro_bootpart} ${kernel_at} ${prefix}kernel.img
if load ${devtype} ${devnum}:${distro_bootpart} ${initrd_at} ${prefix}${wharf_initrd}; then
    booti ${kernel_at} ${initrd_at}:${filesize} ${fdtcontroladdr}
else
    booti ${kernel_at} - ${fdtcontroladdr}
fi
