/* What an exact search must answer, found the simplest way: the distance to every item, one at a time,
 * and a sort. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_FLAT_ORACLE_H
#define VR_TESTS_SUPPORT_FLAT_ORACLE_H

#include "base/memory.h"
#include "core/matrix.h"
#include "faiss/flat/flat.h"
#include "simd/simd.h"
#include "support/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct problem {
    vr_metric metric;
    size_t rows, dim, queries, top_k;
    const float *items, *vectors;
    const int64_t *exclude_offsets, *exclude_ids; /* for all queries alike if there are no offsets */
    size_t exclude_count;
    const uint8_t *allow; /* or NULL */
    size_t allow_stride;
} problem;

typedef struct answers {
    int64_t *ids;
    float *distances;
    int64_t *counts;
} answers;

/* ---- Values ---- */

float *new_floats(size_t count);

float *new_reals(size_t count, float scale);

/* From -3 to 3, some zeros negative: sums are exact in any order, and ties abound. */
float *new_integers(size_t count);

/* ---- Distances ---- */

typedef float (*distance_function)(vr_metric metric, const float *a, const float *b, size_t dim);

/* What the library promises to report. */
float by_row_kernel(vr_metric metric, const float *a, const float *b, size_t dim);

/* The truth, if the values are integers. */
float in_double(vr_metric metric, const float *a, const float *b, size_t dim);

/* ---- Answers ---- */

void free_answers(answers *a);

answers expect_answers(const problem *p, distance_function distance);

/* An index over the items as they are, also those that only a file could bring. */
vrec_indexer *new_indexer(const problem *p, bool wants_codes);

/* Asks for all queries, batch of them at a time. matrix: the problem's, in any form. */
answers ask(const vrec_indexer *indexer, const problem *p, const vrec_matrix *matrix, size_t batch,
            int32_t threads);

void assert_same_answers(const problem *p, const answers *expected, const answers *got, const char *what);

/* Asks once and compares. */
void assert_answers(const vrec_indexer *indexer, const problem *p, const answers *expected, size_t batch,
                    int32_t threads, const char *what);

/* Asks in one batch and one by one, an index without codes and one with, and compares with the distances
 * given. */
void assert_solved(const problem *p, distance_function distance, const char *what);

#endif
