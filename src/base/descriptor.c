/* SPDX-License-Identifier: Apache-2.0 */
#define _FILE_OFFSET_BITS 64
#include "base/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int vr_descriptor_open(const char *path)
{
    /* O_NONBLOCK keeps a pipe from being waited for, and means nothing for a regular file. */
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

int vr_descriptor_look(int fd, vr_file_kind *kind, uint64_t *size)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return -1;
    *kind = S_ISREG(st.st_mode) ? VR_FILE_REGULAR : S_ISDIR(st.st_mode) ? VR_FILE_FOLDER : VR_FILE_OTHER;
    *size = (uint64_t)st.st_size;
    return 0;
}

ptrdiff_t vr_descriptor_read(int fd, uint64_t offset, void *buffer, size_t length)
{
    ssize_t got;
    do
        got = pread(fd, buffer, length, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got;
}

const void *vr_descriptor_map(int fd, size_t size)
{
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    return data == MAP_FAILED ? NULL : data;
}

void vr_descriptor_unmap(const void *data, size_t size)
{
    munmap((void *)(uintptr_t)data, size);
}

int vr_descriptor_is_elsewhere(int fd, const char *path)
{
    struct stat ours, theirs;
    if (fstat(fd, &ours) != 0)
        return -1;
    if (stat(path, &theirs) != 0)
        return errno == ENOENT ? 0 : -1;
    return ours.st_ino != theirs.st_ino || ours.st_dev != theirs.st_dev;
}

void vr_descriptor_close(int fd)
{
    close(fd);
}
