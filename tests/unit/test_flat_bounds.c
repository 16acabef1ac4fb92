/* Exact search where float32 is at its limits: the filter of batched search must not drop one pair that
 * the row kernel would have put among the nearest. SPDX-License-Identifier: Apache-2.0 */
#include "support/flat_oracle.h"

#include <float.h>
#include <stdio.h>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

enum { ROWS = 333, QUERIES = 29, DIM_MAX = 130 };

static const size_t dims[] = { 1, 3, 24, 64, DIM_MAX };
enum { DIMS = sizeof dims / sizeof dims[0] };
static float items[ROWS * DIM_MAX], vectors[QUERIES * DIM_MAX];

/* What is in items and vectors, under both metrics. */
static void solve(size_t dim, const char *what)
{
    static const size_t top_ks[] = { 1, 10, 100 };
    for (size_t i = 0; i < 6; i++) {
        problem p = { .metric = i % 2 ? VR_METRIC_IP : VR_METRIC_L2,
                      .rows = ROWS,
                      .dim = dim,
                      .queries = QUERIES,
                      .top_k = top_ks[i / 2],
                      .items = items,
                      .vectors = vectors };
        assert_solved(&p, by_row_kernel, what);
    }
}

/* ---- Items that differ by rounding errors ---- */

static void make_orthogonal(float *vector, const float *base, size_t dim)
{
    double dot = 0, norm = 0;
    for (size_t j = 0; j < dim; j++) {
        dot += (double)vector[j] * (double)base[j];
        norm += (double)base[j] * (double)base[j];
    }
    for (size_t j = 0; j < dim && norm > 0; j++)
        vector[j] = (float)((double)vector[j] - dot / norm * (double)base[j]);
}

/* One vector, and others of which each value is a few units in the last place away from it. Queries: the
 * same in their own scale, as they are or across it, so that inner products cancel. */
static void draw_near_copies(size_t dim, float item_scale, float query_scale)
{
    float base[DIM_MAX], image[DIM_MAX];
    for (size_t j = 0; j < dim; j++) {
        base[j] = draw_real();
        image[j] = base[j] * query_scale;
    }
    for (size_t i = 0; i < ROWS * dim; i++)
        items[i] = base[i % dim] * item_scale * (1.0f + ((float)draw_below(7) - 3.0f) * 0x1p-23f);
    for (size_t q = 0; q < QUERIES; q++) {
        float *vector = vectors + q * dim;
        for (size_t j = 0; j < dim; j++)
            vector[j] = q % 3 == 0 ? image[j] : draw_real() * query_scale;
        if (q % 3 == 1)
            make_orthogonal(vector, image, dim);
    }
}

static const float scales[] = { 1e-41f, 1e-38f, 1e-34f, 1e-23f, 1e-19f, 1e-17f,
                                1e-10f, 1.0f,   1e4f,   1e10f,  1e17f,  9e17f };

enum { SCALES = sizeof scales / sizeof scales[0], SMALL_SCALES = 7 };

static void solve_near_copies(float item_scale, float query_scale, size_t dim)
{
    char what[64];
    draw_near_copies(dim, item_scale, query_scale);
    snprintf(what, sizeof what, "items near %g, queries near %g", (double)item_scale, (double)query_scale);
    solve(dim, what);
}

static void near_copies_at_every_scale(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCALES; i++)
        for (size_t j = 0; j < SCALES; j++)
            for (size_t d = 1; d < DIMS; d += 2)
                solve_near_copies(scales[i], scales[j], dims[d]);
}

/* ---- Kinds of values ---- */

static float draw_power(int low, int high)
{
    return draw_real() * powf(10.0f, (float)low + (float)draw_below((size_t)(high - low + 1)));
}

static float far_from_zero(size_t row)
{
    (void)row;
    return 1e4f + draw_real() * 1e-2f;
}

static float very_far_from_zero(size_t row)
{
    (void)row;
    return 1e6f + (float)draw_below(3) * 0.0625f;
}

static float around_the_overflow_of_norms(size_t row)
{
    (void)row;
    return draw_real() * 3e18f;
}

static float around_the_overflow_of_distances(size_t row)
{
    (void)row;
    return draw_real() * 1e19f;
}

static float largest_of_all(size_t row)
{
    (void)row;
    return draw_below(2) ? draw_real() : draw_real() * FLT_MAX;
}

static float small(size_t row)
{
    (void)row;
    return draw_power(-38, -20);
}

static float denormal(size_t row)
{
    (void)row;
    return draw_real() * 1e-39f;
}

static float zeros_and_denormals(size_t row)
{
    (void)row;
    return draw_below(3) ? (draw_below(2) ? 0.0f : -0.0f) : draw_real() * 1e-43f;
}

static float mixed_rows(size_t row)
{
    return draw_real() * powf(10.0f, (float)(row * 7 % 57) - 38.0f);
}

static float mixed_values(size_t row)
{
    (void)row;
    return draw_power(-38, 18);
}

static float huge_and_tiny_rows(size_t row)
{
    return draw_real() * (row % 2 ? 1e19f : 1e-3f);
}

static float some_huge_rows(size_t row)
{
    return draw_real() * (row % 50 == 7 ? 1e18f : 1.0f);
}

static float outliers(size_t row)
{
    return draw_real() * (row % 40 == 3 ? 1e3f : 1e-3f);
}

static float sparse_rows(size_t row)
{
    return draw_below(10) == 0 ? draw_power(-10, (int)(row % 15)) : 0.0f;
}

static float signs(size_t row)
{
    (void)row;
    return draw_below(2) ? 0.1f : -0.1f;
}

typedef float (*kind)(size_t row);

static const struct {
    const char *name;
    kind draw_value;
} kinds[] = {
    { "far from zero", far_from_zero },
    { "very far from zero", very_far_from_zero },
    { "around the overflow of norms", around_the_overflow_of_norms },
    { "around the overflow of distances", around_the_overflow_of_distances },
    { "the largest of all", largest_of_all },
    { "small", small },
    { "denormal", denormal },
    { "zeros and denormals", zeros_and_denormals },
    { "mixed rows", mixed_rows },
    { "mixed values", mixed_values },
    { "huge and tiny rows", huge_and_tiny_rows },
    { "some huge rows", some_huge_rows },
    { "outliers", outliers },
    { "sparse rows", sparse_rows },
    { "signs", signs },
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void draw_matrix(float *values, size_t rows, size_t dim, kind draw_value)
{
    for (size_t i = 0; i < rows * dim; i++)
        values[i] = draw_value(i / dim);
}

/* Items of one kind and queries of another, some of which are items. */
static void solve_kinds(size_t i, size_t j, size_t dim)
{
    char what[96];
    draw_matrix(items, ROWS, dim, kinds[i].draw_value);
    draw_matrix(vectors, QUERIES, dim, kinds[j].draw_value);
    for (size_t q = 0; q < QUERIES; q += 5)
        memcpy(vectors + q * dim, items + (q * 11) * dim, dim * sizeof(float));
    snprintf(what, sizeof what, "items %s, queries %s", kinds[i].name, kinds[j].name);
    solve(dim, what);
}

/* Each pair at two of the dimensions, and so each kind at all of them. */
static void every_kind_against_every_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++)
        for (size_t j = 0; j < KINDS; j++) {
            solve_kinds(i, j, dims[(i + j) % DIMS]);
            solve_kinds(i, j, dims[(i + j + 2) % DIMS]);
        }
}

/* Norms within a few units in the last place of where they stop being trusted, on either side. */
static void norms_at_the_limit(void **state)
{
    (void)state;
    for (size_t d = 0; d < DIMS; d++) {
        size_t dim = dims[d];
        float value = sqrtf(1e37f / (float)dim);
        for (size_t i = 0; i < ROWS * dim; i++)
            items[i] = value * (1.0f + ((float)draw_below(5) - 2.0f) * 0x1p-23f) * (draw_below(2) ? 1 : -1);
        for (size_t i = 0; i < QUERIES * dim; i++)
            vectors[i] = (i / dim % 2 ? value : 1.0f) * (1.0f + ((float)draw_below(5) - 2.0f) * 0x1p-23f);
        solve(dim, "norms at the limit");
    }
}

/* Vectors along one line. The squared norm of every so-manieth overflows, but not its distance from one of
 * the shorter. */
static void draw_along(float *values, size_t rows, size_t dim, size_t every)
{
    for (size_t i = 0; i < rows; i++) {
        size_t step = draw_below(30);
        float length = i % every == 0 ? 1.845e19f + (float)step * 1e16f : (float)step * 1e17f;
        for (size_t j = 0; j < dim; j++)
            values[i * dim + j] = length / sqrtf((float)dim) * (1.0f + (float)draw_below(3) * 0x1p-22f);
    }
}

static void norms_that_overflow(void **state)
{
    (void)state;
    static const size_t every[][2] = { { 1, 2 }, { 2, 1 }, { 2, 2 }, { 1, 1 }, { 20, 2 } };
    for (size_t i = 0; i < sizeof every / sizeof every[0]; i++)
        for (size_t d = 0; d < DIMS; d++) {
            draw_along(items, ROWS, dims[d], every[i][0]);
            draw_along(vectors, QUERIES, dims[d], every[i][1]);
            solve(dims[d], "norms that overflow");
        }
}

/* Items whose 8-bit codes leave out as much as they can, and all of it along the query: there the bound
 * that drops pairs is an equality. */
static void what_codes_leave_out(void **state)
{
    (void)state;
    static const float steps[] = { 1.0f / 63, 1.0f / 127 };
    for (size_t d = 1; d < DIMS; d++)
        for (size_t i = 0; i < 100; i++) {
            size_t dim = dims[d];
            float value = steps[i % 2] * ((float)draw_below(60) + 0.5f);
            memset(items, 0, sizeof items);
            memset(vectors, 0, sizeof vectors);
            for (size_t r = 0; r < ROWS; r++) {
                items[r * dim] = 1.0f;
                items[r * dim + 1] = value * (1.0f + ((float)draw_below(9) - 4.0f) * 0x1p-23f);
            }
            for (size_t q = 0; q < QUERIES; q++)
                vectors[q * dim + 1] = q % 2 ? draw_real() : 1.0f;
            solve(dim, "what codes leave out");
        }
}

/* Denormals become zero in programs with a library that was linked with -ffast-math. */
static void small_values_where_denormals_are_flushed(void **state)
{
    (void)state;
#if defined(__SSE__)
    unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040); /* as results and as operands */
    for (size_t i = 0; i < SMALL_SCALES; i++)
        for (size_t j = 0; j < SCALES; j++)
            solve_near_copies(scales[i], scales[j], 3);
    for (size_t i = 0; i < KINDS; i++)
        for (size_t d = 0; d < DIMS; d++)
            solve_kinds(i, i, dims[d]);
    _mm_setcsr(mode);
#else
    skip();
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(near_copies_at_every_scale),
        cmocka_unit_test(every_kind_against_every_kind),
        cmocka_unit_test(norms_at_the_limit),
        cmocka_unit_test(norms_that_overflow),
        cmocka_unit_test(what_codes_leave_out),
        cmocka_unit_test(small_values_where_denormals_are_flushed),
    };
    print_message("flat on %s\n", vrec_cpu());
    return cmocka_run_group_tests_name("flat_bounds", tests, NULL, NULL);
}
