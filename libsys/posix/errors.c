/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every result of a call as the errno that programs see. What servers of files and processes answer is such a number already (wharf/unix_error.h); the others say what they can mean for
 * the caller of a POSIX function: a port that is gone was closed by another thread (EBADF), a server that is gone is a broken device (EIO).
 */
#include "errors.h"
#include <wharf/terminal.h>
#include <wharf/unix_error.h>

int posix_errno(kern_return_t kr)
{
    if (is_unix_error(kr))
        return (uint32_t)kr >= TERMINAL_WHO ? EIO : unix_error_number(kr);
    switch (kr) {
    case KERN_SUCCESS: return 0;
    case KERN_INVALID_ADDRESS:
    case MACH_SEND_INVALID_MEMORY:
    case MACH_SEND_INVALID_DATA:
    case MACH_RCV_INVALID_DATA: return EFAULT;
    case KERN_PROTECTION_FAILURE:
    case KERN_NO_ACCESS:
    case KERN_DENIED: return EACCES;
    case KERN_NO_SPACE:
    case KERN_RESOURCE_SHORTAGE:
    case KERN_LIMIT:
    case MACH_SEND_NO_BUFFER:
    case MACH_RCV_NO_SPACE: return ENOMEM;
    case KERN_INVALID_ARGUMENT:
    case KERN_INVALID_VALUE:
    case KERN_BAD_FORMAT: return EINVAL;
    case KERN_OVERFLOW: return EOVERFLOW;
    case KERN_UREFS_OVERFLOW: return EMFILE;
    case KERN_ABORTED:
    case MACH_SEND_INTERRUPTED:
    case MACH_RCV_INTERRUPTED: return EINTR;
    case KERN_INVALID_NAME:
    case KERN_INVALID_RIGHT:
    case MACH_SEND_INVALID_DEST:
    case MACH_SEND_INVALID_RIGHT: return EBADF;
    case KERN_INVALID_TASK: return ESRCH;
    case KERN_NOT_FOUND: return ENOENT;
    case KERN_EXISTS: return EEXIST;
    case KERN_BUSY: return EBUSY;
    case KERN_RETRY: return EAGAIN;
    case KERN_NOT_SUPPORTED: return ENOTSUP;
    case MIG_BAD_ID: return ENOSYS;
    case KERN_OPERATION_TIMED_OUT:
    case MACH_SEND_TIMED_OUT:
    case MACH_RCV_TIMED_OUT: return ETIMEDOUT;
    default: return EIO;
    }
}

int posix_fails(kern_return_t kr)
{
    return posix_error(posix_errno(kr));
}

int posix_error(int number)
{
    errno = number;
    return -1;
}
