/* Queries that are compared together, laid out as the kernels want them.
 *
 * A wave is as many queries as fit the caches. It is readied by one thread, and then read by all:
 *
 *     vr_wave_plan      decides how rows and queries are compared, and so what is needed of a query
 *     vr_wave_place     divides memory for it
 *     for every wave:   count = 0; vr_wave_add for each query; vr_wave_lay_out
 *
 * Where rows stand in lists, and each list is compared with other queries, these are readied once as
 * vr_queries, and vr_wave_gather makes a wave of some of them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_SCAN_WAVE_H
#define VR_SCAN_WAVE_H

#include "core/metric.h"
#include "scan/blocks.h"
#include "simd/simd.h"

#include <stdint.h>

/* Rows to be compared with queries. */
typedef struct vr_rows {
    const vr_stored_f32 *values; /* count x dim, packed */
    size_t count, dim;
    vr_metric metric;
    const vr_blocks *blocks; /* the same rows as digits, from first_block on; or NULL */
    size_t first_block;
    const uint32_t *numbers; /* what rows are called in keys and by filters; NULL: 0, 1, 2... */
} vr_rows;

/* How rows are compared with queries; scan.c says more. */
typedef enum vr_way { VR_BY_ROWS, VR_BY_PANELS, VR_BY_BLOCKS } vr_way;

typedef struct vr_wave {
    const vr_simd *simd;
    const vr_blocks *blocks; /* what digits are laid out for; NULL unless the way is by blocks */
    vr_way way;
    vr_metric metric;
    size_t dim;
    size_t width; /* queries that one kernel call compares */
    size_t room;  /* queries at the most, a multiple of width */

    size_t count;
    bool narrow;            /* by blocks: all are compared one by one */
    size_t wide;            /* by blocks: those that are compared width at a time; the rest, one by one */
    size_t *query_of;       /* the caller's number for each of them, which its filter knows */
    float *vectors;         /* room x dim, where they are added */
    const float **at;       /* where each of them is: there, or in what the wave was gathered from */
    float *norms;           /* |q|^2 */
    float *reaches;         /* by how much a floor sinks per |x|: by panels for IP, by blocks always */
    float *panels;          /* by panels: the vectors as the tile kernel wants them, width at a time */
    vr_code_queries *coded; /* by blocks: of width queries each, then of one each */
    int8_t *digits;
} vr_wave;

/* For so many queries in all, of which at most room at a time. The rows that the wave will be compared with
 * are these or others of their dim, metric and form of blocks. */
void vr_wave_plan(vr_wave *wave, const vr_rows *rows, size_t queries, size_t room);

/* Gives the wave its part of a block of memory from *end on, and moves *end past it. With base 0 it only
 * measures. */
void vr_wave_place(vr_wave *wave, uintptr_t base, size_t *end);

/* Where the next query's vector is to be written before it is added. */
static inline float *vr_wave_next(const vr_wave *wave)
{
    return wave->vectors + wave->count * wave->dim;
}

/* Adds the finite vector that stands at vr_wave_next(). */
void vr_wave_add(vr_wave *wave, size_t query);

/* Lays out what has been added. */
void vr_wave_lay_out(vr_wave *wave);

/* The queries from b on that one kernel call compares, as it wants them. b is where such queries begin. */
static inline const vr_code_queries *vr_wave_coded(const vr_wave *wave, size_t b)
{
    size_t wide = wave->wide, width = wave->width;
    return &wave->coded[b < wide ? b / width : wide / width + b - wide];
}

/* By blocks, what a thread calls before it compares these queries, and after: the table's begin() and
 * end(), if a tile kernel is asked at all. */
static inline void vr_wave_begin(const vr_wave *wave)
{
    if (wave->wide > 0)
        wave->simd->begin(wave->blocks->groups);
}

static inline void vr_wave_end(const vr_wave *wave)
{
    if (wave->wide > 0)
        wave->simd->end();
}

/* Puts the sums of digits (simd.h's code_sums) of a block of rows and the queries from b on that one kernel
 * call compares: query b + i's from sums[i * stride] on. Returns how many queries these were, so that the
 * next call's begin there. There is room for those of width queries. Between
 * vr_wave_begin() and vr_wave_end(). */
size_t vr_wave_sums(const vr_wave *wave, size_t b, const uint8_t *digits, const float *factors, float *sums,
                    size_t stride);

/* Such a sum of query q, less the row's bias, is the inner product and something that is the same for all
 * rows, give or take this and rounding. rows: of all of them. */
float vr_wave_error(const vr_wave *wave, size_t q, vr_worst rows);

/* One query's part of a vr_code_queries. */
typedef struct vr_query_code {
    int32_t offset;
    float scale, length;
} vr_query_code;

/* Queries from which waves are gathered. */
typedef struct vr_queries {
    const vr_simd *simd;
    const vr_blocks *blocks; /* NULL: there are no digits */
    vr_metric metric;
    size_t dim;
    const float *vectors; /* dim values each: their owner's */
    float *norms, *reaches;
    int8_t *digits; /* blocks->groups * 4 of each */
    vr_query_code *codes;
} vr_queries;

/* Gives all but the vectors room for so many queries, as vr_wave_place(). rows: as vr_wave_plan(). */
void vr_queries_place(vr_queries *queries, const vr_rows *rows, size_t room, uintptr_t base, size_t *end);

/* Readies query q, whose vector is there, and finite. */
void vr_queries_ready(vr_queries *queries, size_t q);

/* Makes the wave one of count of these queries, laid out. The caller's number for each is what is picked,
 * plus first. */
void vr_wave_gather(vr_wave *wave, const vr_queries *from, const uint32_t *picked, size_t count,
                    size_t first);

#endif
