/* SPDX-License-Identifier: Apache-2.0 */
#define _FILE_OFFSET_BITS 64
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>

static _Atomic uint32_t armed; /* bits of the calls that count */
static atomic_size_t counted, fail_at, step;
static atomic_int failure;
static atomic_long held;

void faults_arm(uint32_t calls, size_t at, int errnum)
{
    counted = 0;
    fail_at = at;
    failure = errnum;
    armed = calls;
}

size_t faults_disarm(void)
{
    armed = 0;
    return counted;
}

void faults_limit_steps(size_t bytes)
{
    step = bytes;
}

long faults_held(void)
{
    return held;
}

static bool fails(fault_call call)
{
    if (!(armed & FAULT_BIT(call)) || atomic_fetch_add(&counted, 1) != fail_at)
        return false;
    errno = failure;
    return true;
}

static void *hold(void *block)
{
    held += block != NULL;
    return block;
}

static size_t limited(size_t length)
{
    return step > 0 && length > step ? step : length;
}

/* ---- Memory ---- */

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails(FAULT_ALIGNED_ALLOC) ? NULL : hold(__real_aligned_alloc(alignment, size));
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return fails(FAULT_MALLOC) ? NULL : hold(__real_malloc(size));
}

char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    return fails(FAULT_STRDUP) ? NULL : hold(__real_strdup(text));
}

char *__real_strndup(const char *text, size_t length);
char *__wrap_strndup(const char *text, size_t length)
{
    return fails(FAULT_STRNDUP) ? NULL : hold(__real_strndup(text, length));
}

void __real_free(void *block);
void __wrap_free(void *block)
{
    held -= block != NULL;
    __real_free(block);
}

/* ---- Files ---- */

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    int fd = fails(FAULT_OPEN) ? -1 : __real_open64(path, flags, mode);
    held += fd >= 0;
    return fd;
}

int __real_close(int fd);
int __wrap_close(int fd)
{
    held--;
    bool failed = fails(FAULT_CLOSE);
    int errnum = errno, result = __real_close(fd); /* Linux closes it in any case */
    errno = failed ? errnum : errno;
    return failed ? -1 : result;
}

int __real_fstat64(int fd, struct stat *out);
int __wrap_fstat64(int fd, struct stat *out)
{
    return fails(FAULT_FSTAT) ? -1 : __real_fstat64(fd, out);
}

int __real_stat64(const char *path, struct stat *out);
int __wrap_stat64(const char *path, struct stat *out)
{
    return fails(FAULT_STAT) ? -1 : __real_stat64(path, out);
}

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode)
{
    return fails(FAULT_ACCESS) ? -1 : __real_access(path, mode);
}

int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode)
{
    return fails(FAULT_FCHMOD) ? -1 : __real_fchmod(fd, mode);
}

ssize_t __real_pread64(int fd, void *buffer, size_t length, off_t offset);
ssize_t __wrap_pread64(int fd, void *buffer, size_t length, off_t offset)
{
    return fails(FAULT_PREAD) ? -1 : __real_pread64(fd, buffer, limited(length), offset);
}

ssize_t __real_write(int fd, const void *data, size_t length);
ssize_t __wrap_write(int fd, const void *data, size_t length)
{
    return fails(FAULT_WRITE) ? -1 : __real_write(fd, data, limited(length));
}

int __real_fsync(int fd);
int __wrap_fsync(int fd)
{
    return fails(FAULT_FSYNC) ? -1 : __real_fsync(fd);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    return fails(FAULT_RENAME) ? -1 : __real_rename(from, to);
}

void *__real_mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    void *data =
        fails(FAULT_MMAP) ? MAP_FAILED : __real_mmap64(address, length, protection, flags, fd, offset);
    held += data != MAP_FAILED;
    return data;
}

int __real_munmap(void *data, size_t length);
int __wrap_munmap(void *data, size_t length)
{
    held--;
    return __real_munmap(data, length);
}

/* ---- Threads ---- */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *context)
{
    return fails(FAULT_PTHREAD_CREATE) ? errno : __real_pthread_create(thread, attributes, run, context);
}
