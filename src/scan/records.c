/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/records.h"

#include "base/memory.h"

#include <string.h>

enum { LINE = 64 };
enum { SCALE, ERROR, LENGTH, BIAS, FACTORS };

vr_records *vr_records_create(const vr_simd *simd, size_t count, size_t dim, int digit_max)
{
    size_t lines = vr_record_bytes(dim) / LINE;
    vr_records *records = dim <= VR_CODES_DIM_MAX ? vr_alloc(1, sizeof *records) : NULL;
    if (!records)
        return NULL;
    *records = (vr_records){ .simd = simd, .dim = dim, .lines = lines, .digit_max = digit_max };
    records->bytes = vr_alloc(count, lines * LINE);
    if (!records->bytes) {
        vr_free(records);
        return NULL;
    }
    return records;
}

void vr_records_free(vr_records *records)
{
    if (records)
        vr_free(records->bytes);
    vr_free(records);
}

/* Adds the kernel's bias to the digits that stand in the record, and puts the factors behind them. */
static void finish(const vr_records *records, uint8_t *record, const float factors[FACTORS])
{
    for (size_t j = 0; j < records->dim; j++)
        record[j] = (uint8_t)(record[j] + records->simd->code_bias);
    memcpy(record + records->lines * LINE - FACTORS * sizeof *factors, factors, FACTORS * sizeof *factors);
}

static uint8_t *clear(vr_records *records, size_t row)
{
    return memset(records->bytes + row * records->lines * LINE, 0, records->lines * LINE);
}

void vr_records_put(vr_records *records, size_t row, const float *x, float norm, float weight, float bias)
{
    uint8_t *record = clear(records, row);
    vr_coded c = vr_encode(x, records->dim, norm, records->digit_max, (int8_t *)record);
    float more = weight * (1.0f + 0x1p-20f);
    const float factors[FACTORS] = { [SCALE] = c.scale * weight,
                                     [ERROR] = (c.error + 0x1p-19f * c.length) * more,
                                     [LENGTH] = c.length * more,
                                     [BIAS] = bias };
    finish(records, record, factors);
}

void vr_records_put_bias(vr_records *records, size_t row, float bias)
{
    const float factors[FACTORS] = { [BIAS] = bias };
    finish(records, clear(records, row), factors);
}

void vr_records_query(const vr_records *records, const float *query, int8_t *digits, vr_code_queries *coded)
{
    memset(digits, 0, records->lines * LINE);
    vr_encode_query(records->simd, query, records->dim, 0, digits, coded);
    coded->digits = digits;
}
