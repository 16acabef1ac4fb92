/* The options of a backend: one table, from which the parser, the command's flags, its help and the
 * documentation come. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_OPTIONS_H
#define VR_CORE_OPTIONS_H

#include "base/error.h"
#include "core/words.h"

enum {
    VR_OPTIONS_MAX = 40,
    VR_OPTION_TEXT = VR_WORD,   /* room for a key or a choice */
    VR_OPTION_ONE = 1000000,    /* 1 as a float's value */
    VR_OPTION_TEXTS_MAX = 16,   /* options of a table that hold text */
    VR_OPTION_TEXT_MAX = 512,   /* room for what such an option holds, */
    VR_OPTION_SECRET_MAX = 8192 /* or a secret: some tokens are thousands of bytes long */
};

/* What to tell somebody who writes a word that another library, or another backend, would understand. */
typedef struct vr_hint {
    const char *key;   /* the option of which it is no value; "": it is no option */
    const char *words; /* "cosine, angular" */
    const char *advice;
} vr_hint;

/* An option is what the public header says of it, and nothing else: a default is parsed like a value
 * that the caller gave, and a range is read from its text: "MIN..MAX" of an "int", "L2, IP" of a
 * "choice". A "uint" takes any 64 bits; a "float" is 0 to a whole number at most 1000. A "text" takes
 * anything, and its range says what is meant; a "secret" is a text that no message repeats, given as
 * itself, as "env:NAME" or as "file:PATH". */
typedef struct vr_option_table {
    const char *backend;
    const vrec_option *options;
    size_t count; /* at most VR_OPTIONS_MAX */
    const vrec_option
        *kind;            /* that of them whose value says which kind of index; NULL if there is one kind */
    const char *any_kind; /* the value of it that leaves the kind to the library; NULL if none does */
    const vr_hint *hints;
    size_t hint_count;
} vr_option_table;

/* The values of a table's options, in its order. Owns its texts: vr_options_free() is due. */
typedef struct vr_options {
    const vr_option_table *table;
    int64_t value[VR_OPTIONS_MAX];   /* a number, a uint's bits, a float's millionths, or which choice;
                                        0 if unset */
    bool given[VR_OPTIONS_MAX];      /* set by the caller, not by default; */
    bool by_query[VR_OPTIONS_MAX];   /* by the overrides of one query */
    char *text[VR_OPTION_TEXTS_MAX]; /* of the texts and secrets, in the table's order; NULL: the default */
} vr_options;

void vr_options_init(vr_options *options, const vr_option_table *table);
void vr_options_free(vr_options *options);

/* Reads "key=value,key=value". A value with a comma, an equals sign or quotes stands in double quotes,
 * in which a quote is doubled. Changes options only if all of it is right. NULL is nothing. */
vrec_status vr_options_parse(vr_options *options, const char *text, vrec_error *err);

/* Sets one. A failed call changes nothing. */
vrec_status vr_options_set(vr_options *options, const char *key, const char *value, vrec_error *err);

/* Which of its table an option is; past the last if there is none of that name. */
size_t vr_options_place(const vr_options *options, const char *key);

/* The text of option i, a "text" or "secret"; "" if unset. */
const char *vr_options_text(const vr_options *options, size_t i);

/* ---- Kinds of index ---- */

/* Whether the kind is left to the library. */
bool vr_options_any_kind(const vr_options *options);

/* Whether every option that was given is for the kind of index that they ask for. */
vrec_status vr_options_check_build(const vr_options *options, vrec_error *err);

/* The same for the kind that was found in a file or on a server; NULL where there is only one. Options that
 * count at build alone may be of any kind. */
vrec_status vr_options_check_open(const vr_options *options, const char *kind, vrec_error *err);

/* ---- Queries ---- */

/* What an indexer keeps of its builder's options: the numbers, and those texts that a query may be told.
 * Secrets are not among them. vr_options_free() is due if it succeeds. */
vrec_status vr_options_keep(vr_options *out, const vr_options *given, vrec_error *err);

/* Makes the options of one query: base, and over it the "key=value,key=value" in text, among which may be
 * only what a query can set, and an index of this kind has (NULL: any). Base must outlive them.
 * vr_options_end_query() is due if it succeeds. */
vrec_status vr_options_query(vr_options *out, const vr_options *base, const char *kind, const char *text,
                             vrec_error *err);
void vr_options_end_query(vr_options *options, const vr_options *base);

#endif
