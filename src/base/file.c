/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include "base/descriptor.h"
#include "base/memory.h"

#include <errno.h>
#include <string.h>

/* One system call moves at most 2 GiB; a smaller step also bounds how late a signal is noticed. */
enum { STEP = 64 << 20, POINTER_MAX = 1024 };

/* A clone without Git LFS has small texts in the place of its large files. */
static vrec_status refuse_pointer(const vr_input *in, vrec_error *err)
{
    static const char begin[] = "version https://git-lfs.github.com/";
    char text[sizeof begin - 1];
    if (in->size < sizeof text)
        return VREC_OK;
    vrec_status status = vr_input_read(in, 0, text, sizeof text, err);
    if (status == VREC_OK && memcmp(text, begin, sizeof text) == 0)
        status = vr_fail(err, VREC_CORRUPT,
                         "opening %s: it is a Git LFS pointer to the file, and not the file; git lfs pull "
                         "gets it",
                         in->path);
    return status;
}

vrec_status vr_input_open(const char *path, vr_input *in, vrec_error *err)
{
    vr_file_kind kind;
    *in = (vr_input){ .path = path, .fd = vr_descriptor_open(path) };
    if (in->fd < 0 && errno == ENOENT && strcmp(path, "-") == 0)
        return vr_fail_errno(err, ENOENT,
                             "opening -, which is the name of a file and not standard input, since what is "
                             "read here and there must be a file");
    if (in->fd < 0)
        return vr_fail_errno(err, errno, "opening %s", path);
    vrec_status status = VREC_OK;
    if (vr_descriptor_look(in->fd, &kind, &in->size) != 0)
        status = vr_fail_errno(err, errno, "opening %s", path);
    else if (kind == VR_FILE_FOLDER)
        status = vr_fail_errno(err, EISDIR, "opening %s", path);
    else if (kind != VR_FILE_REGULAR)
        status =
            vr_fail(err, VREC_IO,
                    "opening %s: not a regular file, and what is read here and there must be one: write "
                    "it to a file first",
                    path);
    if (status == VREC_OK && in->size > 0 && in->size < POINTER_MAX)
        status = refuse_pointer(in, err);
    if (status != VREC_OK)
        vr_input_close(in);
    return status;
}

vrec_status vr_input_read(const vr_input *in, uint64_t offset, void *buffer, size_t length, vrec_error *err)
{
    uint8_t *to = buffer;
    while (length > 0) {
        ptrdiff_t got = vr_descriptor_read(in->fd, offset, to, vr_min(length, STEP));
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

vrec_status vr_input_is_replaced(const vr_input *in, const char *path, bool *out, vrec_error *err)
{
    int other = vr_descriptor_is_elsewhere(in->fd, path);
    *out = other > 0;
    return other >= 0 ? VREC_OK : vr_fail_errno(err, errno, "looking for %s", path);
}

void vr_input_close(vr_input *in)
{
    if (in->fd >= 0)
        vr_descriptor_close(in->fd);
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
        const void *data = vr_descriptor_map(in.fd, (size_t)in.size);
        if (!data)
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
        vr_descriptor_unmap(map->data, map->size);
    *map = (vr_map){ 0 };
}
