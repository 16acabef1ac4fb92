/* Lists of words, as the tables of options have them, and the word that was probably meant.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_WORDS_H
#define VR_CORE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

enum { VR_WORD = 64 }; /* room for a key, a choice or a kind */

/* Number i of a comma-separated list ("L2, IP") into out; false past the last. */
bool vr_list_item(const char *list, size_t i, char out[VR_WORD]);

/* Whether word is in the list, without regard to case. */
bool vr_list_has(const char *list, const char *word);

/* The search for the word that text was probably meant to be. A word that is more than a slip or two away
 * is none: a wrong guess misleads more than no guess. */
typedef struct vr_guess {
    const char *text;
    const char *word; /* the nearest so far; NULL while there is none */
    size_t within;    /* only a word with at most this distance is nearer */
} vr_guess;

vr_guess vr_guess_start(const char *text);

/* Compares with one spelling, which stands for word. */
void vr_guess_try(vr_guess *guess, const char *spelling, const char *word);

#endif
