/* Libraries that are opened while the program runs, so that it starts where they are missing.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_BASE_LIBRARY_H
#define VR_BASE_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

/* A function of such a library, and where its pointer goes in a structure of function pointers. */
typedef struct vr_import {
    const char *name;
    size_t offset;
} vr_import;

/* Opens a library by its file name, found as the system's loader finds it, and never closes it. NULL if
 * that fails, with the loader's reason, cut to room, in why. */
void *vr_library_open(const char *name, char *why, size_t room);

/* Fills the structure at functions. The name of the first function that the library lacks, or NULL. */
const char *vr_library_import(void *library, const vr_import *imports, size_t count, void *functions);

#endif
