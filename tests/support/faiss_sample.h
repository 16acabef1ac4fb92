/* A small index, as a file and in memory. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_FAISS_SAMPLE_H
#define VR_TESTS_SUPPORT_FAISS_SAMPLE_H

#include "vrec/vrec.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

/* What faiss.write_index gives for three rows of two values: (-5, -2), (2, 5), (-2, 1). */
enum { ROWS = 3, DIM = 2, HEADER = 45, SIZE = HEADER + ROWS * DIM * 4 };
static const float rows[ROWS * DIM] = { -5, -2, 2, 5, -2, 1 };
#define SAMPLE(type, metric)                                                                               \
    type "\2\0\0\0\3\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x10\0\0\0\0\0\1" metric "\0\0\0\6\0\0\0\0\0\0\0"  \
         "\0\0\xa0\xc0\0\0\0\xc0\0\0\0\x40\0\0\xa0\x40\0\0\0\xc0\0\0\x80\x3f"
static const char l2_file[] = SAMPLE("IxF2", "\1"), ip_file[] = SAMPLE("IxFI", "\0");

vrec_builder *new_builder(const char *options);

vrec_status open_index(const char *path, const char *options, const vrec_progress *progress,
                       vrec_indexer **out, vrec_error *err);

vrec_indexer *open_good(const char *path);

vrec_indexer *build(const char *options);

/* One query, whose answers are known for the sample's rows. */
void assert_sample_answers(const vrec_indexer *indexer, bool ip);

#endif
