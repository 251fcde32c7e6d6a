/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file server: interfaces/file.defs for nodes (<libsys/files/node.h>). Linked with the library files_framework (fs-srv/framework).
 *
 *      static struct file_server server;
 *      file_server_begin(&server, &(struct file_server_limits){.opens = 256, .waits = 256}, MSG_NULL);
 *      file_server_root(&server, "my-service", &root_node);
 *      file_server_run(&server, NULL, 0);
 *
 * A program that has a loop of its own gives its port set to file_server_begin(), puts file_server_interface() among its interfaces, and hands
 * notifications to file_server_notification() first.
 *
 * S1 A port that was given by open is one open. When nobody has a right to it any more it is closed, and the port is used again.
 * S2 Nothing here waits for a client or for another server.
 * S3 Every number, flag and name of a client is checked here before an operation of a node is called.
 */
#pragma once

#include <libsys/files/node.h>
#include <libsys/server.h>

struct file_server_limits {
    /* At once; roots among them. And as many locks. One of 16 is kept for files that are to be executed. */
    uint32_t opens;
    uint32_t waits; /* waits and watches */
    /* Opens outlive the program (<libsys/files/lasting.h>), which is looked at in file_server_begin() only but for its functions; NULL: they end with it. */
    const struct file_server_lasting *lasting;
};

/* Payloads of the ports here: no other port in the set has one with this upper half. */
#define FILE_SERVER_PAYLOAD UINT64_C(0x46494c4500000000)

struct file_server {
    struct file_server_limits limits;
    mach_port_name_t set;
    mach_port_name_t notify; /* port of the set, where dead names are told */
    struct file_open **opens;
    uint32_t slots;      /* made so far; each has its port for good */
    uint32_t first_free; /* index + 1 */
    uint32_t in_use;
    struct file_waiting *free_waiting;
    uint32_t waiting; /* in use */
    uint32_t waiting_made;
    struct file_cover *covers;
    struct lock_owner *lock_owners;
    uint32_t locks;
    uint32_t roots;          /* services so far */
    struct lasting *lasting; /* the framework's; NULL: opens end with the program */
    bool is_top; /* its roots are above all: `..` of them stays there, wherever they are mounted */
    bool is_over_top; /* its roots cover the root of all (docs/files.md, "Another root") */
};

/** set: to receive from; null: one is made. With limits->lasting, what was open is open again afterwards. Errors: port.allocate, KERN_RESOURCE_SHORTAGE, keep_begin()'s. */
kern_return_t file_server_begin(struct file_server *server, const struct file_server_limits *limits,
                                mach_port_name_t set);
/** Serve the service of this name; node, of which the server keeps its reference, is what its port is. Errors: service.check_in. */
kern_return_t file_server_root(struct file_server *server, const char *service,
                               struct file_node *node);
/** An open of a node, without a path: the right to it goes to a client. flags: of file.open. */
kern_return_t file_server_open(struct file_server *server, struct file_node *node, uint32_t flags,
                               mach_port_name_t *right);
/** The open behind a message's port, or NULL: it came through another one. */
struct file_open *file_server_opened(struct file_server *server,
                                     const struct server_message *message);
/** Cover a node by another server's root; above: the folder that holds it, which of the root of all is itself. root: a send right, which is taken. Errors of file.mount. */
kern_return_t file_server_mount(struct file_server *server, struct file_node *node,
                                struct file_node *above, const char *name, mach_port_name_t root);

/** The program ends, and nobody comes after it: what is open ends with it, though it is kept. */
void file_server_end(struct file_server *server);

struct server_interface file_server_interface(struct file_server *server);
/** KERN_SUCCESS: it was ours. */
kern_return_t file_server_notification(struct file_server *server,
                                       const struct server_message *message);
/** Says that the program is ready, and serves for good; with more interfaces than that of files, if there are. Returns the error of receiving. */
kern_return_t file_server_run(struct file_server *server, const struct server_interface *more,
                              unsigned count);
