/* Indexes that are asked, also while they change. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_MEANWHILE_H
#define VR_TESTS_SUPPORT_MEANWHILE_H

#include "vrec/vrec.h"

#include <stdbool.h>

enum { ONLOOKERS = 3 };

/* What a file of faiss holds. options: NULL for none. */
vrec_indexer *open_file(const char *path, const char *options);

/* Whether an index answers; ids: queries->rows x top_k. */
bool find_ids(const vrec_indexer *indexer, const vrec_matrix *queries, size_t top_k, int64_t *ids);

/* Threads, by their numbers below ONLOOKERS, look again and again while change() runs, and once after it;
 * fails if one of them says that what it saw was wrong. */
void change_meanwhile(void (*change)(void), bool (*look)(size_t onlooker));

#endif
