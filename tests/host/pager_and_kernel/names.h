/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Included before each source of the pager, after the names of the kernel's clients (client_names.h): what the program has of libsys is here
 * program.c's and devices.c's.
 */
#pragma once

#include <libsys/driver/driver.h>
#include <libsys/kernel.h>
#include <libsys/program.h>
#include <libsys/sync.h>
#include <stdlib.h>
#include <wharf/if/block_events.h>
#include <wharf/if/host_memory.h>
#include <wharf/if/memory_entry.h>
#include <wharf/if/port.h>
#include <wharf/if/service.h>
#include <wharf/if/swap.h>
#include <wharf/if/vm.h>

#undef swap_add_area
#undef swap_done
#undef swap_drain
#undef swap_keep
#undef swap_show
#undef swap_window
#undef host_memory_set_default_pager
#undef memory_entry_info
#undef port_insert_made_send
#undef port_move_member
#undef service_get_right
#undef vm_deallocate
#undef vm_map
#undef block_events_completed_until

int program_main(int argc, char **argv);
#define main program_main

/* The kernel's, which the program may die at. */
kern_return_t world_swap_add_area(mach_port_name_t control, uint32_t count, uint32_t priority,
                                  const void *label, uint32_t label_size, uint32_t *first);
kern_return_t world_swap_done(mach_port_name_t control, uint32_t request, bool ok);
kern_return_t world_swap_drain(mach_port_name_t control, uint32_t first);
kern_return_t world_swap_keep(mach_port_name_t control, uint32_t first);
kern_return_t world_swap_show(mach_port_name_t control, uint32_t request, uint32_t index,
                              uint32_t count, uint32_t page);
kern_return_t world_swap_window(mach_port_name_t control, uint32_t pages, uint64_t *address);
kern_return_t world_set_default_pager(mach_port_name_t host_memory, mach_port_name_t pager,
                                      mach_port_name_t *control);
#define swap_add_area                 world_swap_add_area
#define swap_done                     world_swap_done
#define swap_drain                    world_swap_drain
#define swap_keep                     world_swap_keep
#define swap_show                     world_swap_show
#define swap_window                   world_swap_window
#define host_memory_set_default_pager world_set_default_pager

/* Its state, which outlives it; ports. */
kern_return_t world_get_right(mach_port_name_t bootstrap, const char *name, mach_port_name_t *out);
kern_return_t world_entry_info(mach_port_name_t entry, uint64_t *size, uint32_t *protection);
kern_return_t world_map(mach_port_name_t task, uint64_t address, uint64_t size, uint64_t offset,
                        uint32_t flags, mach_port_name_t memory, uint32_t protection,
                        uint32_t max_protection, uint32_t inheritance, uint64_t *at);
kern_return_t world_unmap(mach_port_name_t task, uint64_t address, uint64_t size);
kern_return_t world_insert_made_send(mach_port_name_t task, mach_port_name_t name,
                                     mach_port_name_t port, mach_port_name_t *made);
kern_return_t world_move_member(mach_port_name_t task, mach_port_name_t member,
                                mach_port_name_t set);
void world_release_right(mach_port_name_t name, unsigned kind);
void *world_malloc(size_t size);
void world_free(void *memory);
#define service_get_right     world_get_right
#define memory_entry_info     world_entry_info
#define vm_map                world_map
#define vm_deallocate         world_unmap
#define port_insert_made_send world_insert_made_send
#define port_move_member      world_move_member
#define stub_release_right    world_release_right
#define malloc                world_malloc
#define free                  world_free

/* libsys. */
extern const struct start_info *world_start_info;
uint64_t world_clock_now(void);
uint64_t world_system_info(enum system_info selector);
kern_return_t world_sleep_until(uint64_t deadline);
kern_return_t world_thread_start(struct thread *thread, thread_function_t *function, void *argument,
                                 unsigned priority);
void world_thread_join(struct thread *thread);
void world_wait_while(_Atomic uint32_t *word, uint32_t value);
void world_word_set(_Atomic uint32_t *word, uint32_t value);
kern_return_t world_completed_until(mach_port_name_t port, uint64_t deadline);
[[gnu::format(printf, 1, 2)]] void world_print(const char *format, ...);
#define program_start_info           world_start_info
#define kernel_clock_now             world_clock_now
#define kernel_system_info           world_system_info
#define kernel_sleep_until           world_sleep_until
#define thread_start                 world_thread_start
#define thread_join                  world_thread_join
#define word_wait_while              world_wait_while
#define word_set                     world_word_set
#define block_events_completed_until world_completed_until
#define print                        world_print
