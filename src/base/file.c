/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE   /* realpath */
#define _FILE_OFFSET_BITS 64
#include "base/file.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* One system call moves at most 2 GiB; a smaller step also bounds how late a signal is noticed. */
enum { STEP = 64 << 20, NAME_TRIES = 100 };

/* ---- Reading ---- */

vrec_status vr_input_open(const char *path, vr_input *in, vrec_error *err)
{
    struct stat st;
    *in = (vr_input){ .path = path, .fd = -1 };
    /* O_NONBLOCK: a pipe must be refused below, not waited for; it means nothing for a regular file. */
    in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (in->fd < 0)
        return vr_fail_errno(err, errno, "opening %s", path);
    vrec_status status = VREC_OK;
    if (fstat(in->fd, &st) != 0)
        status = vr_fail_errno(err, errno, "opening %s", path);
    else if (S_ISDIR(st.st_mode))
        status = vr_fail_errno(err, EISDIR, "opening %s", path);
    else if (!S_ISREG(st.st_mode))
        status = vr_fail(err, VREC_IO, "opening %s: not a regular file", path);
    else
        in->size = (uint64_t)st.st_size;
    if (status != VREC_OK)
        vr_input_close(in);
    return status;
}

vrec_status vr_input_read(const vr_input *in, uint64_t offset, void *buffer, size_t length, vrec_error *err)
{
    uint8_t *to = buffer;
    while (length > 0) {
        ssize_t got = pread(in->fd, to, vr_min(length, STEP), (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return vr_fail_errno(err, errno, "reading %s at byte %llu", in->path,
                                 (unsigned long long)offset);
        if (got == 0)
            return vr_fail(err, VREC_CORRUPT,
                           "reading %s: the file ends at byte %llu, %zu bytes short of what it holds",
                           in->path, (unsigned long long)offset, length);
        to += got;
        offset += (uint64_t)got;
        length -= (size_t)got;
    }
    return VREC_OK;
}

void vr_input_close(vr_input *in)
{
    if (in->fd >= 0)
        close(in->fd);
    in->fd = -1;
}

vrec_status vr_map_open(const char *path, vr_map *map, vrec_error *err)
{
    vr_input in;
    *map = (vr_map){ 0 };
    vrec_status status = vr_input_open(path, &in, err);
    if (status != VREC_OK)
        return status;
    if (in.size > SIZE_MAX) {
        status = vr_fail(err, VREC_UNSUPPORTED, "mapping %s: larger than the address space", path);
    } else if (in.size > 0) {
        void *data = mmap(NULL, (size_t)in.size, PROT_READ, MAP_PRIVATE, in.fd, 0);
        if (data == MAP_FAILED)
            status = vr_fail_errno(err, errno, "mapping %s", path);
        else
            *map = (vr_map){ .data = data, .size = (size_t)in.size };
    }
    vr_input_close(&in);
    return status;
}

void vr_map_close(vr_map *map)
{
    if (map->data)
        munmap((void *)(uintptr_t)map->data, map->size);
    *map = (vr_map){ 0 };
}

/* ---- Writing ---- */

/* The path that a write to path would reach: what a symbolic link leads to, else path itself. */
static char *follow(const char *path)
{
    char *real = realpath(path, NULL);
    return real || errno == ENOMEM ? real : strdup(path);
}

/* Creates "TARGET.NUMBER.tmp" beside the target, with a number that is free. */
static int create_beside(vr_output *out)
{
    size_t room = strlen(out->target) + 32;
    out->temporary = malloc(room);
    if (!out->temporary) {
        errno = ENOMEM;
        return -1;
    }
    for (unsigned i = 0; i < NAME_TRIES; i++) {
        snprintf(out->temporary, room, "%s.%ld-%u.tmp", out->target, (long)getpid(), i);
        int fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST)
            return fd;
    }
    return -1;
}

vrec_status vr_output_create(const char *path, vr_output *out, vrec_error *err)
{
    struct stat st;
    *out = (vr_output){ .fd = -1 };
    out->target = follow(path);
    if (!out->target)
        return vr_fail_memory(err, strlen(path) + 1, "a file name");
    int errnum = stat(out->target, &st) == 0 ? 0 : errno;
    bool exists = errnum == 0;
    if (!exists && errnum != ENOENT)
        return vr_fail_errno(err, errnum, "writing %s", path);
    if (exists && S_ISDIR(st.st_mode))
        return vr_fail_errno(err, EISDIR, "writing %s", path);
    if (exists && !S_ISREG(st.st_mode))
        return vr_fail(err, VREC_IO, "writing %s: not a regular file", path);
    if (!exists && lstat(out->target, &st) == 0)
        return vr_fail(err, VREC_IO, "writing %s: a symbolic link that leads to no file", path);
    /* Renaming needs no permission on the old file itself; replacing a protected file would surprise. */
    if (exists && access(out->target, W_OK) != 0)
        return vr_fail_errno(err, errno, "writing %s", path);
    out->fd = create_beside(out);
    if (out->fd < 0) {
        errnum = errno;
        free(out->temporary); /* not ours: nothing to remove */
        out->temporary = NULL;
        return vr_fail_errno(err, errnum, "writing %s: creating a temporary file beside it", path);
    }
    if (exists)
        (void)!fchmod(out->fd, st.st_mode & 07777); /* a wish: the new file is as good without */
    return VREC_OK;
}

vrec_status vr_output_write(vr_output *out, const void *data, size_t length, vrec_error *err)
{
    const uint8_t *from = data;
    while (length > 0) {
        ssize_t put = write(out->fd, from, vr_min(length, STEP));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return vr_fail_errno(err, errno, "writing %s", out->target);
        from += put;
        length -= (size_t)put;
    }
    return VREC_OK;
}

/* Makes a rename in the folder of path durable. */
static int sync_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = slash == path ? strdup("/")
                   : slash       ? strndup(path, (size_t)(slash - path))
                                 : strdup(".");
    if (!folder) {
        errno = ENOMEM;
        return -1;
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0)
        return -1;
    int failed = fsync(fd);
    int errnum = errno;
    close(fd);
    errno = errnum;
    /* Some file systems can't sync a folder and say so; there a rename is as durable as it gets. */
    return failed && errnum != EINVAL ? -1 : 0;
}

vrec_status vr_output_commit(vr_output *out, vrec_error *err)
{
    int failed = fsync(out->fd);
    int errnum = errno;
    if (close(out->fd) != 0 && !failed) {
        failed = -1;
        errnum = errno;
    }
    out->fd = -1;
    if (failed)
        return vr_fail_errno(err, errnum, "writing %s", out->target);
    if (rename(out->temporary, out->target) != 0)
        return vr_fail_errno(err, errno, "renaming %s to %s", out->temporary, out->target);
    free(out->temporary);
    out->temporary = NULL;
    if (sync_folder(out->target) != 0)
        return vr_fail_errno(err, errno, "syncing the folder of %s (the new file is in place)",
                             out->target);
    return VREC_OK;
}

void vr_output_close(vr_output *out)
{
    if (out->fd >= 0)
        close(out->fd);
    if (out->temporary)
        unlink(out->temporary);
    free(out->temporary);
    free(out->target);
    *out = (vr_output){ .fd = -1 };
}
