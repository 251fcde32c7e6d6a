/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lines of a report: why, registers, frames, ports.
 */
#include "tell.h"
#include <libsys/print.h>
#include <libsys/stub.h>
#include <stdarg.h>
#include <string.h>
#include <user/crash.h>
#include <wharf/if/exception.h>
#include <wharf/if/port.h>
#include <wharf/if/vm.h>

enum { FRAMES_MAX = 32, ROUNDS_MAX = 32, RIGHTS_MAX = 64, LINE = 200 };

void tell_line(const struct crash_report *report, const char *format, ...)
{
    char text[LINE + 64];
    va_list list;
    va_start(list, format);
    format_text_list(text, sizeof(text), format, list);
    va_end(list);
    report->line(text);
}

/* ---- why ---- */

static const char *const kinds[] = {
    [EXCEPTION_KIND_READ] = "cannot read",
    [EXCEPTION_KIND_WRITE] = "cannot write",
    [EXCEPTION_KIND_EXECUTE] = "cannot execute",
    [EXCEPTION_KIND_BAD_INSTRUCTION] = "has an undefined instruction at",
    [EXCEPTION_KIND_ALIGNMENT] = "has a misaligned address",
    [EXCEPTION_KIND_ARITHMETIC] = "has an arithmetic error at",
    [EXCEPTION_KIND_BREAKPOINT] = "has a breakpoint at",
    [EXCEPTION_KIND_STEP] = "has made a step at",
    [EXCEPTION_KIND_WATCHPOINT] = "has touched",
    [EXCEPTION_KIND_BUS] = "got no answer from the hardware at",
};

/* interfaces/exception.defs. A page that could not be had: the low 16 bits are the error. */
static const char *words_of(const struct crash_report *report)
{
    if (report->kind == EXCEPTION_KIND_BUS && report->code & EXCEPTION_CODE_LATE)
        return "asynchronous, an access made before";
    if (report->kind > EXCEPTION_KIND_EXECUTE)
        return NULL;
    if (!(report->code & EXCEPTION_CODE_PAGE))
        return crash_code_words(report->code);
    switch (report->code & 0xffff) {
    case KERN_LIMIT: return "its limit of memory is reached";
    case KERN_RESOURCE_SHORTAGE: return "there is no memory for the page";
    case KERN_MEMORY_ERROR: return "the page's pager has an error";
    case KERN_OPERATION_TIMED_OUT: return "the page's pager does not answer";
    default: return "the page's pager is gone";
    }
}

void tell_reason(const struct crash_report *report)
{
    const uint32_t thread = report->thread_count > 0 ? report->threads[0].id : 0;
    const char *what = report->kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[report->kind] : NULL;
    const char *words = words_of(report);
    tell_line(report, "%s crashed: thread %u %s 0x%lx%s%s (code 0x%lx)", report->name, thread,
              what != NULL ? what : "raised something at", (unsigned long)report->address,
              words != NULL ? ": " : "", words != NULL ? words : "", (unsigned long)report->code);
}

void tell_registers(const struct crash_report *report)
{
    const struct thread_state_general *s = &report->threads[0].general;
    for (unsigned i = 0; i < 28; i += 4)
        tell_line(report, "  x%-2u %016lx %016lx %016lx %016lx", i, (unsigned long)s->x[i],
                  (unsigned long)s->x[i + 1], (unsigned long)s->x[i + 2],
                  (unsigned long)s->x[i + 3]);
    tell_line(report, "  x28 %016lx %016lx %016lx", (unsigned long)s->x[28],
              (unsigned long)s->x[29], (unsigned long)s->x[30]);
    tell_line(report, "  pc  %016lx  sp %016lx  pstate %lx  tls %lx", (unsigned long)s->pc,
              (unsigned long)s->sp, (unsigned long)s->pstate, (unsigned long)s->tls);
}

/* ---- frames ---- */

static void tell_frame(const struct crash_report *report, unsigned number, uint64_t address,
                       uint64_t inside)
{
    const char *name;
    size_t length;
    uint64_t offset;
    char text[64];
    if (!elf_symbol(&report->file, inside, &name, &length, &offset)) {
        tell_line(report, "    #%-2u 0x%lx", number, (unsigned long)address);
        return;
    }
    length = length < sizeof(text) - 1 ? length : sizeof(text) - 1;
    memcpy(text, name, length);
    text[length] = '\0';
    tell_line(report, "    #%-2u 0x%lx %s+0x%lx", number, (unsigned long)address, text,
              (unsigned long)(offset + (address - inside)));
}

/* Where the function that an address lies in begins; 0: it is not known. */
static uint64_t function_of(const struct crash_report *report, uint64_t address)
{
    const char *name;
    size_t length;
    uint64_t offset;
    return elf_symbol(&report->file, address, &name, &length, &offset) ? address - offset : 0;
}

/* A function that calls none has no record of its own, and its caller is in the link register. In one that has, that register shows at
 * the function itself, or is the record's. */
static bool tell_leaf(const struct crash_report *report, const struct thread_state_general *state)
{
    const uint64_t link = state->x[30], begin = function_of(report, state->pc);
    struct crash_frame first = {0};
    uint32_t got;
    (void)!vm_read(report->task, crash_first_frame(state), sizeof(first), &first, &got);
    if (begin == 0 || link == first.link || function_of(report, crash_call_of(link)) == begin ||
        function_of(report, crash_call_of(link)) == 0)
        return false;
    tell_frame(report, 1, link, crash_call_of(link));
    return true;
}

/* Frame records lie one above the other; whatever does not ends the chain. */
void tell_frames(const struct crash_report *report, const struct crash_thread *thread, bool crashed)
{
    uint64_t at = crash_first_frame(&thread->general), below = 0;
    tell_line(report, "  thread %u%s", thread->id, crashed ? ", which crashed" : "");
    tell_frame(report, 0, thread->general.pc, thread->general.pc);
    for (unsigned i = 1 + tell_leaf(report, &thread->general);
         i < FRAMES_MAX && at > below && at % sizeof(uint64_t) == 0; i++) {
        struct crash_frame frame;
        uint32_t got = 0;
        if (vm_read(report->task, at, sizeof(frame), &frame, &got) != KERN_SUCCESS ||
            got != sizeof(frame) || frame.link == 0)
            return;
        tell_frame(report, i, frame.link, crash_call_of(frame.link));
        below = at;
        at = frame.next;
    }
}

/* ---- ports ---- */

struct count {
    unsigned send, receive, once, sets, dead, looked;
    bool more;
};

/* What it uses, or serves: then it has the receive right. */
static const char *service_of(const struct crash_report *report, mach_port_name_t name,
                              uint32_t rights)
{
    const uint32_t how = rights & PORT_RIGHT_SEND ? PORT_HOW_COPY_SEND : PORT_HOW_MAKE_SEND;
    mach_port_name_t mine;
    const char *found = NULL;
    if (port_extract_send(report->task, name, how, &mine) != KERN_SUCCESS)
        return NULL;
    for (unsigned i = 0; i < report->service_count && mine != MSG_NULL && mine != MSG_DEAD; i++)
        if (report->service[i].port == mine)
            found = report->service[i].name;
    if (mine != MSG_NULL && mine != MSG_DEAD)
        stub_release_right(mine, MSG_MOVE_SEND);
    return found;
}

static void count_right(const struct crash_report *report, mach_port_name_t name, uint32_t rights,
                        struct count *count, char line[LINE], size_t *length)
{
    count->receive += (rights & PORT_RIGHT_RECEIVE) != 0;
    count->once += (rights & PORT_RIGHT_SEND_ONCE) != 0;
    count->sets += (rights & PORT_RIGHT_SET) != 0;
    count->dead += (rights & PORT_RIGHT_DEAD) != 0;
    count->send += (rights & PORT_RIGHT_SEND) != 0;
    if (!(rights & (PORT_RIGHT_SEND | PORT_RIGHT_RECEIVE)))
        return;
    const char *service = count->looked++ < RIGHTS_MAX ? service_of(report, name, rights) : NULL;
    if (service != NULL && *length + strlen(service) + 2 < LINE)
        *length += format_text(line + *length, LINE - *length, " %s", service);
}

void tell_ports(const struct crash_report *report)
{
    static mach_port_name_t names[PORT_NAMES_MAX];
    static uint32_t rights[PORT_NAMES_MAX];
    struct count count = {0};
    char services[LINE] = "";
    size_t length = 0;
    uint32_t position = 0, n, n2;
    unsigned rounds = 0;
    do {
        if (port_names(report->task, position, &position, names, &n, rights, &n2) != KERN_SUCCESS)
            return;
        for (uint32_t i = 0; i < n; i++)
            count_right(report, names[i], rights[i], &count, services, &length);
    } while (position != 0 && ++rounds < ROUNDS_MAX);
    tell_line(report, "  ports: %u send, %u receive, %u send-once, %u sets, %u dead%s; services:%s",
              count.send, count.receive, count.once, count.sets, count.dead,
              position != 0 ? ", and more" : "", length != 0 ? services : " none");
}
