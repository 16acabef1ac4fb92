/* Distance kernels, one table per instruction set. Pure functions: no allocation, no state.
 *
 * The row kernels give the distances that callers see. One pair's value has the same bits whatever rows
 * stand beside it, so that every path that reports distances through them agrees.
 *
 * The tile kernel gives no distances, only who may be near: it compares many queries with many rows
 * from data laid out for it, and answers one bit per pair. Its rounding differs from the row kernels',
 * so its callers leave room for that in the floor (scan/bound.h) and ask a row kernel about every
 * pair it lets through.
 *
 * Values of type vr_stored_f32 need no alignment, others that of a float. Nothing is read past the given
 * rows.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_SIMD_SIMD_H
#define VR_SIMD_SIMD_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { VR_TILE_ROWS_MAX = 32, VR_TILE_QUERIES_MAX = 16 };

/* Added to a 4-bit digit, within -VR_NIBBLE_MAX..VR_NIBBLE_MAX, before it is stored. */
enum { VR_NIBBLE_MAX = 7, VR_NIBBLE_BIAS = 8 };

/* One query as the code kernels want it, or several that they compare at once: each is scale * digits plus
 * a rest that the digits don't express, as scan/encode.h explains. */
typedef struct vr_code_queries {
    const int8_t *digits;                /* [group][query][4], or [query][group][4] if the table is whole */
    int32_t offset[VR_TILE_QUERIES_MAX]; /* code_bias times the sum of the digits: to be taken off again */
    float scale[VR_TILE_QUERIES_MAX];
    float length[VR_TILE_QUERIES_MAX]; /* at least the length of scale * digits */
    float rest[VR_TILE_QUERIES_MAX];   /* at least that of what the digits leave, and for rounding */
} vr_code_queries;

typedef struct vr_simd {
    const char *name;
    size_t tile_rows;    /* of a panel; at most VR_TILE_ROWS_MAX */
    size_t tile_queries; /* of a query block; at most VR_TILE_QUERIES_MAX */

    /* out[i] = sum over j of query[j] * rows[i * dim + j] */
    void (*dot_rows)(const vr_stored_f32 *query, const vr_stored_f32 *rows, size_t count, size_t dim,
                     float *out);

    /* out[i] = sum over j of (query[j] - rows[i * dim + j])^2 */
    void (*l2_rows)(const vr_stored_f32 *query, const vr_stored_f32 *rows, size_t count, size_t dim,
                    float *out);

    /* The same of rows that stand apart: row i is ids[i] * stride bytes past rows. A pair's value has the
     * bits that it has in dot_rows and l2_rows. Values are vr_stored_f32. */
    void (*dot_ids)(const float *query, const void *rows, size_t stride, const uint32_t *ids, size_t count,
                    size_t dim, float *out);
    void (*l2_ids)(const float *query, const void *rows, size_t stride, const uint32_t *ids, size_t count,
                   size_t dim, float *out);

    /* values[j] = values[j] * keep + row[j] * take */
    void (*mix)(float *values, const float *row, size_t dim, float keep, float take);

    /* values[j] = (values[j] * count + row[j] / length) / (count + 1), every operation rounded: the mean of
     * count vectors and one more. Returns the sum of the new squares, as dot_rows has it or nearly so. */
    float (*add_to_mean)(float *values, const float *row, size_t dim, float count, float length);

    /* Lays out count <= tile_rows rows as a panel: panel[j * tile_rows + i] = rows[i * dim + j], zero
     * for missing rows; norms[i] = the squared norm of row i, for all tile_rows. */
    void (*pack)(const vr_stored_f32 *rows, size_t count, size_t dim, float *panel, float *norms);

    /* Bit i of masks[q]: unless bias[i] + dot(query q, row i) < floors[q], so that NaN passes. queries
     * is laid out as queries[j * tile_queries + q]. Returns the union of the masks. */
    uint32_t (*tile)(const float *queries, const float *panel, size_t dim, const float *bias,
                     const float *floors, uint32_t *masks);

    /* The sums themselves, that of query q and row i at sums[q * stride + i]; all tile_queries times
     * tile_rows of them. Added up as tile adds. */
    void (*tile_sums)(const float *queries, const float *panel, size_t dim, const float *bias, float *sums,
                      size_t stride);

    /* Bit i % 32 of bits[i / 32]: unless values[i] < floor, so that NaN passes; bits past count are 0.
     * Returns how many pass. */
    size_t (*passing)(const float *values, size_t count, float floor, uint32_t *bits);

    /* A thread calls begin() before code_tile and code_tile_sums, and end() when it needs them no more: AMX
     * has to be told the shapes of what it multiplies, which is a state of the thread. In between all calls
     * of the two are for so many groups; other kernels may be called, too. Every begin() wants its end()
     * before the next. Other tables do nothing here. */
    void (*begin)(size_t groups);
    void (*end)(void);

    /* May these rows be near enough to these queries? code_one compares one query, code_tile the first
     * count of code_queries, with a block of tile_rows rows that are given as digits:
     *
     * - codes[(g * tile_rows + i) * 4 + j] is digit 4 g + j of row i, plus code_bias. g is below groups,
     *   which is even.
     * - factors has three numbers of every row, tile_rows of each: its scale; its error, at least the
     *   length of what the digits leave; and its bias, which is added to the product.
     *
     * Bit i of masks[q] is 0 only if the sum
     *
     *     scale[q] * scale(i) * dot + length[q] * error(i) + bias(i)
     *
     * is below floors[q], dot being the sum of the digits' products. With rest[q] times the row's length it
     * would be an upper bound of product and bias: that much is to be taken off the floor beforehand.
     * Returns the union of the masks.
     *
     * code_tile always gets code_queries queries and floors, and room for as many masks. Those from count
     * on aren't compared: their digits may be anything, their other numbers anything finite, and what their
     * masks say means nothing. Their floors are to be +Inf, so that the union says little of them; it
     * may say that something passes where nothing does. */
    uint32_t (*code_one)(const vr_code_queries *queries, const uint8_t *codes, size_t groups,
                         const float *factors, const float *floors, uint32_t *masks);
    uint32_t (*code_tile)(const vr_code_queries *queries, size_t count, const uint8_t *codes, size_t groups,
                          const float *factors, const float *floors, uint32_t *masks);

    /* The sums themselves. code_sums: of one query and a block's tile_rows rows, in order.
     * code_tile_sums: of the first count queries, that of query q and row i at sums[q * stride + i]. There
     * is room for all code_queries, and what is written from query count on means nothing. */
    void (*code_sums)(const vr_code_queries *query, const uint8_t *codes, size_t groups,
                      const float *factors, float *sums);
    void (*code_tile_sums)(const vr_code_queries *queries, size_t count, const uint8_t *codes,
                           size_t groups, const float *factors, float *sums, size_t stride);

    /* Upper bounds for one query and rows that stand apart, each in a record of its own: row i at records +
     * ids[i] * lines * 64, its digits, plus code_bias, from the start, and four factors in the last 16
     * bytes: scale, error, length and bias. rest[0] * length(i) is in these sums, too. The query has a
     * digit for each byte of a record, 0 where the record has none. */
    void (*code_ids)(const vr_code_queries *query, const uint8_t *records, size_t lines,
                     const uint32_t *ids, size_t count, float *out);

    /* The same with records of 4-bit digits and two factors, scale and bias, in the last 8 bytes:
     * out[i] = scale * scale(i) * dot + bias(i). A record's byte has one digit, plus VR_NIBBLE_BIAS, in its
     * lower half and another in its upper one. The query has twice lines * 64 digits, within -127..127:
     * those for the lower halves, then those for the upper ones, 0 where a record has none. */
    void (*nibble_ids)(const vr_code_queries *query, const uint8_t *records, size_t lines,
                       const uint32_t *ids, size_t count, float *out);

    size_t code_queries; /* at most VR_TILE_QUERIES_MAX */
    size_t code_few;     /* for fewer queries, code_one for each is faster than code_tile */
    bool whole;          /* how code_tile wants digits: query by query; else group by group */
    int code_max;        /* a digit of a row is within -code_max..code_max */
    int code_bias;       /* added to it before it is stored in a byte */
    int digit_max;       /* a digit of a query is within -digit_max..digit_max */
} vr_simd;

/* The table in use: the best for this machine, or what the environment's VREC_CPU asks for if the
 * machine has it. Decided once. */
const vr_simd *vr_simd_get(void);

/* Table number i that this machine can run, worst first; NULL past the last. */
const vr_simd *vr_simd_at(size_t i);

/* Where a build for this processor has them. */
extern const vr_simd vr_simd_scalar, vr_simd_avx2, vr_simd_avx512, vr_simd_amx, vr_simd_neon;

/* Where the 4 digits of a group of query q are, for a kernel that takes width queries (1 or code_queries)
 * of so many groups. */
static inline size_t vr_digits_at(const vr_simd *simd, size_t group, size_t groups, size_t q, size_t width)
{
    return (simd->whole ? q * groups + group : group * width + q) * 4;
}

/* Puts a query's groups * 4 digits, which stand together, where such a kernel wants those of query q. */
static inline void vr_put_digits(const vr_simd *simd, const int8_t *plain, size_t groups, size_t q,
                                 size_t width, int8_t *digits)
{
    if (simd->whole) {
        memcpy(digits + q * groups * 4, plain, groups * 4);
        return;
    }
    for (size_t g = 0; g < groups; g++)
        memcpy(digits + vr_digits_at(simd, g, groups, q, width), plain + g * 4, 4);
}

#endif
