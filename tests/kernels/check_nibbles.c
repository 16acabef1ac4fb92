/* The kernel for records of 4-bit digits, against integer sums: digits at the ends of their ranges and
 * random ones, every argument flush against unreadable pages, sums with the same bits on every instruction
 * set. SPDX-License-Identifier: Apache-2.0 */
#include "check_nibbles.h"

#include "guard.h"

#include <stdio.h>
#include <string.h>

enum {
    LINE = 64,
    RECORDS = 50,
    IDS_MAX = 70,
    DIM_MAX = 4099,
    KINDS = 4,
    MEMORIES = 4,
    QUERY_MAX = 127,
    FACTORS = 2
};

typedef struct call {
    const vr_simd *simd;
    size_t dim, lines, count, place;
    vr_code_queries query;
    uint8_t *records;
    int8_t *digits;
    uint32_t *ids;
    float *sums;
} call;

static uint32_t state = 1;

static uint32_t draw(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static float draw_float(void)
{
    return (float)draw() / 16777216.0f;
}

/* Of kind 0 any, else at one end or the other: the sums of products that are the largest. */
static int draw_digit(int max, size_t kind, size_t at)
{
    if (kind == 0)
        return (int)(draw() % (uint32_t)(2 * max + 1)) - max;
    return kind == 1 ? max : kind == 2 ? -max : at % 2 ? max : -max;
}

/* Halves of bytes that have no digit are anything: the query has zeros there. */
static void fill(call *c, size_t kind)
{
    size_t bytes = c->lines * LINE, half = (c->dim + 1) / 2;
    int32_t sum = 0;
    for (size_t i = 0; i < RECORDS * bytes; i++) {
        int low = draw_digit(VR_NIBBLE_MAX, kind, i), high = draw_digit(VR_NIBBLE_MAX, kind, i);
        c->records[i] = (uint8_t)((low + VR_NIBBLE_BIAS) | (high + VR_NIBBLE_BIAS) << 4);
        if (i % bytes >= half)
            c->records[i] = (uint8_t)draw();
    }
    for (size_t i = 1; i <= RECORDS; i++) {
        float factors[FACTORS] = { draw_float(), draw_float() - 0.5f };
        memcpy(c->records + i * bytes - sizeof factors, factors, sizeof factors);
    }
    memset(c->digits, 0, 2 * bytes);
    memset(&c->query, 0, sizeof c->query);
    for (size_t j = 0; j < c->dim; j++) {
        int8_t digit = (int8_t)draw_digit(QUERY_MAX, kind, j);
        c->digits[j < half ? j : bytes + j - half] = digit;
        sum += digit;
    }
    c->query.digits = c->digits;
    c->query.offset[0] = sum * VR_NIBBLE_BIAS;
    c->query.scale[0] = 0.01f * draw_float();
}

/* Every operation is rounded to float32, as simd.h has it: no other bits will do. */
static float expected(const call *c, size_t i)
{
    size_t bytes = c->lines * LINE, half = (c->dim + 1) / 2;
    const uint8_t *record = c->records + c->ids[i] * bytes;
    int32_t dot = 0;
    float f[FACTORS];
    memcpy(f, record + bytes - sizeof f, sizeof f);
    for (size_t j = 0; j < c->dim; j++) {
        int stored = j < half ? record[j] & 15 : record[j - half] >> 4;
        dot += (stored - VR_NIBBLE_BIAS) * c->digits[j < half ? j : bytes + j - half];
    }
    float product = f[0] * (float)dot;
    product = c->query.scale[0] * product;
    return product + f[1];
}

static void run(void *context)
{
    call *c = context;
    c->simd->nibble_ids(&c->query, c->records, c->lines, c->ids, c->count, c->sums);
}

static bool complain(const call *c, const char *what, size_t i)
{
    printf("%s nibble_ids dim %zu place %zu: row %zu: %s\n", c->simd->name, c->dim, c->place, i, what);
    return false;
}

static bool check_call(call *c, const guarded memory[], size_t kind)
{
    size_t bytes = c->lines * LINE;
    c->records = guarded_at(&memory[0], RECORDS * bytes, c->place);
    c->digits = guarded_at(&memory[1], 2 * bytes, c->place);
    c->ids = guarded_at(&memory[2], c->count * sizeof *c->ids, c->place);
    c->sums = guarded_at(&memory[3], c->count * sizeof *c->sums, c->place);
    fill(c, kind);
    for (size_t i = 0; i < c->count; i++)
        c->ids[i] = i == 0 ? RECORDS - 1 : draw() % RECORDS;
    if (!survives(run, c))
        return complain(c, "touched memory outside of its arguments", 0);
    for (size_t i = 0; i < c->count; i++) {
        float sum = expected(c, i);
        if (memcmp(&sum, &c->sums[i], sizeof sum) != 0)
            return complain(c, "wrong sum", i);
    }
    return true;
}

bool check_nibbles(const vr_simd *simd, size_t dim, size_t *passed, size_t *failed)
{
    static const size_t counts[] = { 1, 2, 3, 4, 5, 30, IDS_MAX };
    static guarded memory[MEMORIES];
    call c = { .simd = simd, .dim = dim };
    c.lines = ((dim + 1) / 2 + FACTORS * sizeof(float) + LINE - 1) / LINE;
    for (size_t i = 0; i < MEMORIES; i++)
        if (!memory[i].start && !guarded_init(&memory[i], (size_t)DIM_MAX * RECORDS + RECORDS * LINE))
            return false;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        for (size_t kind = 0; kind < KINDS; kind++)
            for (c.place = PLACE_END; c.place <= PLACE_LINE + 1; c.place++) {
                c.count = counts[i];
                ++*(check_call(&c, memory, kind) ? passed : failed);
            }
    return true;
}
