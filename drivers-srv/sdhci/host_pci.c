/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Controllers on PCI, class 08 05 01: as the specification says, with pins for detection and write protection. QEMU's sdhci-pci is
 * one: version 2.00 (dividers are powers of two), ADMA2 and SDMA, 52 MHz, blocks of 512 bytes. Bus mastering is the PCI host
 * driver's to turn on.
 */
#include "sdhci.h"

#include <string.h>

const struct sdhci_kind sdhci_kind_pci = {
    .name = "sdhci-pci",
    .card_detect = true,
    .write_protect = true,
};

const struct sdhci_kind *sdhci_kind_of(const char *compatible)
{
    static const struct {
        const char *compatible;
        const struct sdhci_kind *kind;
    } known[] = {
        {"pci-class:080501", &sdhci_kind_pci},
        {"brcm,bcm2711-emmc2", &sdhci_kind_emmc2},
        {"brcm,bcm2835-sdhci", &sdhci_kind_arasan},
        {"brcm,bcm2835-mmc", &sdhci_kind_arasan}, /* as the firmware calls it in its tree */
    };

    for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(known[i].compatible, compatible) == 0)
            return known[i].kind;
    return NULL;
}
