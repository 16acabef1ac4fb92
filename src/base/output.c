/* Files that are written: under a temporary name beside the target, "TARGET.NUMBER.tmp", and renamed over
 * it when all is on disk.
 *
 * Whoever writes a temporary file holds a lock on it. What nobody holds was left by a process that was
 * killed, and the next that writes the same target removes it. The lock tells, and no process number, since
 * several containers or machines may share the folder.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE   /* flock, fchown */
#define _FILE_OFFSET_BITS 64
#include "base/file.h"
#include "base/memory.h"
#include "base/system.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    STEP = 64 << 20, /* One system call moves at most 2 GiB; less bounds how late a signal is noticed. */
    NAME_TRIES = 100,
    LINKS_MAX = 40, /* as Linux follows */
    LINK_LENGTH = 4096,
    DIGITS = 16,
    SUFFIX = 1 + DIGITS + 4, /* ".NUMBER.tmp" */
    NAME_LENGTH = 255,       /* of a name in most file systems, */
    SHORT_LENGTH = 140       /* and in those with the shortest */
};

/* ---- Names ---- */

/* The length of path up to its last slash, which it includes. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* The folder that path lies in, to be freed. */
static char *folder_of(const char *path)
{
    size_t length = folder_length(path);
    return length > 0 ? strndup(path, length) : strdup(".");
}

/* Where a link at path, of that text, leads; to be freed. */
static char *step_along(const char *path, const char *text)
{
    size_t folder = text[0] == '/' ? 0 : folder_length(path), length = strlen(text);
    char *next = malloc(folder + length + 1);
    if (next) {
        memcpy(next, path, folder);
        memcpy(next + folder, text, length + 1);
    }
    return next;
}

char *vr_follow_links(const char *path)
{
    char text[LINK_LENGTH];
    char *target = strdup(path);
    for (size_t links = 0; target && links < LINKS_MAX; links++) {
        ssize_t length = readlink(target, text, sizeof text - 1);
        if (length < 0)
            return target;
        text[length] = '\0';
        char *next = step_along(target, text);
        free(target);
        target = next;
    }
    errno = target ? ELOOP : ENOMEM;
    free(target);
    return NULL;
}

/* ---- The target ---- */

/* What is said of a target that can't be replaced by a file. */
static vrec_status check_kind(const char *path, const struct stat *st, vrec_error *err)
{
    if (S_ISDIR(st->st_mode))
        return vr_fail_errno(err, EISDIR, "writing %s", path);
    if (!S_ISREG(st->st_mode))
        return vr_fail(err, VREC_IO, "writing %s: not a regular file", path);
    return VREC_OK;
}

/* Whether stat() of the path and lstat() of what it is taken to lead to see one and the same file, or none.
 * 0, or what stat() failed with. */
static int look_once(const char *path, const char *target, struct stat *st, bool *exists, bool *same)
{
    struct stat found;
    int errnum = stat(path, st) == 0 ? 0 : errno;
    *exists = errnum == 0;
    *same = lstat(target, &found) == 0 ? *exists && found.st_dev == st->st_dev && found.st_ino == st->st_ino
                                       : !*exists;
    return errnum == ENOENT ? 0 : errnum;
}

/* Looks at what is there. The system itself is asked to follow the path, since it may forbid that: a link
 * that somebody else has laid in a folder for all is a trap. Where somebody saves to the same path
 * meanwhile, the two looks may see two files, and it is looked again. */
static vrec_status look(const char *path, const char *target, struct stat *st, bool *exists,
                        vrec_error *err)
{
    enum { LOOKS = 100 };
    bool same = false;
    for (int i = 0; i < LOOKS && !same; i++) {
        int errnum = look_once(path, target, st, exists, &same);
        if (errnum != 0)
            return vr_fail_errno(err, errnum, "writing %s", path);
        vrec_status status = *exists ? check_kind(path, st, err) : VREC_OK;
        if (status != VREC_OK)
            return status;
    }
    if (!same)
        return vr_fail(err, VREC_IO, "writing %s: it was changed by somebody else; try again", path);
    /* Renaming needs no permission on the old file itself; replacing a protected file would surprise. */
    if (*exists && access(target, W_OK) != 0)
        return vr_fail_errno(err, errno, "writing %s", path);
    return VREC_OK;
}

/* Gives the new file the old one's owner, group and permissions, as far as the system lets us. If the group
 * can't be kept, another one gets no more than everybody has. Bits that lend a program its owner's rights
 * mean nothing on data. */
static void take_over(int fd, const struct stat *st)
{
    mode_t mode = st->st_mode & 0777;
    if (fchown(fd, st->st_uid, st->st_gid) != 0 && fchown(fd, (uid_t)-1, st->st_gid) != 0)
        mode = (mode_t)((mode & 0707) | (mode & 07) << 3);
    (void)!fchmod(fd, mode); /* a wish: it is as good with fewer */
}

/* ---- The temporary file ---- */

/* How much of the target's name begins the temporary one's. */
static size_t stem_length(const char *target, size_t most)
{
    const char *name = target + folder_length(target);
    size_t length = strlen(name);
    return length + SUFFIX > most ? vr_text_cut(name, most - SUFFIX) : length;
}

/* Takes the lock of a file that has just been made. False if somebody, who took it for left over, was
 * quicker. Where there are no locks nobody can do that. */
static bool hold(int fd, bool *held)
{
    struct stat st;
    *held = flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    if (fstat(fd, &st) != 0)
        return false;
    *held = *held && st.st_nlink > 0;
    return true;
}

/* Makes a file of mode beside the target, and locks it: fd, or -1. most: how long its name may be. */
static int create_beside(vr_output *out, size_t most, mode_t mode)
{
    size_t folder = folder_length(out->target), length = folder + stem_length(out->target, most);
    bool held = false;
    int fd = -1;
    for (unsigned i = 0; i < NAME_TRIES && !held; i++) {
        snprintf(out->temporary, length + SUFFIX + 1, "%.*s.%0*llx.tmp", (int)length, out->target, DIGITS,
                 (unsigned long long)vr_random_u64());
        fd = open(out->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (fd < 0 && errno == EEXIST)
            continue;
        if (fd < 0)
            return -1;
        bool known = hold(fd, &held);
        int errnum = errno;
        if (!held || !known)
            close(fd);
        if (!known) {
            unlink(out->temporary);
            errno = errnum;
            return -1;
        }
    }
    errno = EEXIST;
    return held ? fd : -1;
}

static int create_temporary(vr_output *out, mode_t mode)
{
    out->temporary = malloc(strlen(out->target) + SUFFIX + 1);
    if (!out->temporary) {
        errno = ENOMEM;
        return -1;
    }
    int fd = create_beside(out, NAME_LENGTH, mode);
    return fd < 0 && errno == ENAMETOOLONG ? create_beside(out, SHORT_LENGTH, mode) : fd;
}

/* Whether name is that of a temporary file whose name begins with stem. */
static bool is_temporary(const char *name, const char *stem, size_t length)
{
    return strlen(name) == length + SUFFIX && memcmp(name, stem, length) == 0 && name[length] == '.' &&
           strspn(name + length + 1, "0123456789abcdef") == DIGITS &&
           strcmp(name + length + 1 + DIGITS, ".tmp") == 0;
}

/* Removes a temporary file unless somebody holds it, or it can't be told. */
static void remove_left_over(int folder, const char *name)
{
    struct stat held, named;
    int fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &held) == 0 && S_ISREG(held.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
        fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == held.st_ino &&
        named.st_dev == held.st_dev)
        unlinkat(folder, name, 0);
    close(fd);
}

/* Removes what killed processes left of the same target. If that can't be done, nobody is worse off. */
static void clean_up(const vr_output *out)
{
    size_t folder = folder_length(out->target), length = strlen(out->temporary) - folder - SUFFIX;
    DIR *entries = opendir(out->folder);
    struct dirent *entry;
    if (!entries)
        return;
    while ((entry = readdir(entries)))
        if (is_temporary(entry->d_name, out->target + folder, length) &&
            strcmp(entry->d_name, out->temporary + folder) != 0)
            remove_left_over(dirfd(entries), entry->d_name);
    closedir(entries);
}

/* ---- Writing ---- */

vrec_status vr_output_create(const char *path, vr_output *out, vrec_error *err)
{
    struct stat st;
    bool exists;
    *out = (vr_output){ .fd = -1 };
    if (!*path)
        return vr_fail(err, VREC_INVALID, "writing a file: its name is empty");
    if (path[strlen(path) - 1] == '/')
        return vr_fail_errno(err, EISDIR, "writing %s", path);
    out->target = vr_follow_links(path);
    if (!out->target)
        return vr_fail_errno(err, errno, "writing %s", path);
    out->folder = folder_of(out->target);
    if (!out->folder)
        return vr_fail_memory(err, strlen(out->target), "a file name");
    vrec_status status = look(path, out->target, &st, &exists, err);
    if (status != VREC_OK)
        return status;
    /* Nobody may read the content that the old file kept to itself, not for a moment. */
    out->fd = create_temporary(out, exists ? 0600 : 0666);
    if (out->fd < 0) {
        int errnum = errno;
        free(out->temporary); /* not ours: nothing to remove */
        out->temporary = NULL;
        return vr_fail_errno(err, errnum, "writing %s: creating a temporary file beside it", path);
    }
    if (exists)
        take_over(out->fd, &st);
    clean_up(out);
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

/* What has been written to the descriptor is on the disk. */
static int sync_to_disk(int fd)
{
#ifdef F_FULLFSYNC
    /* macOS, where fsync() leaves it in the disk's cache; not every file system has this. */
    if (fcntl(fd, F_FULLFSYNC) == 0)
        return 0;
#endif
    return fsync(fd);
}

/* Makes a change of the names in a folder durable. */
static int sync_folder(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int failed = sync_to_disk(fd);
    int errnum = errno;
    close(fd);
    errno = errnum;
    /* Some file systems can't sync a folder and say so; there a rename is as durable as it gets. */
    return failed && errnum != EINVAL ? -1 : 0;
}

static vrec_status fail_rename(const vr_output *out, int errnum, vrec_error *err)
{
    if (errnum == EBUSY)
        return vr_fail_errno(err, errnum,
                             "writing %s: it is mounted by itself, as containers do with single files, and "
                             "can't be replaced; mount its folder instead",
                             out->target);
    return vr_fail_errno(err, errnum, "renaming %s to %s", out->temporary, out->target);
}

/* The file is closed, and its lock lost, when it no longer has a name that looks left over. What closing
 * could say, syncing has said. */
vrec_status vr_output_commit(vr_output *out, vrec_error *err)
{
    if (sync_to_disk(out->fd) != 0)
        return vr_fail_errno(err, errno, "writing %s", out->target);
    if (rename(out->temporary, out->target) != 0)
        return fail_rename(out, errno, err);
    free(out->temporary);
    out->temporary = NULL;
    close(out->fd);
    out->fd = -1;
    if (sync_folder(out->folder) != 0)
        return vr_fail_errno(err, errno, "syncing the folder of %s (the new file is in place)",
                             out->target);
    return VREC_OK;
}

vrec_status vr_output_match(const vr_output *out, const vr_output *model, vrec_error *err)
{
    struct stat st;
    if (fstat(model->fd, &st) != 0)
        return vr_fail_errno(err, errno, "writing %s", model->target);
    take_over(out->fd, &st);
    return VREC_OK;
}

void vr_output_close(vr_output *out)
{
    if (out->temporary)
        unlink(out->temporary);
    if (out->fd >= 0)
        close(out->fd);
    free(out->temporary);
    free(out->target);
    free(out->folder);
    *out = (vr_output){ .fd = -1 };
}

/* ---- Other files ---- */

vrec_status vr_file_exists(const char *path, bool *out, vrec_error *err)
{
    struct stat st;
    *out = stat(path, &st) == 0;
    /* A name that is too long is nobody's. */
    if (!*out && errno != ENOENT && errno != ENAMETOOLONG)
        return vr_fail_errno(err, errno, "looking for %s", path);
    return VREC_OK;
}

/* Makes durable what was done to the names in the folder of path; done is what was done, 0 or -1. */
static vrec_status finish(int done, const char *path, const char *doing, vrec_error *err)
{
    int errnum = errno;
    char *folder = done == 0 ? folder_of(path) : NULL;
    if (done == 0 && !folder)
        return vr_fail_memory(err, strlen(path), "a file name");
    if (folder && (done = sync_folder(folder)) != 0)
        errnum = errno;
    free(folder);
    return done == 0 ? VREC_OK : vr_fail_errno(err, errnum, "%s %s", doing, path);
}

vrec_status vr_file_rename(const char *from, const char *to, vrec_error *err)
{
    return finish(rename(from, to), to, "renaming a file beside it to", err);
}

vrec_status vr_file_remove(const char *path, vrec_error *err)
{
    int done = unlink(path);
    return finish(done != 0 && errno == ENOENT ? 0 : done, path, "removing", err);
}
