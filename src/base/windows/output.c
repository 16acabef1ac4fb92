/* Files that are written: under a temporary name beside the target, "TARGET.NUMBER.tmp", and renamed over
 * it when all is on disk.
 *
 * Whoever writes a temporary file lets others read it, and nothing else, so that only one that was left by
 * a process that ended in the middle can be deleted; the next that writes the same target does that. A
 * target that somebody has mapped can't be replaced on Windows: writing it fails, and it stays as it was.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "base/memory.h"
#include "base/system.h"
#include "base/text.h"
#include "base/windows/wide.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

enum {
    STEP = 64 << 20,
    NAME_TRIES = 100,
    DIGITS = 16,
    SUFFIX = 1 + DIGITS + 4, /* ".NUMBER.tmp" */
    NAME_LENGTH = 255        /* of a name in NTFS, in UTF-16; never more than in UTF-8 */
};

/* ---- Names ---- */

/* The length of path up to its last slash or backslash, or a drive's colon, which it includes. */
static size_t folder_length(const char *path)
{
    size_t length = strlen(path);
    while (length > 0 && !strchr("/\\:", path[length - 1]))
        length--;
    return length;
}

/* ---- The target ---- */

/* What is there must be a regular file, that one may write to. */
static vrec_status look(const char *path, vrec_error *err)
{
    wchar_t *wide = vr_wide_path(path);
    if (!wide)
        return vr_fail_errno(err, errno, "writing %s", path);
    DWORD found = GetFileAttributesW(wide);
    free(wide);
    if (found == INVALID_FILE_ATTRIBUTES)
        return VREC_OK; /* or creating a file beside it will say why not */
    if (found & FILE_ATTRIBUTE_DIRECTORY)
        return vr_fail_errno(err, EISDIR, "writing %s", path);
    if (found & FILE_ATTRIBUTE_DEVICE)
        return vr_fail(err, VREC_IO, "writing %s: not a regular file", path);
    return found & FILE_ATTRIBUTE_READONLY ? vr_fail_errno(err, EACCES, "writing %s", path) : VREC_OK;
}

/* ---- The temporary file ---- */

/* Makes a new file that nobody else can write or delete, and that can be read back (a table of names knows
 * its index by a checksum): its number, or -1. */
static int create(const char *path)
{
    wchar_t *wide = vr_wide_path(path);
    if (!wide)
        return -1;
    HANDLE handle = CreateFileW(wide, GENERIC_WRITE | DELETE, FILE_SHARE_READ, NULL, CREATE_NEW,
                                FILE_ATTRIBUTE_NORMAL, NULL);
    if (handle == INVALID_HANDLE_VALUE)
        vr_set_errno();
    free(wide);
    if (handle == INVALID_HANDLE_VALUE)
        return -1;
    int fd = _open_osfhandle((intptr_t)handle, _O_WRONLY | _O_BINARY);
    if (fd < 0)
        CloseHandle(handle);
    return fd;
}

static int create_temporary(vr_output *out)
{
    const char *name = out->target + folder_length(out->target);
    size_t folder = (size_t)(name - out->target), stem = strlen(name);
    if (stem + SUFFIX > NAME_LENGTH)
        stem = vr_text_cut(name, NAME_LENGTH - SUFFIX);
    out->temporary = malloc(folder + stem + SUFFIX + 1);
    if (!out->temporary) {
        errno = ENOMEM;
        return -1;
    }
    int fd = -1;
    errno = EEXIST;
    for (unsigned i = 0; i < NAME_TRIES && fd < 0 && errno == EEXIST; i++) {
        snprintf(out->temporary, folder + stem + SUFFIX + 1, "%.*s.%0*llx.tmp", (int)(folder + stem),
                 out->target, DIGITS, (unsigned long long)vr_random_u64());
        fd = create(out->temporary);
    }
    return fd;
}

static bool is_temporary(const char *name, const char *stem, size_t length)
{
    return strlen(name) == length + SUFFIX && memcmp(name, stem, length) == 0 && name[length] == '.' &&
           strspn(name + length + 1, "0123456789abcdef") == DIGITS &&
           strcmp(name + length + 1 + DIGITS, ".tmp") == 0;
}

/* Deletes a file in the folder unless somebody holds it. */
static void remove_left_over(const char *folder, const char *name)
{
    size_t length = strlen(folder) + strlen(name) + 1;
    char *path = malloc(length);
    if (path)
        snprintf(path, length, "%s%s", folder, name);
    wchar_t *wide = path ? vr_wide_path(path) : NULL;
    if (wide)
        DeleteFileW(wide);
    free(wide);
    free(path);
}

/* The folder's files, as FindFirstFileW() wants to be asked for them; to be freed. */
static wchar_t *all_of(const char *folder)
{
    size_t length = strlen(folder) + 2;
    char *pattern = malloc(length);
    if (pattern)
        snprintf(pattern, length, "%s*", folder);
    wchar_t *wide = pattern ? vr_wide_path(pattern) : NULL;
    free(pattern);
    return wide;
}

/* Removes what killed processes left of the same target. If that can't be done, nobody is worse off. */
static void clean_up(const vr_output *out)
{
    WIN32_FIND_DATAW found;
    size_t folder = folder_length(out->target), length = strlen(out->temporary) - folder - SUFFIX;
    wchar_t *pattern = all_of(out->folder);
    HANDLE search = pattern ? FindFirstFileW(pattern, &found) : INVALID_HANDLE_VALUE;
    free(pattern);
    if (search == INVALID_HANDLE_VALUE)
        return;
    do {
        char *name = vr_narrow(found.cFileName);
        if (name && is_temporary(name, out->target + folder, length))
            remove_left_over(out->folder, name);
        free(name);
    } while (FindNextFileW(search, &found));
    FindClose(search);
}

/* ---- Writing ---- */

vrec_status vr_output_create(const char *path, vr_output *out, vrec_error *err)
{
    *out = (vr_output){ .fd = -1 };
    if (!*path)
        return vr_fail(err, VREC_INVALID, "writing a file: its name is empty");
    size_t folder = folder_length(path), length = strlen(path);
    if (folder == length)
        return vr_fail_errno(err, EISDIR, "writing %s", path);
    out->target = malloc(length + 1);
    out->folder = malloc(folder + 1);
    if (!out->target || !out->folder)
        return vr_fail_memory(err, length + 1, "a file name");
    memcpy(out->target, path, length + 1);
    snprintf(out->folder, folder + 1, "%s", path);
    vrec_status status = look(path, err);
    if (status != VREC_OK)
        return status;
    out->fd = create_temporary(out);
    if (out->fd < 0) {
        int errnum = errno;
        free(out->temporary); /* not ours: nothing to remove */
        out->temporary = NULL;
        return vr_fail_errno(err, errnum, "writing %s: creating a temporary file beside it", path);
    }
    clean_up(out);
    return VREC_OK;
}

vrec_status vr_output_write(vr_output *out, const void *data, size_t length, vrec_error *err)
{
    const uint8_t *from = data;
    while (length > 0) {
        DWORD put;
        if (!WriteFile((HANDLE)_get_osfhandle(out->fd), from, (DWORD)vr_min(length, STEP), &put, NULL)) {
            vr_set_errno();
            return vr_fail_errno(err, errno, "writing %s", out->target);
        }
        from += put;
        length -= put;
    }
    return VREC_OK;
}

/* Moves the file over the target, and waits until that is on disk. */
static bool rename_over(const char *from, const char *to)
{
    wchar_t *wide_from = vr_wide_path(from), *wide_to = wide_from ? vr_wide_path(to) : NULL;
    bool moved =
        wide_to && MoveFileExW(wide_from, wide_to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH);
    if (wide_to && !moved)
        vr_set_errno();
    free(wide_from);
    free(wide_to);
    return moved;
}

/* A file that is open can't be renamed, so it is closed first; for that moment it looks left over to who
 * writes the same target. */
vrec_status vr_output_commit(vr_output *out, vrec_error *err)
{
    if (_commit(out->fd) != 0)
        return vr_fail_errno(err, errno, "writing %s", out->target);
    _close(out->fd);
    out->fd = -1;
    if (!rename_over(out->temporary, out->target))
        return errno == EACCES
                   ? vr_fail_errno(err, errno,
                                   "writing %s: it can't be replaced while somebody has it open or mapped "
                                   "(an index that was opened with load=map, say)",
                                   out->target)
                   : vr_fail_errno(err, errno, "renaming %s to %s", out->temporary, out->target);
    free(out->temporary);
    out->temporary = NULL;
    return VREC_OK;
}

void vr_output_close(vr_output *out)
{
    if (out->fd >= 0)
        _close(out->fd);
    if (out->temporary)
        remove_left_over("", out->temporary);
    free(out->temporary);
    free(out->target);
    free(out->folder);
    *out = (vr_output){ .fd = -1 };
}

/* What a file may be is inherited from its folder. */
vrec_status vr_output_match(const vr_output *out, const vr_output *model, vrec_error *err)
{
    (void)out;
    (void)model;
    (void)err;
    return VREC_OK;
}

/* ---- Other files ---- */

/* Windows follows its rare links by itself, and a rename replaces the link. */
char *vr_follow_links(const char *path)
{
    return strdup(path);
}

vrec_status vr_file_exists(const char *path, bool *out, vrec_error *err)
{
    wchar_t *wide = vr_wide_path(path);
    *out = wide && GetFileAttributesW(wide) != INVALID_FILE_ATTRIBUTES;
    if (wide && !*out)
        vr_set_errno();
    free(wide);
    if (!*out && errno != ENOENT && errno != ENAMETOOLONG)
        return vr_fail_errno(err, errno, "looking for %s", path);
    return VREC_OK;
}

vrec_status vr_file_rename(const char *from, const char *to, vrec_error *err)
{
    return rename_over(from, to) ? VREC_OK
                                 : vr_fail_errno(err, errno, "renaming a file beside it to %s", to);
}

vrec_status vr_file_remove(const char *path, vrec_error *err)
{
    wchar_t *wide = vr_wide_path(path);
    bool done = wide && DeleteFileW(wide);
    if (wide && !done)
        vr_set_errno();
    free(wide);
    return done || errno == ENOENT ? VREC_OK : vr_fail_errno(err, errno, "removing %s", path);
}
