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

enum { KINDS = 4, FACTORS = 4, DIM_MAX = 4099 + 8 };

typedef uint32_t kernel(const vr_code_queries *queries, const uint8_t *codes, size_t groups,
                        const float *factors, const float *floors, uint32_t *masks);

typedef struct call {
    const vr_simd *simd;
    kernel *run;
    const char *name;
    size_t dim, groups, width, place;
    vr_code_queries queries;
    uint8_t *codes;
    int8_t *digits;
    float *factors, *floors;
    uint32_t *masks, any;
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
        c->factors[i] = draw_float(i < 3 * rows ? 0.0f : -1.0f, 1.0f);
    memset(&c->queries, 0, sizeof c->queries);
    c->queries.digits = c->digits;
    for (size_t q = 0; q < c->width; q++) {
        int32_t sum = 0;
        for (size_t g = 0; g < c->groups; g++)
            for (size_t j = 0; j < 4; j++) {
                int digit = g * 4 + j < c->dim ? draw_digit(c->simd->digit_max, kind, g) : 0;
                c->digits[(g * c->width + q) * 4 + j] = (int8_t)digit;
                sum += digit;
            }
        c->queries.offset[q] = sum * c->simd->code_bias;
        c->queries.scale[q] = draw_float(0.0f, 0.01f);
        c->queries.length[q] = draw_float(0.0f, 2.0f);
        c->queries.rest[q] = draw_float(0.0f, 0.1f);
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
            dot += digit * c->digits[(g * c->width + q) * 4 + j];
        }
    const float *f = c->factors + i;
    double terms[] = { (double)c->queries.scale[q] * (double)f[0] * (double)dot,
                       (double)c->queries.length[q] * (double)f[rows],
                       (double)c->queries.rest[q] * (double)f[2 * rows], (double)f[3 * rows] };
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
    c->any = c->run(&c->queries, c->codes, c->groups, c->factors, c->floors, c->masks);
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
    for (size_t q = 0; q < c->width; q++) {
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
    for (size_t q = 0; q < c->width; q++) {
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

static void time_call(call *c)
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
    double values = (double)(c->simd->tile_rows * c->groups * 4), each = best / REPEATS;
    printf("%-7s %-9s %4zu dims %9.1f ns/call %8.2f GOP/s   %8.2f GB/s\n", c->simd->name, c->name, c->dim,
           each * 1e9, 2 * values * (double)c->width / each * 1e-9, values / each * 1e-9);
}

bool check_codes(const vr_simd *simd, size_t dim, bool bench, size_t *passed, size_t *failed)
{
    static guarded memory[5];
    for (size_t i = 0; i < 5; i++)
        if (!memory[i].start && !guarded_init(&memory[i], (size_t)DIM_MAX * VR_TILE_ROWS_MAX))
            return false;
    call c = { .simd = simd, .dim = dim, .groups = (dim + 7) / 8 * 2 };
    for (size_t wide = 0; wide < 2; wide++) {
        c.run = wide ? simd->code_tile : simd->code_one;
        c.name = wide ? "code_tile" : "code_one";
        c.width = wide ? simd->code_queries : 1;
        for (size_t kind = 0; kind < KINDS; kind++)
            for (c.place = PLACE_END; c.place <= PLACE_LINE + 1; c.place++)
                ++*(check_call(&c, memory, kind) ? passed : failed);
        if (bench)
            time_call(&c);
    }
    return true;
}
