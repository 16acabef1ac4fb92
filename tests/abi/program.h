/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_ABI_PROGRAM_H
#define VR_TESTS_ABI_PROGRAM_H

#include <vrec/vrec.h>

enum { ITEMS = 5, DIM = 2 };
extern const float items[ITEMS * DIM];

/* Ends the program unless it is right. */
void check(int right, const char *what);

vrec_indexer *build_indexer(void);

/* What this version of the program knows beyond the others: nothing (same.c), or fields that the library
 * has never heard of (later.c). */
void ask_for_more(const vrec_indexer *indexer);

#endif
