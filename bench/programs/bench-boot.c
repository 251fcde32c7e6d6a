/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot cost, until this program's first instruction, and what the kernel keeps for itself.
 */
#include "series.h"
#include <libsys/kernel.h>
#include <libsys/print.h>
#include <libsys/program.h>

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    row_print("boot_first_user", "instructions",
              program_first_counter - program_start_info->entry_counter);
    row_print("kernel_text", "bytes", kernel_system_info(SYSTEM_INFO_KERNEL_TEXT));
    row_print("kernel_memory", "bytes", kernel_system_info(SYSTEM_INFO_KERNEL_MEMORY));
    print("bench: done\n");
    return 0;
}
