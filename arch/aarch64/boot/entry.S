/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's first instructions, on the boot CPU and on every further one. The only
 * position-independent code.
 *
 * Contract at entry (Linux arm64 boot protocol): MMU and data cache off, interrupts masked, x0 =
 * physical address of the device tree (boot CPU), image loaded at a 2 MiB boundary and clean to the
 * point of coherency. EL2 or EL1; from EL3 we step down just to be able to say why we refuse.
 *
 * What it does: leaves EL3/EL2, zeroes bss, builds the page tables of the image with final
 * permissions (text r-x, rodata r--, data rw-) and an identity map of its own 2 MiB, switches the
 * MMU on, jumps to the high address.
 *
 * Cache rules: everything written here is written with the data cache off, straight to memory.
 * Lines of bss that the loader may have left in the cache are dropped before (a dirty one would
 * overwrite us later) and again afterwards (a clean one, fetched by speculation of whoever else
 * maps them cached, a hypervisor's host for one, would hide what we wrote). QEMU shows neither
 * fault.
 *
 * Registers kept: x20 device tree, x21 counter at entry, x22 entry level, x23 physical address of
 * _head.
 */
#include <machine/mmu_asm.h>
#include <machine/offsets.h>

    .section .head, "ax"
    .globl _head
_head:
    b       primary_entry
    nop
    .quad   0                              /* text_offset: from a 2 MiB boundary */
    .quad   _kernel_size                   /* image size, bss included */
    .quad   0xa                            /* little endian, 4 KiB pages, anywhere in memory */
    .quad   0, 0, 0
    .ascii  "ARM\x64"
    .long   0

primary_entry:
    msr     daifset, #0xf                  /* U-Boot leaves A open, and VBAR points at the loader */
    mov     x20, x0
    mrs     x22, CurrentEL
    lsr     x22, x22, #2
    mrs     x21, cntpct_el0
    cmp     x22, #1
    b.ne    1f
    mrs     x21, cntvct_el0                /* at EL1 the physical counter may be trapped or offset */
1:  bl      leave_high_levels
    adrp    x23, _head

    /* bss: drop its cache lines, then zero it. */
    adrp    x0, _bss_start
    add     x0, x0, :lo12:_bss_start
    adrp    x1, _bss_end
    bl      invalidate_range
    adrp    x0, _bss_start
    add     x0, x0, :lo12:_bss_start
1:  stp     xzr, xzr, [x0]
    stp     xzr, xzr, [x0, #16]
    stp     xzr, xzr, [x0, #32]
    stp     xzr, xzr, [x0, #48]
    add     x0, x0, #64
    cmp     x0, x1
    b.lo    1b

    bl      build_tables
    adrp    x0, _bss_start                 /* the tables are in it, too */
    add     x0, x0, :lo12:_bss_start
    adrp    x1, _bss_end
    bl      invalidate_range
    bl      enable_mmu                     /* returns at the high address */

    adrp    x0, cpu_record
    add     x0, x0, :lo12:cpu_record
    msr     tpidr_el1, x0
    ldr     x1, =arch_boot_stack_top
    mov     sp, x1
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, x20
    mov     x1, x23
    mov     x2, x21
    mov     x3, x22
    bl      arch_start
    msr     daifset, #4                    /* arch_cpu_init() opened it; SP and ELR are about to change */
    b       arch_leave_kernel

/*
 * Further CPUs come here, by PSCI or out of a spin table, at the level the boot CPU was entered at,
 * MMU off. They read no memory before their MMU is on, so nothing need be cleaned for them but this
 * code, which the loader did.
 */
    .globl arch_secondary_entry
arch_secondary_entry:
    msr     daifset, #0xf
    bl      leave_high_levels
    adrp    x23, _head
    bl      enable_mmu
    mrs     x0, mpidr_el1
    ldr     x1, =0xff00ffffff
    and     x0, x0, x1
    adrp    x2, arch_secondary_table
    add     x2, x2, :lo12:arch_secondary_table
    mov     w3, #ARCH_SECONDARY_MAX
1:  ldr     x5, [x2, #8]
    cbz     x5, 2f
    dmb     ishld                          /* a row being written now has its cpu last: so read hwid after it */
    ldr     x4, [x2]
    cmp     x4, x0
    b.eq    3f
2:  add     x2, x2, #16
    sub     w3, w3, #1
    cbnz    w3, 1b
4:  wfi                                    /* nobody asked for this CPU */
    b       4b
3:  msr     tpidr_el1, x5
    ldr     x6, [x5, #CPU_STACK_TOP]
    mov     sp, x6
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, x5
    bl      arch_secondary_start
    msr     daifset, #4
    b       arch_leave_kernel

/*
 * Drop to EL1 from wherever we are. Returns at EL1 with MMU and caches off. Clobbers x0-x3; uses
 * x30 as return address across the exception returns.
 */
leave_high_levels:
    mrs     x0, CurrentEL
    cmp     x0, #(3 << 2)
    b.eq    from_el3
    cmp     x0, #(2 << 2)
    b.eq    from_el2
    msr     spsel, #1                      /* exception returns from above see to that themselves */
    ldr     x0, =SCTLR_OFF
    msr     sctlr_el1, x0
    isb
    ret

    /* EL3: non-secure, AArch64 below, hypervisor calls allowed; to EL2 if there is one. */
from_el3:
    mov     x0, #0x5b1                     /* RW | HCE | SMD | RES1 | NS */
    msr     scr_el3, x0
    msr     cptr_el3, xzr
    mrs     x0, id_aa64pfr0_el1
    ubfx    x0, x0, #8, #4
    mov     x1, #0x3c5                     /* EL1h, masked */
    cbz     x0, 1f
    ldr     x0, =SCTLR_EL2_OFF             /* unknown after reset: M may be set */
    msr     sctlr_el2, x0
    mov     x1, #0x3c9                     /* EL2h, masked */
1:  msr     spsr_el3, x1
    adr     x0, 2f
    msr     elr_el3, x0
    ldr     x0, =SCTLR_OFF
    msr     sctlr_el1, x0
    eret
2:  mrs     x0, CurrentEL
    cmp     x0, #(2 << 2)
    b.eq    from_el2
    ret

    /* EL2: nothing trapped, no stage 2, virtual = physical time. hardware.md 12.8; Arm ARM D24. */
from_el2:
    mov     x0, #(1 << 31)                 /* RW: EL1 is AArch64 */
    movk    x0, #0x0300, lsl #32           /* APK, API: pointer authentication is EL1's (ignored where absent) */
    msr     hcr_el2, x0
    isb                                    /* E2H is 0 now: it decides what the bits of CNTHCTL and CPTR mean */
    ldr     x0, =SCTLR_OFF
    msr     sctlr_el1, x0
    mov     x0, #3                         /* EL1PCTEN, EL1PCEN; traps of later CPUs, unknown after reset: off */
    msr     cnthctl_el2, x0
    msr     cntvoff_el2, xzr
    mov     x0, #0x33ff
    msr     cptr_el2, x0
    msr     hstr_el2, xzr
    msr     vttbr_el2, xzr
    mrs     x0, midr_el1
    msr     vpidr_el2, x0
    mrs     x0, mpidr_el1
    msr     vmpidr_el2, x0
    mrs     x0, id_aa64dfr0_el1
    ubfx    x0, x0, #8, #4                 /* PMUVer: 0 none, 15 not ours */
    cbz     x0, 1f
    cmp     x0, #15
    b.eq    1f
    mrs     x0, pmcr_el0
    ubfx    x0, x0, #11, #5                /* all counters are EL1's */
1:  msr     mdcr_el2, x0
    mrs     x0, id_aa64pfr0_el1
    ubfx    x0, x0, #24, #4                /* GIC system registers */
    cbz     x0, 2f
    mrs     x0, s3_4_c12_c9_5              /* ICC_SRE_EL2 */
    mov     x1, #9                         /* SRE, Enable */
    orr     x0, x0, x1
    msr     s3_4_c12_c9_5, x0
    isb
    mrs     x0, s3_4_c12_c9_5
    tbz     x0, #0, 2f                     /* the controller does not offer them */
    msr     s3_4_c12_c11_0, xzr            /* ICH_HCR_EL2 */
2:
#include <machine/el2_errata.inc>
    mov     x0, #0x3c5                     /* EL1h, D A I F masked */
    msr     spsr_el2, x0
    msr     elr_el2, x30
    /* Erratum 1319367: SCTLR_EL1.M stays off until we are at EL1, so no walk mixes the two
     * levels' state. */
    isb
    eret

/* Drop the cache lines of [x0, x1) without writing them back. Clobbers x0, x2-x4. */
invalidate_range:
    mrs     x2, ctr_el0
    ubfx    x2, x2, #16, #4
    mov     x3, #4
    lsl     x2, x3, x2                     /* smallest data line, bytes */
    sub     x4, x2, #1
    bic     x0, x0, x4
1:  dc      ivac, x0
    add     x0, x0, x2
    cmp     x0, x1
    b.lo    1b
    dsb     sy
    ret

/* Page tables of the image and of the identity map. x23 = physical image base. Clobbers x0-x9. */
build_tables:
    mov     x9, x30
    /* TTBR1: root[511] -> l1[510] -> l2[0] -> l3, for 0xffffffff80000000 */
    adrp    x0, arch_kernel_root
    adrp    x1, boot_image_l1
    orr     x2, x1, #3
    str     x2, [x0, #(511 * 8)]
    adrp    x2, boot_image_l2
    orr     x3, x2, #3
    str     x3, [x1, #(510 * 8)]
    adrp    x1, boot_image_l3
    orr     x3, x1, #3
    str     x3, [x2]

    ldr     x5, =PTE_KERNEL_TEXT
    adrp    x0, _head
    adrp    x2, _text_end
    bl      1f
    ldr     x5, =PTE_KERNEL_RODATA
    adrp    x2, _rodata_end
    bl      1f
    ldr     x5, =PTE_KERNEL_DATA
    adrp    x2, _kernel_end
    bl      1f

    /* TTBR0: one block of 2 MiB at its own address. Up to 48 bits of physical address. */
    adrp    x0, boot_identity_l0
    adrp    x1, boot_identity_l1
    adrp    x2, boot_identity_l2
    orr     x3, x1, #3
    ubfx    x4, x23, #39, #9
    str     x3, [x0, x4, lsl #3]
    orr     x3, x2, #3
    ubfx    x4, x23, #30, #9
    str     x3, [x1, x4, lsl #3]
    ldr     x3, =PTE_IDENTITY_BLOCK
    bic     x5, x23, #0x1fffff             /* an image off its boundary lives long enough to be refused */
    orr     x3, x3, x5
    ubfx    x4, x23, #21, #9
    str     x3, [x2, x4, lsl #3]
    dsb     sy
    ret     x9

    /* Pages x0 up to x2 with attributes x5 into the leaf table x1; x0 is left at x2. */
1:  cmp     x0, x2
    b.hs    2f
    sub     x3, x0, x23
    lsr     x3, x3, #9                     /* page number times eight */
    orr     x4, x0, x5
    str     x4, [x1, x3]
    add     x0, x0, #4096
    b       1b
2:  ret

/* MMU and caches on, with the tables of build_tables; returns at the high address of the caller.
 * x23 as above. */
enable_mmu:
    ldr     x0, =MAIR_VALUE_ASM
    msr     mair_el1, x0
    ldr     x0, =TCR_BOOT
    mrs     x1, id_aa64mmfr0_el1
    and     x2, x1, #0xf                   /* PARange; 52 bits (6) needs other descriptors: use 48 */
    cmp     x2, #5
    mov     x3, #5
    csel    x2, x2, x3, ls
    bfi     x0, x2, #32, #3
    ubfx    x1, x1, #4, #4                 /* ASIDBits: 2 means 16 */
    cmp     x1, #2
    b.ne    1f
    orr     x0, x0, #(1 << 36)
1:  msr     tcr_el1, x0
    adrp    x0, boot_identity_l0
    msr     ttbr0_el1, x0
    adrp    x0, arch_kernel_root
    msr     ttbr1_el1, x0
    isb
    tlbi    vmalle1
    ic      iallu
    dsb     nsh
    isb
    ldr     x0, =SCTLR_ON
    msr     sctlr_el1, x0
    isb
    ldr     x0, =_kernel_start
    sub     x30, x30, x23
    add     x30, x30, x0
    ldr     x1, =arch_vectors
    msr     vbar_el1, x1
    isb
    ret

    .ltorg

    .section .boot_tables, "aw", %nobits
    .balign 4096
    .globl arch_kernel_root
arch_kernel_root:   .skip 4096
boot_image_l1:      .skip 4096
boot_image_l2:      .skip 4096
    .globl boot_image_l3
boot_image_l3:      .skip 4096
boot_identity_l0:   .skip 4096
boot_identity_l1:   .skip 4096
boot_identity_l2:   .skip 4096
    .globl arch_empty_table
arch_empty_table:   .skip 4096
    .globl arch_boot_emergency_top
boot_emergency:     .skip 4096             /* the report's stack when the boot stack is gone */
arch_boot_emergency_top:
    .globl arch_boot_guard
arch_boot_guard:    .skip 4096             /* taken out of the map by arch_start() */
    .globl arch_boot_stack
arch_boot_stack:    .skip 16384
    .globl arch_boot_stack_top
arch_boot_stack_top:
