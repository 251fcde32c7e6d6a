# U-Boot script for the Raspberry Pi 4 (also QEMU's raspi4b); ./wharf image makes boot.scr from it.
# The device tree is the one that the firmware (or QEMU) handed to U-Boot. booti moves the kernel to
# the next 2 MiB boundary above kernel_addr_r; the default addresses leave it room.
# ./wharf test --serial says what is to run; the card has tests.cpio then (./wharf image --tests).
if test -n "${wharf_args}"; then
    setenv bootargs "${wharf_args}"
    setenv wharf_initrd tests.cpio
else
    setenv bootargs "@BOOTARGS@"
    setenv wharf_initrd initrd.cpio
fi
setenv initrd_high 0xffffffffffffffff
load ${devtype} ${devnum}:${distro_bootpart} ${kernel_addr_r} ${prefix}kernel.img
if load ${devtype} ${devnum}:${distro_bootpart} ${ramdisk_addr_r} ${prefix}${wharf_initrd}; then
    booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdt_addr}
else
    booti ${kernel_addr_r} - ${fdt_addr}
fi
