/* Inputs for the kernels, and what their answers may be. SPDX-License-Identifier: Apache-2.0 */
#ifndef KERNELS_ORACLE_H
#define KERNELS_ORACLE_H

#include "simd/simd.h"

#include <stdbool.h>

enum { SAMPLE_ROWS = 64, SAMPLE_DIM_MAX = 4099 };

/* A sum in double precision, whose terms are exact there or nearly so. */
typedef struct exact {
    double value;
    double positive, negative; /* the sums of its finite terms above and below zero */
} exact;

/* What a float32 sum may be: NaN if nan, else within low..high. */
typedef struct range {
    double low, high;
    bool nan;
} range;

typedef struct sample {
    const char *kind;
    size_t dim;
    float *queries; /* VR_TILE_QUERIES_MAX x dim; the row kernels use the first */
    float *rows;    /* SAMPLE_ROWS x dim */
    float bias[VR_TILE_ROWS_MAX];
    exact dot[SAMPLE_ROWS], l2[SAMPLE_ROWS], norm[SAMPLE_ROWS];
    exact sums[VR_TILE_QUERIES_MAX][VR_TILE_ROWS_MAX]; /* bias + dot */
} sample;

/* Memory for any dim up to SAMPLE_DIM_MAX; false if there is none. */
bool sample_init(sample *s);

/* Draws values of one kind, the same for the same kind and dim, and finds the exact sums. False past the
 * last kind. */
bool sample_draw(sample *s, size_t dim, size_t kind);

/* What a float32 sum of dim products or squares, in any order, with or without FMA, may be: */
range allowed(exact sum, size_t dim);
bool allows(range r, float value);

#endif
