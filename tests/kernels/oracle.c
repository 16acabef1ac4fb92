/* SPDX-License-Identifier: Apache-2.0 */
#include "oracle.h"

#include "support/random.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* ---- What is allowed ----
 *
 * Finite: within (dim + 8) * 2^-24 of the sum of the terms' absolute values (Higham 2002, section 3.1;
 * 8 leaves room for the difference in L2, the bias, and the oracle's own rounding), and half a denormal
 * for every product that underflows.
 *
 * Infinite: only if the terms of that sign alone can pass FLT_MAX on the way; NaN if both signs can, as
 * Inf - Inf.
 *
 * An Inf or NaN among the inputs gives what IEEE 754 says, which double precision shows: NaN for NaN,
 * Inf * 0 and Inf - Inf; else Inf of that sign, or NaN if the finite terms can overflow against it. */

range allowed(exact sum, size_t dim)
{
    double rounding = ((double)dim + 8.0) * (0x1p-24 * (sum.positive - sum.negative) + 0x1p-149);
    bool overflows_up = sum.positive + rounding > (double)FLT_MAX;
    bool overflows_down = -sum.negative + rounding > (double)FLT_MAX;
    if (isnan(sum.value))
        return (range){ .low = INFINITY, .high = -INFINITY, .nan = true };
    if (isinf(sum.value))
        return (range){ sum.value, sum.value, .nan = sum.value > 0 ? overflows_down : overflows_up };
    return (range){ .low = overflows_down ? -INFINITY : sum.value - rounding,
                    .high = overflows_up ? INFINITY : sum.value + rounding,
                    .nan = overflows_up && overflows_down };
}

bool allows(range r, float value)
{
    return isnan(value) ? r.nan : (double)value >= r.low && (double)value <= r.high;
}

static void add(exact *sum, double term)
{
    sum->value += term;
    if (isfinite(term))
        *(term > 0 ? &sum->positive : &sum->negative) += term;
}

static exact exact_dot(const float *a, const float *b, size_t dim, float bias)
{
    exact sum = { 0 };
    add(&sum, (double)bias);
    for (size_t j = 0; j < dim; j++)
        add(&sum, (double)a[j] * (double)b[j]);
    return sum;
}

static exact exact_l2(const float *a, const float *b, size_t dim)
{
    exact sum = { 0 };
    for (size_t j = 0; j < dim; j++) {
        double difference = (double)a[j] - (double)b[j];
        add(&sum, difference * difference);
    }
    return sum;
}

/* ---- Values ---- */

typedef enum arrangement {
    AS_DRAWN,
    CANCELLING, /* products come in pairs that add up to zero */
    NEAR        /* rows hardly differ from the first query */
} arrangement;

/* Mantissas are random, signs too, exponents from low..high; one value in special_in is a special. */
typedef struct kind {
    const char *name;
    int low, high;
    arrangement arrangement;
    unsigned special_in, special_count;
    float specials[6];
} kind;

static const kind kinds[] = {
    { .name = "usual", .low = -4, .high = 0 },
    { .name = "wide", .low = -40, .high = 40 },
    { .name = "large", .low = 40, .high = 56 },
    { .name = "tiny", .low = -80, .high = -60 },
    { .name = "cancelling", .low = -10, .high = 10, .arrangement = CANCELLING },
    { .name = "near", .low = -10, .high = 10, .arrangement = NEAR },
    { "zero", -4, 0, AS_DRAWN, 2, 2, { 0.0f, -0.0f } },
    { "denormal", -149, -127, AS_DRAWN, 4, 4, { 1.0f, -3.0f, 1e30f, FLT_MIN } },
    { "overflowing", 60, 127, AS_DRAWN, 8, 3, { FLT_MAX, -FLT_MAX, 1.0f } },
    { "one-signed overflow", 62, 63, NEAR, 8, 2, { FLT_MAX, 0x1p64f } },
    { "infinite", -4, 0, AS_DRAWN, 60, 6, { INFINITY, -INFINITY, 0.0f, -0.0f, FLT_MAX, -FLT_MAX } },
    { "NaN", -4, 0, AS_DRAWN, 100, 1, { NAN } },
};

static float draw_value(const kind *k, uint64_t *state)
{
    uint64_t r = next_random(state);
    if (k->special_in > 0 && r % k->special_in == 0)
        return k->specials[(r >> 32) % k->special_count];
    float mantissa = 1.0f + (float)(r >> 41) * 0x1p-23f;
    int exponent = k->low + (int)((r >> 8 & 0xffff) % (unsigned)(k->high - k->low + 1));
    return ldexpf(r & 1 ? -mantissa : mantissa, exponent);
}

static void arrange(sample *s, const kind *k)
{
    size_t dim = s->dim;
    for (size_t j = 0; k->arrangement == CANCELLING && j + 1 < dim; j += 2) {
        for (size_t q = 0; q < VR_TILE_QUERIES_MAX; q++)
            s->queries[q * dim + j + 1] = s->queries[q * dim + j];
        for (size_t i = 0; i < SAMPLE_ROWS; i++)
            s->rows[i * dim + j + 1] = -s->rows[i * dim + j];
    }
    for (size_t i = 0; k->arrangement == NEAR && i < SAMPLE_ROWS * dim; i++)
        s->rows[i] = s->queries[i % dim] + ldexpf(s->rows[i], -12);
}

bool sample_init(sample *s)
{
    s->queries = malloc(sizeof(float[VR_TILE_QUERIES_MAX][SAMPLE_DIM_MAX]));
    s->rows = malloc(sizeof(float[SAMPLE_ROWS][SAMPLE_DIM_MAX]));
    return s->queries && s->rows;
}

bool sample_draw(sample *s, size_t dim, size_t which)
{
    uint64_t state = (uint64_t)dim << 32 | which;
    if (which >= sizeof kinds / sizeof kinds[0])
        return false;
    const kind *k = &kinds[which];
    s->kind = k->name;
    s->dim = dim;
    for (size_t i = 0; i < VR_TILE_QUERIES_MAX * dim; i++)
        s->queries[i] = draw_value(k, &state);
    for (size_t i = 0; i < SAMPLE_ROWS * dim; i++)
        s->rows[i] = draw_value(k, &state);
    for (size_t i = 0; i < VR_TILE_ROWS_MAX; i++)
        s->bias[i] = draw_value(k, &state);
    arrange(s, k);
    for (size_t i = 0; i < SAMPLE_ROWS; i++) {
        const float *row = s->rows + i * dim;
        s->dot[i] = exact_dot(s->queries, row, dim, 0.0f);
        s->l2[i] = exact_l2(s->queries, row, dim);
        s->norm[i] = exact_dot(row, row, dim, 0.0f);
        for (size_t q = 0; q < VR_TILE_QUERIES_MAX && i < VR_TILE_ROWS_MAX; q++)
            s->sums[q][i] = exact_dot(s->queries + q * dim, row, dim, s->bias[i]);
    }
    return true;
}
