# U-Boot script for the Raspberry Pi 4 (also QEMU's raspi4b); ./wharf image makes boot.scr from it.
# The device tree is the one that the firmware (or QEMU) handed to U-Boot. booti moves the kernel to
# the next 2 MiB boundary above kernel_addr_r; the default addresses leave it room.
setenv bootargs "@BOOTARGS@"
setenv initrd_high 0xffffffffffffffff
load ${devtype} ${devnum}:${distro_bootpart} ${kernel_addr_r} ${prefix}kernel.img
if load ${devtype} ${devnum}:${distro_bootpart} ${ramdisk_addr_r} ${prefix}initrd.cpio; then
    booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdt_addr}
else
    booti ${kernel_addr_r} - ${fdt_addr}
fi
