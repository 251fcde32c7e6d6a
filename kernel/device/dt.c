/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dt_scan(): one walk over the tree, in which every node is shown to whoever can use it, then the
 * conclusions that need the whole tree. See kern/dt.h for what comes out, dt_impl.h for how it
 * stays safe.
 */
#include "dt_impl.h"

static const struct {
    const char *compatible;
    enum dt_device device;
} devices[] = {
    {"arm,psci-1.0", DT_DEVICE_PSCI},
    {"arm,psci-0.2", DT_DEVICE_PSCI},
    {"arm,psci", DT_DEVICE_PSCI_0_1},
    {"arm,gic-400", DT_DEVICE_GIC_V2},
    {"arm,cortex-a15-gic", DT_DEVICE_GIC_V2},
    {"arm,cortex-a9-gic", DT_DEVICE_GIC_V2},
    {"arm,cortex-a7-gic", DT_DEVICE_GIC_V2},
    {"qcom,msm-qgic2", DT_DEVICE_GIC_V2},
    {"arm,gic-v3", DT_DEVICE_GIC_V3},
    {"arm,gic-v3-its", DT_DEVICE_GIC_PART},
    {"arm,gic-v2m-frame", DT_DEVICE_GIC_PART},
    {"arm,armv8-timer", DT_DEVICE_TIMER},
    {"arm,pl011", DT_DEVICE_PL011},
    {"arm,pl011-axi", DT_DEVICE_PL011},
    {"brcm,bcm2835-aux", DT_DEVICE_BCM2835_AUX},
    {"brcm,bcm2835-aux-uart", DT_DEVICE_BCM2835_AUX_UART},
    {"brcm,bcm2835-pm-wdt", DT_DEVICE_BCM2835_PM},
    {"brcm,bcm2711-pm", DT_DEVICE_BCM2835_PM},
    {"brcm,bcm2835-pm", DT_DEVICE_BCM2835_PM},
    {"fixed-clock", DT_DEVICE_FIXED_CLOCK},
};

enum dt_device dt_recognise(const struct dt_walk *w)
{
    struct dt_value compatible = dt_get(w, DT_P_COMPATIBLE);

    if (!dt_is_strings(compatible))
        return DT_DEVICE_NONE;
    for (const char *at = (const char *)compatible.data, *end = at + compatible.length; at < end;
         at += strlen(at) + 1)
        for (unsigned i = 0; i < array_count(devices); i++)
            if (strcmp(devices[i].compatible, at) == 0)
                return devices[i].device;
    return DT_DEVICE_NONE;
}

/* What is gathered during the walk, beside the board itself. */
struct scan {
    struct board *board;
    struct dt_value cpus_method; /* enable-method of /cpus */
    unsigned memory_nodes;
    struct dt_irq_state irq;
    struct dt_console_state console;
};

static void root_node(const struct dt_walk *w, struct board *board)
{
    if (dt_is_strings(dt_get(w, DT_P_MODEL)))
        board->model = dt_string(dt_get(w, DT_P_MODEL), 0);
    if (dt_is_strings(dt_get(w, DT_P_COMPATIBLE)))
        board->compatible = dt_string(dt_get(w, DT_P_COMPATIBLE), 0);
}

static kern_return_t visit_place(const struct dt_walk *w, struct scan *scan)
{
    switch (dt_here(w)->place) {
    case DT_PLACE_ROOT: root_node(w, scan->board); break;
    case DT_PLACE_CHOSEN: return dt_chosen_node(w, scan->board);
    case DT_PLACE_CPUS: scan->cpus_method = dt_get(w, DT_P_ENABLE_METHOD); break;
    case DT_PLACE_RESERVATION: return dt_reservation_node(w, scan->board);
    case DT_PLACE_TOP:
        if (!dt_has_string(dt_get(w, DT_P_DEVICE_TYPE), "memory"))
            break;
        scan->memory_nodes++;
        return dt_memory_node(w, scan->board);
    default: break;
    }
    return KERN_SUCCESS;
}

static kern_return_t visit_device(const struct dt_walk *w, enum dt_device device, struct scan *scan)
{
    struct board_watchdog *watchdog = &scan->board->watchdog;

    switch (device) {
    case DT_DEVICE_PSCI:
    case DT_DEVICE_PSCI_0_1: return dt_psci_node(w, device, scan->board);
    case DT_DEVICE_GIC_V2:
    case DT_DEVICE_GIC_V3: dt_gic_node(w, device, &scan->irq, scan->board); break;
    case DT_DEVICE_TIMER: return dt_timer_node(w, &scan->irq, scan->board);
    case DT_DEVICE_BCM2835_PM:
        if (watchdog->kind == BOARD_WATCHDOG_NONE &&
            dt_device_reg(w, 0, &watchdog->regs) == KERN_SUCCESS)
            watchdog->kind = BOARD_WATCHDOG_BCM2835_PM;
        break;
    default: break;
    }
    return KERN_SUCCESS;
}

static kern_return_t visit(const struct dt_walk *w, struct scan *scan)
{
    struct dt_value compatible = dt_get(w, DT_P_COMPATIBLE);
    enum dt_device device;
    kern_return_t result;

    /* A disabled CPU is one that waits to be started. */
    if (dt_here(w)->place == DT_PLACE_CPU && dt_parent(w)->available)
        return dt_cpu_node(w, scan->cpus_method, scan->board);
    /* What the controller has stays out of devices' reach, whether it is to be used or not. */
    if (dt_recognise(w) == DT_DEVICE_GIC_PART)
        dt_gic_part_node(w, scan->board);
    if (!dt_here(w)->available)
        return KERN_SUCCESS;
    if (compatible.data != NULL && compatible.length != 0 && !dt_is_strings(compatible))
        return dt_node_fail(w, KERN_BAD_FORMAT, "compatible is not a list of strings");
    device = dt_recognise(w);
    dt_console_node(w, device, &scan->console);
    result = visit_place(w, scan);
    return result == KERN_SUCCESS ? visit_device(w, device, scan) : result;
}

static kern_return_t walk_tree(struct dt_walk *w, struct scan *scan)
{
    for (;;) {
        kern_return_t result;

        switch (dt_walk_next(w)) {
        case DT_STEP_END: return KERN_SUCCESS;
        case DT_STEP_BAD: return w->result;
        case DT_STEP_NODE:
            result = visit(w, scan);
            if (result != KERN_SUCCESS)
                return result;
        }
    }
}

/* The console's interrupt, now that the controller is known. */
static void console_interrupt(struct scan *scan)
{
    struct board_console *console = &scan->console.selected.console;
    unsigned root = scan->irq.root;

    if (console->kind != BOARD_UART_NONE &&
        !dt_interrupt(&scan->console.selected.interrupts, 0, scan->irq.gics[root].phandle,
                      scan->irq.gics[root].cells, &console->irq))
        console->irq = (struct board_irq){0};
    scan->board->console = *console;
}

/* What can only be said when the whole tree is known. */
static kern_return_t conclude(struct dt_walk *w, struct scan *scan)
{
    struct dt_error *err = w->err;
    kern_return_t result = dt_memory_finish(scan->board, scan->memory_nodes, err);

    if (result == KERN_SUCCESS)
        result = dt_cpu_finish(scan->board, err);
    if (result == KERN_SUCCESS)
        result = dt_irq_finish(w, &scan->irq, scan->board);
    if (result != KERN_SUCCESS)
        return result;
    dt_console_finish(w, scan->board->blob, &scan->console);
    console_interrupt(scan);
    err->text[0] = '\0';
    return KERN_SUCCESS;
}

/* Where the last block of the blob ends; the header has been checked, so every block lies inside.
 * The reservation block ends before the structure block or the strings, or has its terminator
 * inside the blob. */
static uint32_t used_size(const void *blob)
{
    int count = fdt_num_mem_rsv(blob); /* negative if it has no end: the scan will refuse that */
    uint32_t reservations = fdt_off_mem_rsvmap(blob) + (count < 0 ? 0 : (uint32_t)count + 1) * 16;
    uint32_t structure = fdt_off_dt_struct(blob) + fdt_size_dt_struct(blob);
    uint32_t strings = fdt_off_dt_strings(blob) + fdt_size_dt_strings(blob);
    uint32_t end = reservations > structure ? reservations : structure;

    return end > strings ? end : strings;
}

kern_return_t dt_scan(const void *blob, size_t max_size, struct board *out, struct dt_error *err)
{
    struct scan scan;
    struct dt_walk w;
    kern_return_t result = dt_check_blob(blob, max_size, err);

    if (result != KERN_SUCCESS)
        return result;
    memset(out, 0, sizeof(*out));
    out->blob = blob;
    out->blob_size = used_size(blob);
    out->model = out->compatible = out->bootargs = "";
    memset(&scan, 0, sizeof(scan));
    scan.board = out;
    dt_console_start(&scan.console);

    dt_walk_start(&w, blob, err);
    result = dt_memreserve(blob, out, err);
    if (result == KERN_SUCCESS)
        result = walk_tree(&w, &scan);
    return result == KERN_SUCCESS ? conclude(&w, &scan) : result;
}
