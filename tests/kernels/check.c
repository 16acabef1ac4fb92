/* The kernel check: every kernel of every instruction set that this machine has, against sums in double
 * precision, at every dimension 1..260 and a few large ones, at every alignment, flush against
 * unreadable pages, with values of every kind. The row kernels must also give a pair the same bits alone
 * and in any group.
 *
 *     check [--quick] [--bench]
 *
 * --quick tries fewer alignments and long rows, for emulators. --bench times the very calls that were just
 * checked.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "check_codes.h"
#include "check_nibbles.h"
#include "guard.h"
#include "oracle.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { EVERY_DIM = 260, FAILURES_SHOWN = 20, TRIALS = 5, TRIAL_NS = 4000000 };

static const size_t large_dims[] = { 768, 1536, SAMPLE_DIM_MAX };
static const size_t bench_dims[] = { 16, 64, 100, 128, 256, 768 };

enum { QUERY, ROWS, PANEL, OUT, BIAS, FLOORS, MASKS, IDS, ARGUMENTS };

typedef struct check {
    bool quick, bench;
    size_t passed, failed;
    guarded memory[ARGUMENTS];
    sample sample;
    const vr_simd *simd;

    /* The call being made */
    const char *kernel;
    void (*row_kernel)(const float *query, const float *rows, size_t count, size_t dim, float *out);
    void (*id_kernel)(const float *query, const void *rows, size_t stride, const uint32_t *ids,
                      size_t count, size_t dim, float *out);
    size_t count, place, rows_place;
    float *query, *rows, *panel, *out, *bias, *floors;
    uint32_t *masks, *ids, any;
    bool ok; /* so far */
} check;

/* ---- One call ---- */

static void fail(check *c, const char *format, ...)
{
    if (c->ok && c->failed < FAILURES_SHOWN) {
        va_list args;
        fprintf(stderr, "%s %s: dim %zu, count %zu, %s values, query at %s, rows at %s: ", c->simd->name,
                c->kernel, c->sample.dim, c->count, c->sample.kind, place_name(c->place),
                place_name(c->rows_place));
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputc('\n', stderr);
    }
    c->ok = false;
}

static void expect_in(check *c, const char *what, size_t i, range r, float got)
{
    if (!allows(r, got))
        fail(c, "%s %zu: expected %.9g..%.9g%s, got %.9g", what, i, r.low, r.high, r.nan ? " or NaN" : "",
             (double)got);
}

/* Where the arguments of a call stand: all at the same border, or at alignments that differ. */
static void start(check *c, size_t count, size_t place)
{
    c->ok = true;
    c->count = count;
    c->place = c->rows_place = place;
    if (place > PLACE_LINE)
        c->rows_place = PLACE_LINE + (5 * place + count) % LINE_FLOATS;
}

/* Memory for count values of an argument, which isn't there beyond them if place is a border. */
static void *room(const check *c, size_t argument, size_t count, size_t place)
{
    void *values = guarded_at(&c->memory[argument], count * sizeof(float), place);
    return memset(values, 0xff, count * sizeof(float));
}

static float *copy(const check *c, size_t argument, const float *from, size_t count, size_t place)
{
    return memcpy(room(c, argument, count, place), from, count * sizeof(float));
}

/* Makes the call; true if its results can be looked at. */
static bool make(check *c, void (*call)(void *check))
{
    if (!survives(call, c))
        fail(c, "it touched memory outside of its arguments");
    return c->ok;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Repeats the call, and prints the best of some trials. */
static void time_call(check *c, void (*call)(void *check), double flops, double bytes)
{
    double best = INFINITY;
    size_t repeats = 1;
    for (int trial = 0; trial < TRIALS;) {
        double began = now();
        for (size_t i = 0; i < repeats; i++)
            call(c);
        double took = now() - began;
        if (took * 1e9 < TRIAL_NS) {
            repeats *= 2;
            continue;
        }
        best = fmin(best, took / (double)repeats);
        trial++;
    }
    printf("%-7s %-9s %4zu dims %9.1f ns/call %8.2f GFLOP/s %8.2f GB/s\n", c->simd->name, c->kernel,
           c->sample.dim, best * 1e9, flops / best * 1e-9, bytes / best * 1e-9);
}

static bool is_bench_dim(size_t dim)
{
    bool found = false;
    for (size_t i = 0; i < sizeof bench_dims / sizeof bench_dims[0]; i++)
        found |= bench_dims[i] == dim;
    return found;
}

static bool is_benched(const check *c)
{
    return c->bench && is_bench_dim(c->sample.dim) && c->ok && c->place == PLACE_LINE &&
           strcmp(c->sample.kind, "usual") == 0;
}

/* Counts the call, which is over; times it if it is one of those and has the largest count. */
static void finish(check *c, void (*call)(void *check), size_t largest, size_t flops, size_t bytes)
{
    c->passed += c->ok;
    c->failed += !c->ok;
    if (c->count == largest && is_benched(c))
        time_call(c, call, (double)flops, (double)bytes);
}

static size_t place_count(const check *c)
{
    return c->quick || c->sample.dim > EVERY_DIM ? PLACE_LINE + 4 : PLACES;
}

static bool is_tried(const check *c, size_t count)
{
    size_t tile = c->simd->tile_rows;
    return count <= 9 || (count >= tile - 1 && count <= tile + 1) || count == SAMPLE_ROWS;
}

/* ---- dot_rows, l2_rows ---- */

static void call_rows(void *context)
{
    check *c = context;
    c->row_kernel(c->query, c->rows, c->count, c->sample.dim, c->out);
}

static bool make_rows(check *c, size_t first)
{
    size_t dim = c->sample.dim;
    c->query = copy(c, QUERY, c->sample.queries, dim, c->place);
    c->rows = copy(c, ROWS, c->sample.rows + first * dim, c->count * dim, c->rows_place);
    c->out = room(c, OUT, c->count, c->place);
    return make(c, call_rows);
}

static void check_alone(check *c, const exact *sums, float *alone)
{
    for (size_t i = 0; i < SAMPLE_ROWS; i++) {
        start(c, 1, PLACE_END);
        if (make_rows(c, i))
            expect_in(c, "row", i, allowed(sums[i], c->sample.dim), alone[i] = c->out[0]);
        finish(c, call_rows, SAMPLE_ROWS, 0, 0);
    }
}

static bool same_bits(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b)); /* no caller sees a NaN */
}

static void check_group(check *c, const float *alone, size_t flops_per_value)
{
    size_t first = (c->count + c->place) % (SAMPLE_ROWS - c->count + 1);
    size_t values = c->count * c->sample.dim;
    if (make_rows(c, first))
        for (size_t i = 0; i < c->count; i++)
            if (!same_bits(c->out[i], alone[first + i]))
                fail(c, "row %zu: expected %.9g, as when alone, got %.9g", i, (double)alone[first + i],
                     (double)c->out[i]);
    finish(c, call_rows, SAMPLE_ROWS, values * flops_per_value, values * sizeof(float));
}

/* ---- dot_ids, l2_ids ---- */

static void call_ids(void *context)
{
    check *c = context;
    c->id_kernel(c->query, c->rows, c->sample.dim * sizeof(float), c->ids, c->count, c->sample.dim, c->out);
}

/* The rows backwards: as many as there are, so that none but those named may be read. */
static void check_ids(check *c, const float *alone, size_t flops_per_value)
{
    size_t dim = c->sample.dim, values = c->count * dim;
    c->query = copy(c, QUERY, c->sample.queries, dim, c->place);
    c->rows = copy(c, ROWS, c->sample.rows, values, c->rows_place);
    c->ids = room(c, IDS, c->count, c->place);
    c->out = room(c, OUT, c->count, c->place);
    for (size_t i = 0; i < c->count; i++)
        c->ids[i] = (uint32_t)(c->count - 1 - i);
    if (make(c, call_ids))
        for (size_t i = 0; i < c->count; i++)
            if (!same_bits(c->out[i], alone[c->ids[i]]))
                fail(c, "row %zu: expected %.9g, as when alone, got %.9g", (size_t)c->ids[i],
                     (double)alone[c->ids[i]], (double)c->out[i]);
    finish(c, call_ids, SAMPLE_ROWS, values * flops_per_value, values * sizeof(float));
}

static void check_rows(check *c, const char *names[2], const exact *sums, size_t flops_per_value)
{
    float alone[SAMPLE_ROWS] = { 0 };
    check_alone(c, sums, alone);
    for (size_t count = 1; count <= SAMPLE_ROWS; count++)
        for (size_t place = 0; is_tried(c, count) && place < place_count(c); place++) {
            c->kernel = names[0];
            start(c, count, place);
            check_group(c, alone, flops_per_value);
            c->kernel = names[1];
            start(c, count, place);
            check_ids(c, alone, flops_per_value);
        }
}

static void check_dots(check *c)
{
    c->row_kernel = c->simd->dot_rows;
    c->id_kernel = c->simd->dot_ids;
    check_rows(c, (const char *[]){ "dot_rows", "dot_ids" }, c->sample.dot, 2);
}

static void check_l2s(check *c)
{
    c->row_kernel = c->simd->l2_rows;
    c->id_kernel = c->simd->l2_ids;
    check_rows(c, (const char *[]){ "l2_rows", "l2_ids" }, c->sample.l2, 3);
}

/* ---- mix, add_to_mean ---- */

static void call_mix(void *context)
{
    check *c = context;
    c->simd->mix(c->query, c->rows, c->sample.dim, c->sample.bias[0], c->sample.bias[1]);
}

/* With one rounding of the sum, or with two. */
static void check_mix(check *c)
{
    size_t dim = c->sample.dim;
    const float *x = c->sample.queries, *row = c->sample.rows;
    float keep = c->sample.bias[0], take = c->sample.bias[1];
    for (size_t place = 0; place < place_count(c); place++) {
        start(c, 1, place);
        c->query = copy(c, QUERY, x, dim, place);
        c->rows = copy(c, ROWS, row, dim, c->rows_place);
        bool made = make(c, call_mix);
        for (size_t j = 0; made && j < dim; j++) {
            float once = fmaf(x[j], keep, row[j] * take), twice = x[j] * keep + row[j] * take;
            if (!same_bits(c->query[j], once) && !same_bits(c->query[j], twice))
                fail(c, "value %zu: expected %.9g or %.9g, got %.9g", j, (double)once, (double)twice,
                     (double)c->query[j]);
        }
        finish(c, call_mix, 1, 3 * dim, 2 * dim * sizeof(float));
    }
}

static void call_mean(void *context)
{
    check *c = context;
    c->out[0] =
        c->simd->add_to_mean(c->query, c->rows, c->sample.dim, c->sample.bias[0], c->sample.bias[1]);
}

static void check_mean(check *c)
{
    size_t dim = c->sample.dim;
    const float *x = c->sample.queries, *row = c->sample.rows;
    float count = c->sample.bias[0], length = c->sample.bias[1];
    for (size_t place = 0; place < place_count(c); place++) {
        exact norm = { 0 };
        start(c, 1, place);
        c->query = copy(c, QUERY, x, dim, place);
        c->rows = copy(c, ROWS, row, dim, c->rows_place);
        c->out = room(c, OUT, 1, place);
        bool made = make(c, call_mean);
        for (size_t j = 0; made && j < dim; j++) {
            float mean = (x[j] * count + row[j] / length) / (count + 1.0f);
            double square = (double)mean * (double)mean;
            if (!same_bits(c->query[j], mean))
                fail(c, "value %zu: expected %.9g, got %.9g", j, (double)mean, (double)c->query[j]);
            norm.value += square;
            norm.positive += isfinite(square) ? square : 0.0;
        }
        if (made)
            expect_in(c, "norm", 0, allowed(norm, dim), c->out[0]);
        finish(c, call_mean, 1, 5 * dim, 2 * dim * sizeof(float));
    }
}

/* ---- pack ---- */

/* What a panel of count rows holds for row i, column j. */
static float packed(const check *c, size_t i, size_t j)
{
    return i < c->count ? c->sample.rows[i * c->sample.dim + j] : 0.0f;
}

static void call_pack(void *context)
{
    check *c = context;
    c->simd->pack(c->rows, c->count, c->sample.dim, c->panel, c->out);
}

static void check_packed(check *c)
{
    size_t dim = c->sample.dim, tile = c->simd->tile_rows;
    for (size_t i = 0; i < tile; i++) {
        expect_in(c, "norm", i, i < c->count ? allowed(c->sample.norm[i], dim) : (range){ 0 }, c->out[i]);
        for (size_t j = 0; j < dim; j++) {
            float expected = packed(c, i, j), got = c->panel[j * tile + i];
            if (memcmp(&expected, &got, sizeof got) != 0)
                fail(c, "row %zu, column %zu: expected %.9g, got %.9g", i, j, (double)expected,
                     (double)got);
        }
    }
}

static void check_pack(check *c)
{
    size_t dim = c->sample.dim, tile = c->simd->tile_rows, values = tile * dim;
    for (size_t count = 1; count <= tile; count++)
        for (size_t place = 0; is_tried(c, count) && place < place_count(c); place++) {
            start(c, count, place);
            c->rows = copy(c, ROWS, c->sample.rows, count * dim, c->rows_place);
            c->panel = room(c, PANEL, values, place);
            c->out = room(c, OUT, tile, place);
            if (make(c, call_pack))
                check_packed(c);
            finish(c, call_pack, tile, 2 * values, 2 * values * sizeof(float));
        }
}

/* ---- tile ---- */

static void call_tile(void *context)
{
    check *c = context;
    c->any = c->simd->tile(c->query, c->panel, c->sample.dim, c->bias, c->floors, c->masks);
}

/* A floor for query q: at the edges of what one row's sum may be, just past them, or special. In one
 * place, only one query can pass, which the union must not miss. */
static float choose_floor(const check *c, size_t q)
{
    if (c->place == PLACE_START && q != c->sample.dim % c->simd->tile_queries)
        return INFINITY;
    size_t n = 7 * c->place + q;
    range r = allowed(c->sample.sums[q][n % c->simd->tile_rows], c->sample.dim);
    const double floors[] = { (r.low + r.high) / 2, r.low,    r.high, 2 * r.low - r.high,
                              2 * r.high - r.low,   INFINITY, NAN,    -INFINITY };
    return (float)floors[n % (sizeof floors / sizeof floors[0])];
}

static void lay_tile(check *c)
{
    const sample *s = &c->sample;
    size_t rows = c->simd->tile_rows, queries = c->simd->tile_queries;
    c->query = room(c, QUERY, queries * s->dim, c->place);
    c->panel = room(c, PANEL, rows * s->dim, c->rows_place);
    c->bias = copy(c, BIAS, s->bias, rows, c->rows_place);
    c->floors = room(c, FLOORS, queries, c->place);
    c->masks = room(c, MASKS, queries, c->place);
    for (size_t q = 0; q < queries; q++)
        c->floors[q] = choose_floor(c, q);
    for (size_t j = 0; j < s->dim; j++) {
        for (size_t q = 0; q < queries; q++)
            c->query[j * queries + q] = s->queries[q * s->dim + j];
        for (size_t i = 0; i < rows; i++)
            c->panel[j * rows + i] = packed(c, i, j);
    }
}

static void check_mask(check *c, size_t q)
{
    size_t rows = c->simd->tile_rows;
    double floor = (double)c->floors[q];
    for (size_t i = 0; i < 32; i++) {
        range r = i < rows ? allowed(c->sample.sums[q][i], c->sample.dim) : (range){ 0 };
        bool passes = c->masks[q] >> i & 1;
        bool must = i < rows && !(r.low < floor);
        bool may = must || (i < rows && (r.nan || !(r.high < floor)));
        if (passes ? !may : must)
            fail(c, "query %zu, bit %zu: expected %d, for %.9g..%.9g and the floor %.9g, got %d", q, i,
                 must, r.low, r.high, floor, passes);
    }
}

static void check_tile(check *c)
{
    size_t rows = c->simd->tile_rows, queries = c->simd->tile_queries;
    for (size_t place = 0; place < place_count(c); place++) {
        uint32_t any = 0;
        start(c, rows, place);
        lay_tile(c);
        if (make(c, call_tile)) {
            for (size_t q = 0; q < queries; q++) {
                check_mask(c, q);
                any |= c->masks[q];
            }
            if (any != c->any)
                fail(c, "expected %#x, the union of the masks, got %#x", any, c->any);
        }
        finish(c, call_tile, rows, 2 * rows * queries * c->sample.dim,
               rows * c->sample.dim * sizeof(float));
    }
}

/* ---- tile_sums ---- */

enum { APART = 3 /* values between one query's sums and the next one's, which nobody is to touch */ };

static void call_tile_sums(void *context)
{
    check *c = context;
    c->simd->tile_sums(c->query, c->panel, c->sample.dim, c->bias, c->out, c->simd->tile_rows + APART);
}

static void check_sums_of(check *c, size_t q)
{
    size_t rows = c->simd->tile_rows, stride = rows + APART;
    for (size_t i = 0; i < rows; i++) {
        range r = allowed(c->sample.sums[q][i], c->sample.dim);
        double got = (double)c->out[q * stride + i];
        if (isnan(got) ? !r.nan : got < r.low || got > r.high)
            fail(c, "query %zu, row %zu: expected %.9g..%.9g, got %.9g", q, i, r.low, r.high, got);
    }
    for (size_t i = rows; q + 1 < c->simd->tile_queries && i < stride; i++)
        if (c->out[q * stride + i] != -1.0f)
            fail(c, "query %zu: wrote past its sums", q);
}

static void check_tile_sums(check *c)
{
    size_t rows = c->simd->tile_rows, queries = c->simd->tile_queries;
    size_t written = queries * (rows + APART) - APART;
    for (size_t place = 0; place < place_count(c); place++) {
        start(c, rows, place);
        lay_tile(c);
        c->out = room(c, OUT, written, place);
        for (size_t i = 0; i < written; i++)
            c->out[i] = -1.0f;
        for (size_t q = 0; q < queries && make(c, call_tile_sums); q++)
            check_sums_of(c, q);
        finish(c, call_tile_sums, rows, 2 * rows * queries * c->sample.dim,
               rows * c->sample.dim * sizeof(float));
    }
}

/* ---- passing ---- */

static void call_passing(void *context)
{
    check *c = context;
    c->any = (uint32_t)c->simd->passing(c->query, c->count, c->floors[0], c->masks);
}

static void check_bits(check *c)
{
    uint32_t found = 0;
    for (size_t i = 0; i < (c->count + 31) / 32 * 32; i++) {
        bool expected = i < c->count && !(c->query[i] < c->floors[0]), got = c->masks[i / 32] >> i % 32 & 1;
        found += expected;
        if (expected != got)
            fail(c, "value %zu: expected %d, got %d", i, expected, got);
    }
    if (found != c->any)
        fail(c, "expected %u that pass, got %u", found, c->any);
}

/* As many of a query's values as there are dimensions; the floor is one of them, or none. */
static void check_passing(check *c)
{
    size_t dim = c->sample.dim;
    for (size_t place = 0; place < place_count(c); place++) {
        start(c, dim, place);
        c->query = copy(c, QUERY, c->sample.queries, dim, place);
        c->floors = room(c, FLOORS, 1, place);
        c->floors[0] = place % 2 ? NAN : c->query[dim / 2];
        c->masks = room(c, MASKS, (dim + 31) / 32, place);
        if (make(c, call_passing))
            check_bits(c);
        finish(c, call_passing, dim, dim, dim * sizeof(float));
    }
}

/* ---- All of it ---- */

/* A longer row takes more turns of the same code, and leaves a rest of which the shorter had every length.
 */
static bool is_dim_tried(const check *c, size_t dim)
{
    enum { SHORT = 132, VECTOR = 16 };
    return !c->quick || dim <= SHORT || (dim + 1) % VECTOR <= 2;
}

static const struct {
    const char *name;
    void (*check)(check *c);
} kernels[] = { { "dot_rows", check_dots },       { "l2_rows", check_l2s },    { "mix", check_mix },
                { "add_to_mean", check_mean },    { "pack", check_pack },      { "tile", check_tile },
                { "tile_sums", check_tile_sums }, { "passing", check_passing } };

static bool check_dim(check *c, size_t dim)
{
    for (size_t kind = 0; sample_draw(&c->sample, dim, kind); kind++)
        for (size_t i = 0; i < sizeof kernels / sizeof kernels[0]; i++) {
            c->kernel = kernels[i].name;
            kernels[i].check(c);
        }
    return check_codes(c->simd, dim, c->bench && is_bench_dim(dim), &c->passed, &c->failed) &&
           check_nibbles(c->simd, dim, &c->passed, &c->failed);
}

static bool prepare(check *c)
{
    bool ready = sample_init(&c->sample);
    for (size_t i = 0; ready && i < ARGUMENTS; i++)
        ready = guarded_init(&c->memory[i], sizeof(float[SAMPLE_ROWS + 1][SAMPLE_DIM_MAX]));
    catch_faults();
    return ready;
}

#if defined(__x86_64__)
/* By the system's word. What asks for permission is under test; it is refused where it shouldn't be if no
 * stack for signals stands in the way, as none does here. */
static bool has_amx(void)
{
    bool found = false;
#if defined(VR_AMX)
    char line[4096];
    FILE *info = fopen("/proc/cpuinfo", "r");
    while (info && !found && fgets(line, sizeof line, info))
        found = strstr(line, " amx_int8") != NULL;
    if (info)
        fclose(info);
#endif
    return found;
}
#endif

/* The tiers are those that the compiler's own runtime library finds this machine to have. */
static void check_tiers(check *c)
{
    size_t expected = 1, found = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                  __builtin_cpu_supports("avx512vnni");
    expected += !avx2 ? 0 : avx512 ? 2 : 1;
    expected += avx2 && avx512 && has_amx();
#elif defined(__aarch64__)
    expected++;
#endif
    while (vr_simd_at(found))
        found++;
    if (found != expected)
        fprintf(stderr, "%zu tiers run here, expected %zu\n", found, expected);
    c->passed += found == expected;
    c->failed += found != expected;
}

int main(int argc, char **argv)
{
    static check c;
    for (int i = 1; i < argc; i++) {
        c.quick |= strcmp(argv[i], "--quick") == 0;
        c.bench |= strcmp(argv[i], "--bench") == 0;
    }
    if (!prepare(&c)) {
        fputs("kernels: out of memory\n", stderr);
        return 1;
    }
    check_tiers(&c);
    bool ready = true;
    for (size_t tier = 0; ready && (c.simd = vr_simd_at(tier)); tier++) {
        double began = now();
        for (size_t dim = 1; ready && dim <= EVERY_DIM; dim++)
            ready = !is_dim_tried(&c, dim) || check_dim(&c, dim);
        for (size_t i = 0; ready && i < sizeof large_dims / sizeof large_dims[0]; i++)
            ready = check_dim(&c, large_dims[i]);
        printf("%s: %.1f s\n", c.simd->name, now() - began);
    }
    printf("kernels: %zu passed, %zu failed\n", c.passed, c.failed);
    return c.failed > 0 || !ready;
}
