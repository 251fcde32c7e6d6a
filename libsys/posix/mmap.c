/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mapped memory: ranges of the task's map (vm.defs), of nothing or of what a file server gives for its content (file.map), piece by piece.
 *
 * M1 Nothing is writable and executable at once: ENOTSUP. Memory that can be written or executed can be read.
 * M2 What lies behind the end of the file cannot be touched (SIGSEGV, where POSIX says SIGBUS), also when the file has grown: who wants that maps it again.
 * M3 MAP_FIXED gives what was there back, and then maps: another thread that maps something at that moment may get the hole, and the call ends with ENOMEM.
 * M4 A file's pieces replace a range that was kept for them, each by way of a hole, which another thread may get: it is that thread's then, and is not given back here. Without MAP_FIXED all
 *    begins anew elsewhere.
 */
#include "again.h"
#include "descriptors.h"
#include "errors.h"
#include "file_maps.h"
#include "memory_lock.h"
#include <fcntl.h>
#include <libsys/program.h>
#include <libsys/stub.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wharf/if/file.h>
#include <wharf/if/vm.h>

enum { PAGE = 0x1000, ALL = VM_PROT_READ | VM_PROT_WRITE | VM_PROT_EXECUTE };

/* A request, checked: whole pages. */
struct mapping {
    uint64_t address, size, offset;
    uint32_t protection; /* VM_PROT_ */
    bool fixed, shared;
};

static mach_port_name_t task(void)
{
    return program_start_info->task;
}

static bool in_pages(const void *address, size_t size, uint64_t *rounded)
{
    *rounded = (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    return (uintptr_t)address % PAGE == 0 && *rounded >= size &&
           (uintptr_t)address + *rounded >= (uintptr_t)address;
}

/* PROT_ and VM_PROT_ have the same bits. */
static int protection(int wanted, uint32_t *out)
{
    if ((wanted & ~(PROT_READ | PROT_WRITE | PROT_EXEC)) != 0)
        return EINVAL;
    if ((wanted & PROT_WRITE) != 0 && (wanted & PROT_EXEC) != 0)
        return ENOTSUP;
    *out = (uint32_t)wanted | (wanted != PROT_NONE ? VM_PROT_READ : 0);
    return 0;
}

/* What a call of vm that changes a range means: a hole in it is ENOMEM. */
static int range_error(kern_return_t kr)
{
    return kr == KERN_INVALID_ADDRESS ? ENOMEM : posix_errno(kr);
}

static kern_return_t give_back(uint64_t address, uint64_t size)
{
    const kern_return_t kr = file_maps_unmap(address, size);

    if (kr != KERN_SUCCESS)
        return kr;
    if (memory_lock_forget != NULL)
        memory_lock_forget(address, size);
    return kr;
}

/* ---- memory of nothing ---- */

static int map_nothing(struct mapping *m, uint32_t now)
{
    const kern_return_t kr =
        vm_map(task(), m->address, m->size, 0, m->fixed ? 0 : VM_ANYWHERE, MSG_NULL, now, ALL,
               m->shared ? VM_INHERIT_SHARE : VM_INHERIT_COPY, &m->address);

    return range_error(kr);
}

/* ---- files ---- */

/* The server's memory for what is left. What is shared may be written later, if the file may. */
static kern_return_t ask(mach_port_name_t file, const struct mapping *m, uint64_t done,
                         mach_port_name_t *entry, uint64_t *at, uint64_t *mapped, uint32_t *most)
{
    const uint64_t offset = m->offset + done, size = m->size - done;
    kern_return_t kr;

    *most = m->protection;
    if (m->shared && (m->protection & (VM_PROT_WRITE | VM_PROT_EXECUTE)) == 0) {
        *most = VM_PROT_READ | VM_PROT_WRITE;
        kr = AGAIN(file_map(file, offset, size, *most, false, entry, at, mapped));
        if (kr == KERN_SUCCESS)
            return kr;
        *most = m->protection;
    }
    if (!m->shared)
        *most = ALL;
    const uint32_t needed =
        m->shared ? m->protection : VM_PROT_READ | (m->protection & VM_PROT_EXECUTE);

    return AGAIN(file_map(file, offset, size, needed, !m->shared, entry, at, mapped));
}

/* How far the range is the file's. */
struct progress {
    uint64_t done; /* bytes from its beginning on */
    uint64_t hole; /* bytes behind that, which are ours no more (M4) */
    bool taken;    /* that hole is another thread's */
};

static kern_return_t enter(const struct mapping *m, struct progress *p, uint64_t size,
                           mach_port_name_t entry, uint64_t at, uint32_t most)
{
    uint64_t where;
    kern_return_t kr = vm_deallocate(task(), m->address + p->done, size);

    if (kr != KERN_SUCCESS)
        return kr;
    kr = vm_map(task(), m->address + p->done, size, at, m->shared ? 0 : VM_COPY, entry,
                m->protection, most, m->shared ? VM_INHERIT_SHARE : VM_INHERIT_COPY, &where);
    if (kr == KERN_SUCCESS) {
        p->done += size;
    } else {
        p->hole = size;
        p->taken = kr == KERN_NO_SPACE;
    }
    return kr;
}

/* The next piece into the range that is kept. 0 and done as before: the file ends. */
static int map_piece(const struct mapping *m, mach_port_name_t file, struct progress *p)
{
    mach_port_name_t entry;
    uint64_t at, mapped;
    uint32_t most;
    kern_return_t kr = ask(file, m, p->done, &entry, &at, &mapped, &most);

    if (posix_errno(kr) == ENXIO && p->done != 0) /* its end is behind us */
        return 0;
    if (kr != KERN_SUCCESS) /* opened for something else */
        return posix_errno(kr) == EBADF ? EACCES : posix_errno(kr);
    uint64_t pages = (mapped + PAGE - 1) & ~(uint64_t)(PAGE - 1);

    if (pages > m->size - p->done)
        pages = m->size - p->done;
    if (pages != 0)
        kr = enter(m, p, pages, entry, at, most);
    if (entry != MSG_NULL && entry != MSG_DEAD)
        stub_release_right(entry, MSG_MOVE_SEND);
    return range_error(kr);
}

static void give_back_all(const struct mapping *m, const struct progress *p)
{
    const uint64_t rest = p->done + p->hole;

    if (p->done != 0)
        (void)!vm_deallocate(task(), m->address, p->done);
    if (rest < m->size)
        (void)!vm_deallocate(task(), m->address + rest, m->size - rest);
}

static int try_file(struct mapping *m, mach_port_name_t file, struct progress *p)
{
    const bool shared = m->shared;
    uint64_t before;

    *p = (struct progress){0};
    m->shared = false; /* what is left of the range's first content is nobody's */
    int error = map_nothing(m, 0);

    m->shared = shared;
    if (error != 0)
        return error;
    do {
        before = p->done;
        error = map_piece(m, file, p);
    } while (error == 0 && p->done > before && p->done < m->size);
    if (error != 0)
        give_back_all(m, p);
    return error;
}

static int map_file(struct mapping *m, int number)
{
    const mach_port_name_t file = descriptor_port(number, ENODEV);
    struct progress p;
    int error;

    if (file == MSG_NULL)
        return errno;
    if (m->offset + m->size < m->size || (int64_t)(m->offset + m->size) < 0)
        return EOVERFLOW;
    do
        error = try_file(m, file, &p);
    while (error != 0 && p.taken && !m->fixed);
    if (error == 0 && m->shared && (error = file_maps_add(file, m->address, p.done)) != 0)
        give_back_all(m, &p);
    return error;
}

/* ---- the functions ---- */

static int check(struct mapping *m, void *address, size_t size, int flags, off_t offset)
{
    const int kind = flags & (MAP_SHARED | MAP_PRIVATE);

    if (size == 0 || offset % PAGE != 0 || (kind != MAP_SHARED && kind != MAP_PRIVATE) ||
        (m->fixed && (uintptr_t)address % PAGE != 0))
        return EINVAL;
    if (offset < 0) /* of a size without a sign: no file is as long */
        return EOVERFLOW;
    return in_pages(m->fixed ? address : NULL, size, &m->size) ? 0 : ENOMEM;
}

static int map(struct mapping *m, int file, int flags)
{
    if (m->fixed) {
        const int error = range_error(give_back(m->address, m->size));

        if (error != 0)
            return error;
    }
    return (flags & MAP_ANONYMOUS) != 0 ? map_nothing(m, m->protection) : map_file(m, file);
}

void *mmap(void *address, size_t size, int wanted, int flags, int file, off_t offset)
{
    struct mapping m = {
        .address = (uintptr_t)address & ~(uint64_t)(PAGE - 1),
        .offset = (uint64_t)offset,
        .fixed = (flags & MAP_FIXED) != 0,
        .shared = (flags & MAP_SHARED) != 0,
    };
    int error = check(&m, address, size, flags, offset);

    if (error == 0)
        error = protection(wanted, &m.protection);
    if (error == 0 && (flags & MAP_ANONYMOUS) == 0 && descriptor_get(file).flags == 0)
        error = EBADF;
    if (error == 0)
        error = map(&m, file, flags);
    if (error != 0) {
        errno = error;
        return MAP_FAILED;
    }
    return (void *)(uintptr_t)m.address;
}

int munmap(void *address, size_t size)
{
    uint64_t pages;

    if (size == 0 || !in_pages(address, size, &pages))
        return posix_error(EINVAL);
    const kern_return_t kr = give_back((uintptr_t)address, pages);

    return kr == KERN_SUCCESS ? 0
                              : posix_error(kr == KERN_INVALID_ADDRESS ? EINVAL : posix_errno(kr));
}

int mprotect(void *address, size_t size, int wanted)
{
    uint64_t pages;
    uint32_t bits;
    int error = protection(wanted, &bits);

    if (error == 0 && !in_pages(address, size, &pages))
        error = EINVAL;
    if (error == 0 && pages != 0)
        error = range_error(vm_protect(task(), (uintptr_t)address, pages, false, bits));
    return error == 0 ? 0 : posix_error(error);
}

int msync(void *address, size_t size, int flags)
{
    uint64_t pages;

    if ((flags & ~(MS_SYNC | MS_ASYNC | MS_INVALIDATE)) != 0 ||
        (flags & (MS_SYNC | MS_ASYNC)) == (MS_SYNC | MS_ASYNC) || !in_pages(address, size, &pages))
        return posix_error(EINVAL);
    if (pages == 0)
        return 0;
    if ((flags & MS_INVALIDATE) != 0 && memory_lock_has != NULL &&
        memory_lock_has((uintptr_t)address, pages))
        return posix_error(EBUSY);
    int error = range_error(vm_sync(task(), (uintptr_t)address, pages,
                                    ((flags & MS_SYNC) != 0 ? VM_SYNC_WAIT : 0) |
                                        ((flags & MS_INVALIDATE) != 0 ? VM_SYNC_INVALIDATE : 0)));

    if (error == 0 && (flags & MS_SYNC) != 0)
        error = file_maps_sync((uintptr_t)address, pages);
    return error == 0 ? 0 : posix_error(error);
}

/* Nobody here acts on advice. */
int posix_madvise(void *address, size_t size, int advice)
{
    uint64_t pages;

    return advice < POSIX_MADV_NORMAL || advice > POSIX_MADV_DONTNEED ||
                   !in_pages(address, size, &pages)
               ? EINVAL
               : 0;
}

int madvise(void *address, size_t size, int advice)
{
    const int error = posix_madvise(address, size, advice);

    return error == 0 ? 0 : posix_error(error);
}

/* ---- shared memory objects: files of a folder of their own ---- */

static int shared_path(const char *name, char path[PATH_MAX])
{
    static const char folder[] = "/dev/shm", other[] = "/tmp";

    if (name[0] == '/')
        name++;
    if (name[0] == '\0' || strchr(name, '/') != NULL)
        return EINVAL;
    if (strlen(name) > NAME_MAX)
        return ENAMETOOLONG;
    strlcpy(path, access(folder, F_OK) == 0 ? folder : other, PATH_MAX);
    strlcat(path, "/", PATH_MAX);
    strlcat(path, name, PATH_MAX);
    return 0;
}

int shm_open(const char *name, int flags, mode_t mode)
{
    char path[PATH_MAX];
    const int error = shared_path(name, path);

    return error != 0 ? posix_error(error) : open(path, flags | O_CLOEXEC, mode);
}

int shm_unlink(const char *name)
{
    char path[PATH_MAX];
    const int error = shared_path(name, path);

    return error != 0 ? posix_error(error) : unlink(path);
}
