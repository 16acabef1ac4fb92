/* SPDX-License-Identifier: Apache-2.0 */
/* Holds a program at a chosen place, so that a test can disturb it exactly there, however fast either of
 * them is. Loaded by LD_PRELOAD, it stops the process (SIGSTOP) once: right after it has mapped the file
 * that HOLD_MAPPED names, or right before it writes to the one that HOLD_WRITTEN names. The ends of the
 * names suffice. The test waits for the stop, does its worst, and sends SIGCONT. */
#define _GNU_SOURCE /* RTLD_NEXT, mmap64 */
#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The function of that name which this library stands before. (ISO C has no cast from void * to a
 * function.) */
static void next(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, sizeof found);
}

/* Whether fd is open on the file that the variable names. */
static bool is_named(int fd, const char *variable)
{
    char link[64], path[4096];
    const char *end = getenv(variable);
    if (!end || fd < 0)
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path);
    size_t wanted = strlen(end);
    return length >= (ssize_t)wanted && memcmp(path + (size_t)length - wanted, end, wanted) == 0;
}

/* The variable goes first: there is one stop. */
static void hold(const char *variable)
{
    unsetenv(variable);
    raise(SIGSTOP);
}

void *mmap64(void *address, size_t length, int access, int flags, int fd, off64_t offset)
{
    void *(*map)(void *, size_t, int, int, int, off64_t);
    next("mmap64", &map);
    void *data = map(address, length, access, flags, fd, offset);
    if (is_named(fd, "HOLD_MAPPED"))
        hold("HOLD_MAPPED");
    return data;
}

ssize_t write(int fd, const void *data, size_t length)
{
    ssize_t (*put)(int, const void *, size_t);
    next("write", &put);
    if (is_named(fd, "HOLD_WRITTEN"))
        hold("HOLD_WRITTEN");
    return put(fd, data, length);
}
