/* Files that are open for reading, by the number that the C library gives them: what file.c needs of the
 * operating system, and what differs between POSIX (descriptor.c) and Windows (windows/descriptor.c). What
 * fails sets errno. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_BASE_DESCRIPTOR_H
#define VR_BASE_DESCRIPTOR_H

#include <stddef.h>
#include <stdint.h>

typedef enum vr_file_kind { VR_FILE_REGULAR, VR_FILE_FOLDER, VR_FILE_OTHER } vr_file_kind;

/* Opens a file; a pipe isn't waited for. The number, or -1. */
int vr_descriptor_open(const char *path);

/* What it is, and how long. 0, or -1. */
int vr_descriptor_look(int fd, vr_file_kind *kind, uint64_t *size);

/* Reads up to length bytes at offset, and leaves no position behind, so that threads can share fd. How many
 * it read, 0 at the end of the file, or -1. */
ptrdiff_t vr_descriptor_read(int fd, uint64_t offset, void *buffer, size_t length);

/* Maps the first size > 0 bytes for reading, also beyond the time when fd is closed. NULL if that fails. */
const void *vr_descriptor_map(int fd, size_t size);
void vr_descriptor_unmap(const void *data, size_t size);

/* Whether another file than this one is at path now: 1, 0 (also if nothing is), or -1. */
int vr_descriptor_is_elsewhere(int fd, const char *path);

void vr_descriptor_close(int fd);

#endif
