/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ends the supervisor, as a fault of its own would: the machine restarts.
 */
#include <libsys/print.h>
#include <libsys/program.h>
#include <wharf/if/host_tasks.h>
#include <wharf/if/task.h>

int main(void)
{
    mach_port_name_t task[HOST_TASKS_TASKS_MAX];
    if (host_tasks_tasks(program_start_info->host_tasks, MSG_NULL, &task[0], &task[1], &task[2],
                         &task[3], &task[4], &task[5], &task[6], &task[7]) != KERN_SUCCESS)
        return 1;
    print("svc-death: the supervisor ends\n"); /* it is the oldest task */
    return task_terminate(task[0], 9) != KERN_SUCCESS;
}
