/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt controller and the timer.
 *
 * A tree may have several interrupt controllers. The one that the architected timer interrupts is
 * the root: every CPU is connected to it. GICs are remembered as they come and what is wrong with
 * one matters only if it turns out to be the root.
 */
#include "dt_impl.h"

/* GICC_DIR, the deactivation register of a split EOI, is at 0x1000. */
enum {
    GICC_WITH_DIR = 0x1004,
    GICC_MIN = 0x100,
    GICD_MIN = 0x1000,
    GICR_MIN = 0x20000,
    GICR_FRAME = 0x10000
};

static kern_return_t block(const struct dt_walk *w, uint32_t i, uint64_t min, struct dt_range *out)
{
    struct dt_range range;
    kern_return_t result = dt_device_reg(w, i, &range);

    if (result != KERN_SUCCESS)
        return result;
    if (range.size < min || range.base % 4096 != 0)
        return dt_node_fail(w, KERN_BAD_FORMAT,
                            "entry %u of reg (0x%llx, size 0x%llx) is no block "
                            "of GIC registers",
                            i, (unsigned long long)range.base, (unsigned long long)range.size);
    *out = range;
    return KERN_SUCCESS;
}

static kern_return_t read_gic_v2(const struct dt_walk *w, struct board_gic *gic)
{
    kern_return_t result = block(w, 0, GICD_MIN, &gic->gicd);

    if (result == KERN_SUCCESS)
        result = block(w, 1, GICC_MIN, &gic->gicc);
    gic->kind = BOARD_GIC_V2;
    gic->gicc_has_dir = gic->gicc.size >= GICC_WITH_DIR;
    return result;
}

static kern_return_t read_gic_v3(const struct dt_walk *w, struct board_gic *gic)
{
    kern_return_t result = block(w, 0, GICD_MIN, &gic->gicd);
    uint32_t regions = dt_u32(dt_get(w, DT_P_GICR_REGIONS), 1);

    gic->kind = BOARD_GIC_V3;
    if (result == KERN_SUCCESS && (regions == 0 || regions > DT_MAX_GICR_REGIONS))
        result = dt_node_fail(w, KERN_NOT_SUPPORTED,
                              "it has %u redistributor regions, 1 to %u are "
                              "supported",
                              regions, (unsigned)DT_MAX_GICR_REGIONS);
    for (uint32_t i = 0; result == KERN_SUCCESS && i < regions; i++)
        result = block(w, 1 + i, GICR_MIN, &gic->gicr[i]);
    gic->gicr_count = regions;
    if (result == KERN_SUCCESS && dt_number(dt_get(w, DT_P_GICR_STRIDE), &gic->gicr_stride) &&
        (gic->gicr_stride % GICR_FRAME != 0 || gic->gicr_stride < GICR_MIN ||
         gic->gicr_stride > gic->gicr[0].size))
        result = dt_node_fail(w, KERN_BAD_FORMAT, "redistributor-stride is 0x%llx",
                              (unsigned long long)gic->gicr_stride);
    return result;
}

/* Blocks of registers, from entry `first` of reg on, that nobody uses and no device may have. Entries that are no addresses are
 * nobody's anyway. */
static void note_others(const struct dt_walk *w, uint32_t first, struct board *board)
{
    struct dt_range range;
    uint32_t count = 0;

    if (dt_reg_count(w, &count) != KERN_SUCCESS)
        return;
    for (uint32_t i = first; i < count; i++) {
        if (dt_reg(w, i, &range) != KERN_SUCCESS || range.size == 0)
            continue;
        if (board->gic_other_count < DT_MAX_GIC_OTHERS)
            board->gic_others[board->gic_other_count] = range;
        board->gic_other_count++;
    }
}

void dt_gic_part_node(const struct dt_walk *w, struct board *board)
{
    note_others(w, 0, board);
}

void dt_gic_node(const struct dt_walk *w, enum dt_device device, struct dt_irq_state *state,
                 struct board *board)
{
    typeof(state->gics[0]) *g = &state->gics[state->gic_count];

    if (state->gic_count == DT_MAX_GICS)
        return;
    state->gic_count++;
    g->phandle = dt_u32(dt_get(w, DT_P_PHANDLE), 0);
    g->cells = dt_u32(dt_get(w, DT_P_INTERRUPT_CELLS), 0);
    g->gic = (struct board_gic){.compatible = dt_string(dt_get(w, DT_P_COMPATIBLE), 0)};
    g->result = device == DT_DEVICE_GIC_V2 ? read_gic_v2(w, &g->gic) : read_gic_v3(w, &g->gic);
    if (g->result == KERN_SUCCESS && (g->cells < 3 || g->cells > 8))
        g->result = dt_node_fail(w, KERN_BAD_FORMAT, "#interrupt-cells is %u, not 3", g->cells);
    if (g->result != KERN_SUCCESS)
        g->err = *w->err;
    else
        note_others(w, g->gic.kind == BOARD_GIC_V2 ? 2 : 1 + g->gic.gicr_count, board);
}

kern_return_t dt_timer_node(const struct dt_walk *w, struct dt_irq_state *state,
                            struct board *board)
{
    if (state->has_timer)
        return KERN_SUCCESS;
    state->has_timer = true;
    state->timer = dt_interrupts(w);
    if (state->timer.list.data == NULL)
        return dt_node_fail(w, KERN_BAD_FORMAT, "the timer has no interrupts");
    if (state->timer.names.data != NULL && !dt_is_strings(state->timer.names))
        return dt_node_fail(w, KERN_BAD_FORMAT, "interrupt-names is not a list of strings");
    board->timer.frequency = dt_u32(dt_get(w, DT_P_CLOCK_FREQUENCY), 0);
    board->timer.always_on = dt_get(w, DT_P_ALWAYS_ON).data != NULL;
    return KERN_SUCCESS;
}

/* The timer's controller is none of the GICs: say what it is. */
static kern_return_t unknown_controller(struct dt_walk *w, const struct dt_irq_state *state)
{
    dt_walk_start(w, w->blob, w->err);
    while (dt_walk_next(w) == DT_STEP_NODE) {
        struct dt_value compatible = dt_get(w, DT_P_COMPATIBLE);

        if (dt_u32(dt_get(w, DT_P_PHANDLE), 0) != state->timer.parent)
            continue;
        if (!dt_here(w)->available)
            return dt_node_fail(w, KERN_NOT_SUPPORTED,
                                "the timer's interrupt controller is "
                                "disabled");
        return dt_node_fail(w, KERN_NOT_SUPPORTED, "interrupt controller %s is not supported",
                            dt_is_strings(compatible) ? dt_string(compatible, 0) : "(nameless)");
    }
    return dt_fail(w->err, KERN_BAD_FORMAT,
                   "the timer's interrupt-parent (phandle 0x%llx) does "
                   "not exist",
                   (unsigned long long)state->timer.parent);
}

static kern_return_t find_root(struct dt_walk *w, struct dt_irq_state *state)
{
    if (state->gic_count == 1 && state->timer.parent == 0)
        state->timer.parent = state->gics[0].phandle; /* there is nothing to choose from */
    for (state->root = 0; state->root < state->gic_count; state->root++)
        if (state->gics[state->root].phandle == state->timer.parent)
            break;
    if (state->root < state->gic_count) {
        if (state->gics[state->root].result != KERN_SUCCESS)
            *w->err = state->gics[state->root].err;
        return state->gics[state->root].result;
    }
    if (state->timer.parent == 0)
        return dt_fail(w->err, KERN_NOT_SUPPORTED,
                       state->gic_count == 0 ? "the device tree has no interrupt controller"
                                             : "the timer has no interrupt-parent");
    return unknown_controller(w, state);
}

/* Which of the timer's interrupts is `name`? In the binding's order if they have no names. */
static uint32_t timer_index(const struct dt_irq_state *state, const char *name, uint32_t usual)
{
    const char *at;

    if (state->timer.names.data == NULL)
        return usual;
    for (uint32_t i = 0; (at = dt_string(state->timer.names, i)) != NULL && i < 16; i++)
        if (strcmp(at, name) == 0)
            return i;
    return UINT32_MAX / 16; /* no such interrupt */
}

kern_return_t dt_irq_finish(struct dt_walk *w, struct dt_irq_state *state, struct board *board)
{
    struct {
        const char *name;
        struct board_irq *irq;
    } irqs[] = {
        {"sec-phys", &board->timer.secure_phys},
        {"phys", &board->timer.phys},
        {"virt", &board->timer.virt},
        {"hyp-phys", &board->timer.hyp_phys},
    };
    kern_return_t result;

    if (!state->has_timer)
        return dt_fail(w->err, KERN_NOT_SUPPORTED,
                       "the device tree has no timer (arm,armv8-timer)");
    result = find_root(w, state);
    if (result != KERN_SUCCESS)
        return result;
    if (board->gic_other_count > DT_MAX_GIC_OTHERS)
        return dt_fail(w->err, KERN_NOT_SUPPORTED,
                       "interrupt controllers have %u further blocks of registers, at most %u are "
                       "supported",
                       board->gic_other_count, (unsigned)DT_MAX_GIC_OTHERS);
    board->gic = state->gics[state->root].gic;
    for (uint32_t i = 0; i < array_count(irqs); i++)
        if (!dt_interrupt(&state->timer, timer_index(state, irqs[i].name, i), state->timer.parent,
                          state->gics[state->root].cells, irqs[i].irq) ||
            irqs[i].irq->intid >= 32)
            *irqs[i].irq = (struct board_irq){0};
    if (board->timer.phys.trigger == BOARD_TRIGGER_NONE &&
        board->timer.virt.trigger == BOARD_TRIGGER_NONE)
        return dt_fail(w->err, KERN_BAD_FORMAT,
                       "the timer has neither a physical nor a virtual "
                       "interrupt");
    return KERN_SUCCESS;
}
