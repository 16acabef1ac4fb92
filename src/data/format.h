/* Which formats of files of vectors there are, and what they can hold. SPDX-License-Identifier: Apache-2.0
 */
#ifndef VR_DATA_FORMAT_H
#define VR_DATA_FORMAT_H

#include "vrec/vrec.h"

#include <stdbool.h>

typedef enum vr_layout {
    VR_LAYOUT_NPY,  /* NumPy's */
    VR_LAYOUT_VECS, /* every row: its dim as int32, then its values (TEXMEX) */
    VR_LAYOUT_BIN   /* rows and dim as uint32, then the values (Big ANN Benchmarks) */
} vr_layout;

enum {
    VR_ANY_TYPE = -1,    /* where else a vrec_type stands */
    VR_ENDINGS_MAX = 80, /* bytes for a list of all endings */
    VR_ROW_HEAD = 4,     /* bytes before the values of every row in .fvecs and its kin */
    VR_BIN_HEADER = 8,   /* bytes before the values in .fbin and its kin */
    VR_NPY_HEADER = 128  /* bytes that any matrix needs, rounded up to a multiple of 64 as NumPy does */
};

/* What a name's ending says of a file. */
typedef struct vr_format {
    const char *ending;
    vr_layout layout;
    int32_t type; /* VR_ANY_TYPE for npy, whose header says it */
} vr_format;

/* The format that path's ending names; NULL, and an error that lists them all, if it names none. */
const vr_format *vr_format_of(const char *path, vrec_error *err);

/* Whether the format can hold values of type: as they are, or in a type of its own that loses nothing.
 * For int64 in an int32 file that still depends on the values. */
bool vr_format_takes(const vr_format *format, int32_t type);

/* The endings of the formats that take type, or of all for VR_ANY_TYPE, as a list for a message. */
void vr_endings_for(int32_t type, char out[VR_ENDINGS_MAX]);

/* A type as NumPy's files and our messages call it: "f4". */
const char *vr_type_code(int32_t type);

#endif
