/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole of kern_main() on the simulated machine: device tree, memory, CPUs, a program from the
 * initrd that runs and ends, power off. And trees that lack something: one sentence and a halt.
 */
#include "check.h"
#include "kernel_calls.h"
#include "power_on.h"

#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/mmu.h>
#include <kern/cpu.h>
#include <kern/thread.h>
#include <machine/host_mmu.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wharf/start.h>
#include <wharf/trap.h>

enum { RAM = 0x40000000, TREE_AT = RAM + 0x4000000, INITRD_AT = RAM + 0x5000000 };
enum { ENTRY = 0x400000, DATA = 0x500000, THREADS = 6 };

static const char hello[] = "hello from a script\n";

/* --- the program: checks where it is, says hello, starts threads that compute, ends with status
 * 5 --- */

static void do_trap(struct host_action *next, uint64_t number, uint64_t a0, uint64_t a1,
                    uint64_t a2)
{
    *next = (struct host_action){.kind = HOST_TRAP, .number = number, .args = {a0, a1, a2}};
}

static void touch(struct host_action *next, uint64_t va, enum access access, uint64_t value)
{
    *next = (struct host_action){.kind = HOST_TOUCH, .va = va, .access = access, .value = value};
}

/* Names that the start block tells. */
static uint32_t own_task, host_debug;

static void first_thread(struct thread *t, struct host_action *next)
{
    uint64_t step = t->arch.program.actions, block = t->arch.program.arg;
    if (step == 0) {
        touch(next, block, ACCESS_READ, 0);
    } else if (step == 1) {
        CHECK_EQUAL(t->arch.program.loaded, (uint32_t)START_MAGIC);
        touch(next, ENTRY, ACCESS_EXECUTE, 0);
    } else if (step == 2) {
        CHECK(memcmp(&t->arch.program.loaded, "text", 4) == 0);
        touch(next, DATA + 4096, ACCESS_READ, 0);
    } else if (step == 3) {
        CHECK_EQUAL(t->arch.program.loaded, 0); /* the part the file does not give */
        touch(next, block + offsetof(struct start_info, task), ACCESS_READ, 0);
    } else if (step == 4) {
        own_task = (uint32_t)t->arch.program.loaded;
        touch(next, block + offsetof(struct start_info, host_debug), ACCESS_READ, 0);
    } else if (step == 5) {
        host_debug = (uint32_t)t->arch.program.loaded;
        touch(next, block + offsetof(struct start_info, thread), ACCESS_READ, 0);
    } else if (step == 6) {
        do_trap(next, TRAP_thread_self, 0, 0, 0);
    } else if (step == 7) {
        CHECK_EQUAL(t->arch.x[0], t->arch.program.loaded);
        touch(next, DATA + 16, ACCESS_WRITE, 0); /* here it waits for a moment */
    } else if (step == 8) {
        call_console_write(next, host_debug, hello, sizeof(hello) - 1);
    } else if (step < 9 + THREADS) {
        CHECK_EQUAL(call_result(t), KERN_SUCCESS);
        call_create_thread(next, own_task, ENTRY + 4, block, step, 0, 96);
    } else if (step == 9 + THREADS) {
        CHECK_EQUAL(call_result(t), KERN_SUCCESS);
        do_trap(next, TRAP_futex_wait, DATA + 16, 0, 50000000);
    } else {
        CHECK_EQUAL((int64_t)t->arch.x[0], -KERN_OPERATION_TIMED_OUT);
        do_trap(next, TRAP_task_exit, 5, 0, 0);
    }
}

static void script(struct thread *t, unsigned cpu, struct host_action *next, void *context)
{
    (void)cpu, (void)context;
    if (t->arch.program.entry == ENTRY)
        first_thread(t, next);
    else
        *next = (struct host_action){.kind = HOST_BURN, .ticks = 5000};
}

/* --- power on --- */

static struct arch_boot_info info;

static void boot(void *unused)
{
    (void)unused;
    arch_cpu_set_self(&cpu_record[0]);
    info.entry_counter = arch_counter();
    kern_main(&info);
}

static enum host_stop power_on(struct loaded_board *board, uint64_t seed)
{
    static char program[16384], archive[32768];
    size_t size = make_program(ENTRY, DATA, program);
    host_mmu_reset(seed, 0);
    host_memory_add_bank(board->memory_start, board->memory_size);
    size = make_archive("bootstrap", program, size, archive);
    memcpy(phys_to_virt(INITRD_AT), archive, size);
    board->initrd_start = INITRD_AT;
    board->initrd_end = INITRD_AT + size;
    (void)make_device_tree(board, phys_to_virt(TREE_AT));
    info = (struct arch_boot_info){.kernel_start = RAM + 2 * MIB,
                                   .kernel_end = RAM + 4 * MIB,
                                   .fdt = TREE_AT,
                                   .entry_level = 1};
    enum host_stop stop = host_machine_start(&(struct host_config){
        .seed = seed, .cpus = board->cpus, .boot = boot, .script = script, .reset_ends_run = true});
    if (stop == HOST_STOP_RESET)
        return stop;
    return host_machine_run(UINT64_MAX, arch_counter() + arch_counter_frequency());
}

static void expect_text(const char *text)
{
    if (!strstr(host_console_text(), text))
        host_machine_fail("the console does not say: %s", text);
}

static void run_program(unsigned cpus)
{
    struct loaded_board board = {.cpus = cpus,
                                 .memory_start = RAM,
                                 .memory_size = 128 * MIB,
                                 .bootargs = "seed=3"};
    enum host_stop stop = power_on(&board, cpus);
    CHECK_EQUAL(stop, HOST_STOP_RESET);
    CHECK_EQUAL(host_machine_reset_kind(), ARCH_RESET_POWER_OFF);
    expect_text("hello from a script");
    expect_text("wharf: bootstrap ended with status 5");
    expect_text("wharf: all programs have ended, status 5");
    if (strstr(host_console_text(), "leak"))
        host_machine_fail("something was not given back");
    printf("%u CPUs: ran and powered off after %llu actions\n", cpus,
           (unsigned long long)host_machine_steps());
}

static void refuse(const char *leave_out, const char *bootargs, const char *sentence)
{
    struct loaded_board board = {.cpus = 2,
                                 .memory_start = RAM,
                                 .memory_size = 128 * MIB,
                                 .bootargs = bootargs,
                                 .leave_out = leave_out};
    CHECK_EQUAL(power_on(&board, 1), HOST_STOP_RESET);
    CHECK_EQUAL(host_machine_reset_kind(), ARCH_RESET_HALT);
    expect_text("wharf: cannot boot: ");
    expect_text(sentence);
    printf("without %s: %s\n", leave_out ? leave_out : "good arguments", sentence);
}

/* --- each in a child: the kernel can start only once in a process --- */

static bool in_child(unsigned test)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (test < 4)
            run_program((const unsigned[]){1, 2, 4, 8}[test]);
        else if (test == 4)
            refuse("memory", "", "no memory node");
        else if (test == 5)
            refuse("timer", "", "no timer");
        else if (test == 6)
            refuse("intc", "", "interrupt-parent");
        else if (test == 7)
            refuse("initrd", "", "no program could be started");
        else if (test == 8)
            refuse("cpus", "", "no CPU node");
        else
            refuse(NULL, "mem=banana", "mem=banana");
        fflush(stdout);
        _exit(0);
    }
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main(int argc, char **argv)
{
    (void)argc;
    fix_addresses(argv);
    host_set_repeat_line("test_boot");
    for (unsigned test = 0; test < 10; test++)
        if (!in_child(test))
            return 1;
    return 0;
}
