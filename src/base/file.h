/* Files: read with every short read an error, mapped, and written so that a crash leaves the old file
 * or the new one. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_BASE_FILE_H
#define VR_BASE_FILE_H

#include "base/error.h"

#include <stdbool.h>

/* A regular file open for reading. */
typedef struct vr_input {
    const char *path; /* borrowed */
    uint64_t size;    /* when it was opened */
    int fd;
} vr_input;

vrec_status vr_input_open(const char *path, vr_input *in, vrec_error *err);

/* Reads exactly length bytes at offset; a file that has become shorter is VREC_CORRUPT. Keeps no
 * position, so that threads can share an input. */
vrec_status vr_input_read(const vr_input *in, uint64_t offset, void *buffer, size_t length,
                          vrec_error *err);

/* Whether a path leads to another file by now than that which was opened. */
vrec_status vr_input_is_replaced(const vr_input *in, const char *path, bool *out, vrec_error *err);

void vr_input_close(vr_input *in);

/* A regular file mapped read-only. */
typedef struct vr_map {
    const uint8_t *data; /* NULL for an empty file */
    size_t size;
} vr_map;

vrec_status vr_map_open(const char *path, vr_map *map, vrec_error *err);
void vr_map_close(vr_map *map);

/* The path that a write to path would reach: where a symbolic link leads to, also if nothing is there yet;
 * to be freed with free(). NULL with errno set if it leads in circles, or memory is short. */
char *vr_follow_links(const char *path);

/* A file being written under a temporary name in the folder of its target. */
typedef struct vr_output {
    char *target;    /* where a write to the path would go, symbolic links followed */
    char *folder;    /* that it lies in */
    char *temporary; /* in the same folder */
    int fd;
} vr_output;

vrec_status vr_output_create(const char *path, vr_output *out, vrec_error *err);
vrec_status vr_output_write(vr_output *out, const void *data, size_t length, vrec_error *err);

/* Syncs, renames over the target, syncs the folder. The target is untouched unless it succeeds. */
vrec_status vr_output_commit(vr_output *out, vrec_error *err);

/* Gives the file the owner, group and permissions of another that is being written, as far as the system
 * lets us. */
vrec_status vr_output_match(const vr_output *out, const vr_output *model, vrec_error *err);

/* Removes the temporary file; harmless after commit. Always call it. */
void vr_output_close(vr_output *out);

/* Whether something is at path. */
vrec_status vr_file_exists(const char *path, bool *out, vrec_error *err);

/* Renames a file within its folder, or removes it, and syncs the folder. One that isn't there counts as
 * removed. */
vrec_status vr_file_rename(const char *from, const char *to, vrec_error *err);
vrec_status vr_file_remove(const char *path, vrec_error *err);

#endif
