/* The options of a backend: one table, from which the parser, the command's flags, its help and the
 * documentation come. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_OPTIONS_H
#define VR_CORE_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>

enum {
    VR_OPTIONS_MAX = 40,
    VR_OPTION_TEXT = 64,      /* room for a key or a choice */
    VR_OPTION_TEXTS_MAX = 16, /* options of a table that hold text */
    VR_OPTION_TEXT_MAX = 512  /* room for what such an option holds */
};

/* An option is what the public header says of it, and nothing else: a default is parsed like a value
 * that the caller gave, and a range is read from its text: "MIN..MAX" of an "int", "L2, IP" of a
 * "choice". A "uint" takes any 64 bits. A "text" takes anything, and its range says what is meant; a
 * "secret" is a text that no message repeats, given as itself, as "env:NAME" or as "file:PATH". */
typedef struct vr_option_table {
    const char *backend;
    const vrec_option *options;
    size_t count; /* at most VR_OPTIONS_MAX */
} vr_option_table;

/* The values of a table's options, in its order. */
typedef struct vr_options {
    const vr_option_table *table;
    int64_t value[VR_OPTIONS_MAX]; /* a number, a uint's bits, or which choice; 0 if unset */
    bool given[VR_OPTIONS_MAX];    /* set by the caller, not by default */
    char text[VR_OPTION_TEXTS_MAX][VR_OPTION_TEXT_MAX]; /* of the texts and secrets, in the table's order */
} vr_options;

void vr_options_init(vr_options *options, const vr_option_table *table);

/* Reads "key=value,key=value". A value with a comma, an equals sign or quotes stands in double quotes,
 * in which a quote is doubled. Changes options only if all of it is right. NULL is nothing. */
vrec_status vr_options_parse(vr_options *options, const char *text, vrec_error *err);

/* The same for the options of one query: only those that a query can set. */
vrec_status vr_options_override(vr_options *options, const char *text, vrec_error *err);

/* The text of option i, a "text" or "secret"; "" if unset. */
const char *vr_options_text(const vr_options *options, size_t i);

/* Sets one. A failed call changes nothing. */
vrec_status vr_options_set(vr_options *options, const char *key, const char *value, vrec_error *err);

/* Number i of a comma-separated list ("L2, IP") into out; false past the last. */
bool vr_list_item(const char *list, size_t i, char out[VR_OPTION_TEXT]);

/* Which of count names is nearest to text, by edit distance without regard to case. */
size_t vr_nearest(const char *text, const char *(*name)(const void *names, size_t i), const void *names,
                  size_t count);

#endif
