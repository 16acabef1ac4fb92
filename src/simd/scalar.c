/* Plain C: the reference, and the fallback. SPDX-License-Identifier: Apache-2.0 */
#include "simd/simd.h"

#include <string.h>

enum { ROWS = 8, QUERIES = 4, CODE_QUERIES = QUERIES };

static void dot_rows(const vr_stored_f32 *query, const vr_stored_f32 *rows, size_t count, size_t dim,
                     float *out)
{
    for (size_t i = 0; i < count; i++) {
        float sum = 0.0f;
        for (size_t j = 0; j < dim; j++)
            sum += query[j] * rows[i * dim + j];
        out[i] = sum;
    }
}

static void l2_rows(const vr_stored_f32 *query, const vr_stored_f32 *rows, size_t count, size_t dim,
                    float *out)
{
    for (size_t i = 0; i < count; i++) {
        float sum = 0.0f;
        for (size_t j = 0; j < dim; j++) {
            float difference = query[j] - rows[i * dim + j];
            sum += difference * difference;
        }
        out[i] = sum;
    }
}

static const vr_stored_f32 *row_at(const void *rows, size_t stride, uint32_t id)
{
    return (const vr_stored_f32 *)(const void *)((const char *)rows + id * stride);
}

static void dot_ids(const float *query, const void *rows, size_t stride, const uint32_t *ids, size_t count,
                    size_t dim, float *out)
{
    for (size_t i = 0; i < count; i++)
        dot_rows(query, row_at(rows, stride, ids[i]), 1, dim, out + i);
}

static void l2_ids(const float *query, const void *rows, size_t stride, const uint32_t *ids, size_t count,
                   size_t dim, float *out)
{
    for (size_t i = 0; i < count; i++)
        l2_rows(query, row_at(rows, stride, ids[i]), 1, dim, out + i);
}

static void mix(float *values, const float *row, size_t dim, float keep, float take)
{
    for (size_t j = 0; j < dim; j++)
        values[j] = values[j] * keep + row[j] * take;
}

static float add_to_mean(float *values, const float *row, size_t dim, float count, float length)
{
    float more = count + 1.0f, norm = 0.0f;
    for (size_t j = 0; j < dim; j++) {
        values[j] = (values[j] * count + row[j] / length) / more;
        norm += values[j] * values[j];
    }
    return norm;
}

static void pack(const vr_stored_f32 *rows, size_t count, size_t dim, float *panel, float *norms)
{
    for (size_t i = 0; i < ROWS; i++)
        norms[i] = 0.0f;
    for (size_t j = 0; j < dim; j++)
        for (size_t i = 0; i < ROWS; i++) {
            float value = i < count ? rows[i * dim + j] : 0.0f;
            panel[j * ROWS + i] = value;
            norms[i] += value * value;
        }
}

static void tile_sums(const float *queries, const float *panel, size_t dim, const float *bias, float *sums,
                      size_t stride)
{
    for (size_t q = 0; q < QUERIES; q++)
        for (size_t i = 0; i < ROWS; i++)
            sums[q * stride + i] = bias[i];
    for (size_t j = 0; j < dim; j++)
        for (size_t q = 0; q < QUERIES; q++)
            for (size_t i = 0; i < ROWS; i++)
                sums[q * stride + i] += queries[j * QUERIES + q] * panel[j * ROWS + i];
}

static uint32_t tile(const float *queries, const float *panel, size_t dim, const float *bias,
                     const float *floors, uint32_t *masks)
{
    float sums[QUERIES * ROWS];
    uint32_t any = 0;
    tile_sums(queries, panel, dim, bias, sums, ROWS);
    for (size_t q = 0; q < QUERIES; q++) {
        masks[q] = 0;
        for (uint32_t i = 0; i < ROWS; i++)
            masks[q] |= (uint32_t) !(sums[q * ROWS + i] < floors[q]) << i;
        any |= masks[q];
    }
    return any;
}

static size_t passing(const float *values, size_t count, float floor, uint32_t *bits)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t passes = !(values[i] < floor);
        bits[i / 32] = (i % 32 > 0 ? bits[i / 32] : 0) | passes << i % 32;
        found += passes;
    }
    return found;
}

/* The upper bound for query q of count and row i of a block. */
static float code_sum(const vr_code_queries *queries, size_t count, size_t q, const uint8_t *codes,
                      size_t groups, const float *factors, size_t i)
{
    int32_t dot = -queries->offset[q];
    for (size_t g = 0; g < groups; g++)
        for (size_t j = 0; j < 4; j++)
            dot += (int8_t)codes[(g * ROWS + i) * 4 + j] * queries->digits[(g * count + q) * 4 + j];
    return queries->scale[q] * (factors[i] * (float)dot) + queries->length[q] * factors[ROWS + i] +
           factors[2 * ROWS + i];
}

static uint32_t code_masks(const vr_code_queries *queries, size_t count, const uint8_t *codes,
                           size_t groups, const float *factors, const float *floors, uint32_t *masks)
{
    uint32_t any = 0;
    for (size_t q = 0; q < count; q++) {
        masks[q] = 0;
        for (size_t i = 0; i < ROWS; i++)
            masks[q] |= (uint32_t) !(code_sum(queries, count, q, codes, groups, factors, i) < floors[q])
                        << i;
        any |= masks[q];
    }
    return any;
}

static uint32_t code_one(const vr_code_queries *queries, const uint8_t *codes, size_t groups,
                         const float *factors, const float *floors, uint32_t *masks)
{
    return code_masks(queries, 1, codes, groups, factors, floors, masks);
}

static void code_sums(const vr_code_queries *query, const uint8_t *codes, size_t groups,
                      const float *factors, float *sums)
{
    for (size_t i = 0; i < ROWS; i++)
        sums[i] = code_sum(query, 1, 0, codes, groups, factors, i);
}

static uint32_t code_tile(const vr_code_queries *queries, size_t count, const uint8_t *codes, size_t groups,
                          const float *factors, const float *floors, uint32_t *masks)
{
    (void)count;
    return code_masks(queries, QUERIES, codes, groups, factors, floors, masks);
}

static void code_tile_sums(const vr_code_queries *queries, size_t count, const uint8_t *codes,
                           size_t groups, const float *factors, float *sums, size_t stride)
{
    for (size_t q = 0; q < count; q++)
        for (size_t i = 0; i < ROWS; i++)
            sums[q * stride + i] = code_sum(queries, QUERIES, q, codes, groups, factors, i);
}

static void code_ids(const vr_code_queries *query, const uint8_t *records, size_t lines,
                     const uint32_t *ids, size_t count, float *out)
{
    size_t bytes = lines * 64;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *row = records + ids[i] * bytes;
        int32_t dot = -query->offset[0];
        float f[4];
        memcpy(f, row + bytes - sizeof f, sizeof f);
        for (size_t j = 0; j < bytes - sizeof f; j++)
            dot += (int8_t)row[j] * query->digits[j];
        out[i] =
            query->scale[0] * (f[0] * (float)dot) + query->length[0] * f[1] + query->rest[0] * f[2] + f[3];
    }
}

static void nibble_ids(const vr_code_queries *query, const uint8_t *records, size_t lines,
                       const uint32_t *ids, size_t count, float *out)
{
    size_t bytes = lines * 64;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *row = records + ids[i] * bytes;
        int32_t dot = -query->offset[0];
        float f[2];
        memcpy(f, row + bytes - sizeof f, sizeof f);
        for (size_t j = 0; j < bytes; j++)
            dot += (row[j] & 15) * query->digits[j] + (row[j] >> 4) * query->digits[bytes + j];
        out[i] = query->scale[0] * (f[0] * (float)dot) + f[1];
    }
}

enum { CODE_MAX = 127, CODE_BIAS = 0, DIGIT_MAX = 127 };
#define TABLE      vr_simd_scalar
#define TABLE_NAME "scalar"
#include "simd/table.h"
