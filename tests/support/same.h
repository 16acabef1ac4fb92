/* Whether two indexes are one and the same. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_SAME_H
#define VR_TESTS_SUPPORT_SAME_H

#include "vrec/vrec.h"

#include <stddef.h>

/* Files, facts and numbers of rows are. Saves both, to where it is. */
void assert_same(const vrec_indexer *a, const vrec_indexer *b);

/* What a file holds, to be freed, and its size. */
char *file_content(const char *path, size_t *size);

#endif
