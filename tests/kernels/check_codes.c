/* The kernels for 8-bit codes, against integer sums: digits at the ends of their ranges, where 16 bits
 * could overflow, and random ones; every argument flush against unreadable pages; floors at, just below
 * and just above what a pair adds up to. SPDX-License-Identifier: Apache-2.0 */
#include "check_codes.h"

#include "guard.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    KINDS = 4,
    FACTORS = 3,
    RECORD_FACTORS = 4,
    DIM_MAX = 4099 + 8,
    LINE = 64,
    RECORDS = 50,
    IDS_MAX = 70,
    MEMORIES = 5
};

typedef struct call {
    const vr_simd *simd;
    const char *name;
    size_t dim, place;
    size_t width;  /* 1, or code_queries: the tile kernels */
    size_t groups; /* of code_ids: lines */
    vr_code_queries queries;
    uint8_t *codes;
    int8_t *digits;
    float *factors, *floors;
    uint32_t *masks, any;

    size_t count; /* queries; of code_ids, rows */
    uint32_t *ids;
    float *sums;
} call;

static uint32_t state = 1;

static uint32_t draw(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static float draw_float(float low, float high)
{
    return low + (high - low) * (float)draw() / 16777216.0f;
}

/* Of kind 0 any, else at one end or the other: the sums of products that are the largest. */
static int draw_digit(int max, size_t kind, size_t at)
{
    if (kind == 0)
        return (int)(draw() % (uint32_t)(2 * max + 1)) - max;
    return kind == 1 ? max : kind == 2 ? -max : at % 2 ? max : -max;
}

static void fill(call *c, size_t kind)
{
    size_t rows = c->simd->tile_rows;
    for (size_t i = 0; i < rows * c->groups * 4; i++)
        c->codes[i] = (uint8_t)(draw_digit(c->simd->code_max, kind, i / 4 / rows) + c->simd->code_bias);
    for (size_t i = 0; i < rows * FACTORS; i++)
        c->factors[i] = draw_float(i < 2 * rows ? 0.0f : -1.0f, 1.0f);
    memset(&c->queries, 0, sizeof c->queries);
    c->queries.digits = c->digits;
    for (size_t q = 0; q < c->width; q++) {
        int32_t sum = 0;
        for (size_t g = 0; g < c->groups; g++)
            for (size_t j = 0; j < 4; j++) {
                int digit = g * 4 + j < c->dim ? draw_digit(c->simd->digit_max, kind, g) : 0;
                c->digits[vr_digits_at(c->simd, g, c->groups, q, c->width) + j] = (int8_t)digit;
                sum += digit;
            }
        c->queries.offset[q] = sum * c->simd->code_bias;
        c->queries.scale[q] = draw_float(0.0f, 0.01f);
        c->queries.length[q] = draw_float(0.0f, 2.0f);
    }
}

/* What a pair adds up to, and how far a float32 sum may be from that. */
static double exact(const call *c, size_t q, size_t i, double *error)
{
    size_t rows = c->simd->tile_rows;
    int64_t dot = 0;
    for (size_t g = 0; g < c->groups; g++)
        for (size_t j = 0; j < 4; j++) {
            uint8_t stored = c->codes[(g * rows + i) * 4 + j];
            int digit = c->simd->code_bias ? stored - c->simd->code_bias : (int8_t)stored;
            dot += digit * c->digits[vr_digits_at(c->simd, g, c->groups, q, c->width) + j];
        }
    const float *f = c->factors + i;
    double terms[] = { (double)c->queries.scale[q] * (double)f[0] * (double)dot,
                       (double)c->queries.length[q] * (double)f[rows], (double)f[2 * rows] };
    double sum = 0, magnitude = 0;
    for (size_t t = 0; t < FACTORS; t++) {
        sum += terms[t];
        magnitude += fabs(terms[t]);
    }
    *error = 8 * 0x1p-24 * magnitude;
    return sum;
}

static void run(void *context)
{
    call *c = context;
    const vr_simd *simd = c->simd;
    if (c->width == 1) {
        c->any = simd->code_one(&c->queries, c->codes, c->groups, c->factors, c->floors, c->masks);
        return;
    }
    simd->begin(c->groups);
    c->any = simd->code_tile(&c->queries, c->count, c->codes, c->groups, c->factors, c->floors, c->masks);
    simd->end();
}

static bool complain(const call *c, const char *what, size_t q, size_t i)
{
    printf("%s %s dim %zu place %zu: query %zu row %zu: %s\n", c->simd->name, c->name, c->dim, c->place, q,
           i, what);
    return false;
}

static bool check_masks(const call *c)
{
    uint32_t any = 0;
    for (size_t q = 0; q < c->count; q++) {
        any |= c->masks[q];
        for (size_t i = 0; i < 32; i++) {
            double error = 0, sum = i < c->simd->tile_rows ? exact(c, q, i, &error) : -INFINITY;
            bool passed = c->masks[q] >> i & 1;
            if (!passed && !(sum - error < (double)c->floors[q]) && i < c->simd->tile_rows)
                return complain(c, "dropped", q, i);
            if (passed && (i >= c->simd->tile_rows || sum + error < (double)c->floors[q]))
                return complain(c, "passed", q, i);
        }
    }
    return any == c->any || complain(c, "the union isn't that of the masks", 0, 0);
}

/* Puts the floor of every query at, below or above what some row adds up to. */
static void set_floors(call *c)
{
    for (size_t q = c->count; q < c->width; q++)
        c->floors[q] = INFINITY;
    for (size_t q = 0; q < c->count; q++) {
        double error, sum = exact(c, q, draw() % c->simd->tile_rows, &error);
        double floors[] = { sum, sum - 2 * error, sum + 2 * error, -INFINITY, INFINITY };
        c->floors[q] = (float)floors[draw() % 5];
    }
}

static bool check_call(call *c, guarded memory[], size_t kind)
{
    size_t rows = c->simd->tile_rows;
    c->codes = guarded_at(&memory[0], rows * c->groups * 4, c->place);
    c->digits = guarded_at(&memory[1], c->groups * c->width * 4, c->place);
    c->factors = guarded_at(&memory[2], rows * FACTORS * sizeof(float), c->place);
    c->floors = guarded_at(&memory[3], c->width * sizeof(float), c->place);
    c->masks = guarded_at(&memory[4], c->width * sizeof(uint32_t), c->place);
    fill(c, kind);
    set_floors(c);
    if (!survives(run, c))
        return complain(c, "touched memory outside of its arguments", 0, 0);
    return check_masks(c);
}

/* ---- code_sums ---- */

enum { APART = 3 /* values between one query's sums and the next one's, which nobody is to touch */ };

static void run_sums(void *context)
{
    call *c = context;
    const vr_simd *simd = c->simd;
    if (c->width == 1) {
        simd->code_sums(&c->queries, c->codes, c->groups, c->factors, c->sums);
        return;
    }
    simd->begin(c->groups);
    simd->code_tile_sums(&c->queries, c->count, c->codes, c->groups, c->factors, c->sums,
                         simd->tile_rows + APART);
    simd->end();
}

static bool check_sums_of(const call *c, size_t q)
{
    size_t rows = c->simd->tile_rows;
    const float *sums = c->sums + q * (rows + APART);
    for (size_t i = 0; i < rows; i++) {
        double error, sum = exact(c, q, i, &error);
        if (!(fabs((double)sums[i] - sum) <= error))
            return complain(c, "wrong sum", q, i);
    }
    for (size_t i = rows; q + 1 < c->width && i < rows + APART; i++)
        if (sums[i] != -1.0f)
            return complain(c, "wrote past the sums", q, i);
    return true;
}

static bool check_sums_call(call *c, guarded memory[], size_t kind)
{
    size_t rows = c->simd->tile_rows, written = c->width * (rows + APART) - APART;
    c->codes = guarded_at(&memory[0], rows * c->groups * 4, c->place);
    c->digits = guarded_at(&memory[1], c->groups * c->width * 4, c->place);
    c->factors = guarded_at(&memory[2], rows * FACTORS * sizeof(float), c->place);
    c->sums = guarded_at(&memory[3], written * sizeof *c->sums, c->place);
    for (size_t i = 0; i < written; i++)
        c->sums[i] = -1.0f;
    fill(c, kind);
    if (!survives(run_sums, c))
        return complain(c, "touched memory outside of its arguments", 0, 0);
    for (size_t q = 0; q < c->count; q++)
        if (!check_sums_of(c, q))
            return false;
    return true;
}

/* values: bytes of rows that the call reads. */
static void time_call(call *c, void (*run)(void *call), size_t values)
{
    enum { REPEATS = 2000, TRIALS = 5 };
    double best = INFINITY;
    for (int trial = 0; trial < TRIALS; trial++) {
        struct timespec from, to;
        clock_gettime(CLOCK_MONOTONIC, &from);
        for (int i = 0; i < REPEATS; i++)
            run(c);
        clock_gettime(CLOCK_MONOTONIC, &to);
        best = fmin(best, (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9);
    }
    double each = best / REPEATS;
    printf("%-7s %-14s %4zu dims %9.1f ns/call %8.2f GOP/s   %8.2f GB/s\n", c->simd->name, c->name, c->dim,
           each * 1e9, 2 * (double)(values * (c->ids ? 1 : c->count)) / each * 1e-9,
           (double)values / each * 1e-9);
}

/* ---- code_ids ---- */

/* Bytes between a row's digits and its factors are anything: the query has zeros there. */
static void fill_records(call *c, size_t kind, size_t lines)
{
    size_t bytes = lines * LINE;
    for (size_t i = 0; i < RECORDS * bytes; i++) {
        int digit =
            i % bytes < c->dim ? draw_digit(c->simd->code_max, kind, i % bytes / 4) : (int)draw() % 256;
        c->codes[i] = (uint8_t)(digit + c->simd->code_bias);
    }
    for (size_t i = 0; i < RECORDS; i++)
        for (size_t f = 0; f < RECORD_FACTORS; f++) {
            float factor = draw_float(f < 3 ? 0.0f : -1.0f, 1.0f);
            memcpy(c->codes + (i + 1) * bytes - (RECORD_FACTORS - f) * sizeof factor, &factor,
                   sizeof factor);
        }
    memset(c->digits, 0, bytes);
    memset(&c->queries, 0, sizeof c->queries);
    int32_t sum = 0;
    for (size_t j = 0; j < c->dim; j++)
        sum += c->digits[j] = (int8_t)draw_digit(c->simd->digit_max, kind, j / 4);
    c->queries.digits = c->digits;
    c->queries.offset[0] = sum * c->simd->code_bias;
    c->queries.scale[0] = draw_float(0.0f, 0.01f);
    c->queries.length[0] = draw_float(0.0f, 2.0f);
    c->queries.rest[0] = draw_float(0.0f, 0.1f);
}

static void run_ids(void *context)
{
    call *c = context;
    c->simd->code_ids(&c->queries, c->codes, c->groups, c->ids, c->count, c->sums);
}

static bool check_sum(const call *c, size_t i)
{
    size_t bytes = c->groups * LINE;
    const uint8_t *record = c->codes + c->ids[i] * bytes;
    int64_t dot = 0;
    float f[RECORD_FACTORS];
    memcpy(f, record + bytes - sizeof f, sizeof f);
    for (size_t j = 0; j < c->dim; j++)
        dot += (c->simd->code_bias ? record[j] - c->simd->code_bias : (int8_t)record[j]) * c->digits[j];
    double terms[] = { (double)c->queries.scale[0] * (double)f[0] * (double)dot,
                       (double)c->queries.length[0] * (double)f[1],
                       (double)c->queries.rest[0] * (double)f[2], (double)f[3] };
    double sum = terms[0] + terms[1] + terms[2] + terms[3];
    double magnitude = fabs(terms[0]) + fabs(terms[1]) + fabs(terms[2]) + fabs(terms[3]);
    return fabs((double)c->sums[i] - sum) <= 8 * 0x1p-24 * magnitude || complain(c, "wrong sum", 0, i);
}

static bool check_ids_call(call *c, guarded memory[], size_t kind)
{
    c->codes = guarded_at(&memory[0], RECORDS * c->groups * LINE, c->place);
    c->digits = guarded_at(&memory[1], c->groups * LINE, c->place);
    c->ids = guarded_at(&memory[2], c->count * sizeof *c->ids, c->place);
    c->sums = guarded_at(&memory[3], c->count * sizeof *c->sums, c->place);
    fill_records(c, kind, c->groups);
    for (size_t i = 0; i < c->count; i++)
        c->ids[i] = i == 0 ? RECORDS - 1 : draw() % RECORDS;
    if (!survives(run_ids, c))
        return complain(c, "touched memory outside of its arguments", 0, 0);
    for (size_t i = 0; i < c->count; i++)
        if (!check_sum(c, i))
            return false;
    return true;
}

static void check_ids(const vr_simd *simd, size_t dim, bool bench, guarded memory[], size_t *passed,
                      size_t *failed)
{
    static const size_t counts[] = { 1, 2, 3, 4, 5, 30, IDS_MAX };
    size_t lines = (dim + RECORD_FACTORS * sizeof(float) + LINE - 1) / LINE;
    call c = { .simd = simd, .name = "code_ids", .dim = dim, .groups = lines, .width = 1 };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        for (size_t kind = 0; kind < KINDS; kind++)
            for (c.place = PLACE_END; c.place <= PLACE_LINE + 1; c.place++) {
                c.count = counts[i];
                ++*(check_ids_call(&c, memory, kind) ? passed : failed);
            }
    if (bench)
        time_call(&c, run_ids, c.count * lines * LINE);
}

bool check_codes(const vr_simd *simd, size_t dim, bool bench, size_t *passed, size_t *failed)
{
    static guarded memory[MEMORIES];
    for (size_t i = 0; i < MEMORIES; i++)
        if (!memory[i].start && !guarded_init(&memory[i], (size_t)DIM_MAX * RECORDS + RECORDS * LINE))
            return false;
    call c = { .simd = simd, .dim = dim, .groups = (dim + 7) / 8 * 2 };
    const size_t few = simd->code_few, all = simd->code_queries;
    const struct {
        const char *name;
        size_t width, count;
        bool (*check)(call *c, guarded memory[], size_t kind);
        void (*run)(void *call);
    } kernels[] = { { "code_one", 1, 1, check_call, run },
                    { "code_tile", all, few, check_call, run },
                    { "code_tile", all, all, check_call, run },
                    { "code_sums", 1, 1, check_sums_call, run_sums },
                    { "code_tile_sums", all, few, check_sums_call, run_sums },
                    { "code_tile_sums", all, all, check_sums_call, run_sums } };
    for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
        c.name = kernels[i].name;
        c.width = kernels[i].width;
        c.count = kernels[i].count;
        for (size_t kind = 0; kind < KINDS; kind++)
            for (c.place = PLACE_END; c.place <= PLACE_LINE + 1; c.place++)
                ++*(kernels[i].check(&c, memory, kind) ? passed : failed);
        if (bench)
            time_call(&c, kernels[i].run, simd->tile_rows * c.groups * 4);
    }
    check_ids(simd, dim, bench, memory, passed, failed);
    return true;
}
