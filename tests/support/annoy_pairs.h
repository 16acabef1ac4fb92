/* Forests with codes and without, of the same file, and what to ask them. SPDX-License-Identifier:
 * Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_ANNOY_PAIRS_H
#define VR_TESTS_SUPPORT_ANNOY_PAIRS_H

#include "support/annoy_sample.h"
#include "support/random.h"

#include "annoy/codes.h"

#include <math.h>

enum { ROWS = 700, QUERIES = 24, DIM_MAX = 130, TOP_K_MAX = 800, DIMS = 6, KINDS = 4, VALUES = 9 };

typedef struct forest_kind {
    const char *options;
    vr_annoy_metric metric;
    bool current;
} forest_kind;

extern const size_t dims[DIMS];
extern const forest_kind kinds[KINDS];

/* What forests are built over, and asked for; draw_values() fills them. */
extern float items[ROWS * DIM_MAX], queries[QUERIES * DIM_MAX];

/* Threads of the queries with codes. */
extern int coded_threads;

/* Items of one kind, and queries of another; every third query is an item. */
void draw_values(size_t i, size_t q, size_t dim);

forest_file file_of(size_t kind, size_t dim);

const vr_records *codes_of(const vrec_indexer *indexer);
vr_annoy *forest_of(const vrec_indexer *indexer);

/* Asks until the codes are there. */
void warm(vrec_indexer *indexer);

void compare_file(const forest_file *file, size_t kind, size_t dim, const char *what);

#endif
