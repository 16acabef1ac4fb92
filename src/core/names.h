/* Names of items: texts of the caller's, one for each row. Queries know ids alone, which are the rows where
 * there are names; a name becomes an id before a query, and an id a name after it.
 *
 * Names come as lines of UTF-8 that end with a newline each. None is empty, none is there twice, none holds
 * a NUL or ends with a carriage return.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_NAMES_H
#define VR_CORE_NAMES_H

#include "base/error.h"

typedef struct vr_names_text vr_names_text;

typedef struct vr_names {
    size_t count;
    const char **list;   /* each with a 0 behind it, */
    vr_names_text *text; /* in one of the texts that they came in */
    uint32_t *slots;     /* a hash table of rows plus 1; 0 is a free slot */
    size_t last_slot;    /* its slots, a power of two, less one */
    uint64_t seed;       /* of its hashes */
} vr_names;

/* Where lines come from, for messages. */
typedef struct vr_lines {
    const char *before;  /* what stands before a message about a line: "names: " */
    const char *subject; /* the argument that they are; "" where they are in a file */
    size_t above;        /* lines of the file that come before them */
} vr_lines;

/* Makes the table of rows names from size bytes of text, which it takes over, and frees with vr_free() also
 * if it fails; *text has room for one byte more. Errors: VREC_INVALID where the lines are an argument, else
 * VREC_CORRUPT, with the first line that is wrong; VREC_NO_MEMORY. */
vrec_status vr_names_make(char *text, size_t size, size_t rows, const vr_lines *lines, vr_names **out,
                          vrec_error *err);

/* The same for the rows that follow those of some names: makes the table of all. The old names, which may
 * be NULL, stay as they are, and share their texts with the new ones. */
vrec_status vr_names_grow(const vr_names *old, char *text, size_t size, size_t rows, const vr_lines *lines,
                          vr_names **out, vrec_error *err);

/* NULL is fine for each. Frees all: */
void vr_names_free(vr_names *names);

/* all but the texts, because other names have been made of these, */
void vr_names_free_table(vr_names *names);

/* or all but what they share with those that they were made of. */
void vr_names_free_grown(vr_names *names, const vr_names *old);

/* The name of a row below count. */
static inline const char *vr_name_of(const vr_names *names, size_t row)
{
    return names->list[row];
}

/* The row of a name; count if nobody has it. */
size_t vr_names_find(const vr_names *names, const char *name);

/* The same lines read as ids: whole numbers in the form that a program prints them. ids: room for rows. The
 * text is left to the caller. */
vrec_status vr_lines_to_ids(const char *text, size_t size, size_t rows, const vr_lines *lines, int64_t *ids,
                            vrec_error *err);

#endif
