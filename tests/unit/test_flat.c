/* Exact search: every shape, batch size, thread count and form of queries gives the items that a plain
 * scan finds, in its order, with its bits. SPDX-License-Identifier: Apache-2.0 */
#include "support/flat_oracle.h"

static const vr_metric metrics[] = { VR_METRIC_L2, VR_METRIC_IP };

/* ---- Shapes ---- */

static void solve_integers(size_t rows, size_t dim, size_t queries, size_t top_k)
{
    float *items = new_integers(rows * dim), *vectors = new_integers(queries * dim);
    problem p = {
        .rows = rows, .dim = dim, .queries = queries, .top_k = top_k, .items = items, .vectors = vectors
    };
    for (size_t m = 0; m < 2; m++) {
        p.metric = metrics[m];
        assert_solved(&p, in_double, "integers");
    }
    free(items);
    free(vectors);
}

static size_t draw_top_k(size_t rows)
{
    const size_t all[] = { 1, 10, rows, rows + 5 };
    return all[draw_below(4)];
}

static void every_small_shape(void **state)
{
    (void)state;
    for (size_t rows = 1; rows <= 70; rows++)
        for (size_t dim = 1; dim <= 40; dim++)
            solve_integers(rows, dim, 1 + draw_below(30), draw_top_k(rows));
}

static void every_small_batch(void **state)
{
    (void)state;
    for (size_t rows = 1; rows <= 70; rows += 3)
        for (size_t queries = 1; queries <= 30; queries++)
            solve_integers(rows, 1 + draw_below(70), queries, draw_top_k(rows));
}

static void larger_shapes(void **state)
{
    (void)state;
    solve_integers(3001, 64, 30, VREC_MAX_TOP_K);
    solve_integers(2500, 100, 25, 10);
    solve_integers(1024, 128, 100, 1);
    solve_integers(1025, 300, 13, 1025);
    solve_integers(5000, 3, 100, 100);
    solve_integers(40, 8200, 20, 7); /* rows too long for panels */
}

/* ---- The same bits however one asks ---- */

static void batches_and_threads_make_no_difference(void **state)
{
    (void)state;
    static const struct {
        size_t rows, dim, queries, top_k;
    } shapes[] = { { 17000, 128, 26, 10 }, { 12000, 100, 24, 3000 }, { 2001, 32, 1000, 10 } };
    static const size_t batches[] = { 1, 2, 5, 6, 7, 13, 100, 1000 };
    static const int32_t threads[] = { 1, 2, 3, 7 };
    for (size_t s = 0; s < 6; s++) {
        problem p = { .metric = metrics[s % 2],
                      .rows = shapes[s / 2].rows,
                      .dim = shapes[s / 2].dim,
                      .queries = shapes[s / 2].queries,
                      .top_k = shapes[s / 2].top_k };
        float *items = new_reals(p.rows * p.dim, 1.0f), *vectors = new_reals(p.queries * p.dim, 1.0f);
        p.items = items;
        p.vectors = vectors;
        answers expected = expect_answers(&p, by_row_kernel);
        for (size_t codes = 0; codes < 2; codes++) {
            vrec_indexer *indexer = new_indexer(&p, codes);
            for (size_t b = 0; b < sizeof batches / sizeof batches[0]; b++)
                assert_answers(indexer, &p, &expected, batches[b], threads[b % 4], "batches");
            for (size_t t = 0; t < 4; t++)
                assert_answers(indexer, &p, &expected, p.queries, threads[t], "threads");
            vrec_indexer_free(indexer);
        }
        free_answers(&expected);
        free(items);
        free(vectors);
    }
}

/* All that is near is with one thread, which tells the others how near. */
static void one_thread_finds_everything(void **state)
{
    (void)state;
    enum { ROWS = 40000, DIM = 128, NEAR = 20000, QUERIES = 20 };
    float *items = new_reals(ROWS * DIM, 1.0f), *vectors = new_reals(QUERIES * DIM, 0.1f);
    for (size_t i = 0; i < ROWS * DIM; i++)
        if (i / DIM < NEAR || i / DIM >= NEAR + 1000)
            items[i] += 9.0f;
    problem p = { .metric = VR_METRIC_L2,
                  .rows = ROWS,
                  .dim = DIM,
                  .queries = QUERIES,
                  .top_k = 30,
                  .items = items,
                  .vectors = vectors };
    answers expected = expect_answers(&p, by_row_kernel);
    vrec_indexer *indexer = new_indexer(&p, true);
    for (int32_t i = 0; i < 20; i++)
        assert_answers(indexer, &p, &expected, QUERIES, 2 + i % 3, "one thread");
    free_answers(&expected);
    vrec_indexer_free(indexer);
    free(items);
    free(vectors);
}

/* The bits of a small natural number as float16. */
static uint16_t half_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)(value > 0 ? (bits >> 13) - (112 << 10) : 0);
}

static void put_value(int32_t type, float value, uint8_t *to)
{
    const int32_t i32 = (int32_t)value;
    const int64_t i64 = (int64_t)value;
    const double f64 = (double)value;
    const uint16_t f16 = half_of(value);
    const void *from[] = { [VREC_F32] = &value, [VREC_F16] = &f16, [VREC_F64] = &f64, [VREC_I8] = &i32,
                           [VREC_U8] = &i32,    [VREC_I32] = &i32, [VREC_I64] = &i64 };
    memcpy(to, from[type], vr_type_size(type));
}

/* The queries as another type, the last row first, every other value, at an odd address. */
static void ask_in_type(const vrec_indexer *indexer, const problem *p, const answers *expected,
                        int32_t type)
{
    size_t size = vr_type_size(type), row_bytes = 2 * p->dim * size;
    uint8_t *bytes = malloc(p->queries * row_bytes + 1);
    assert_non_null(bytes);
    vrec_matrix matrix = { .struct_size = sizeof matrix,
                           .data = bytes + 1 + (p->queries - 1) * row_bytes,
                           .rows = p->queries,
                           .dim = p->dim,
                           .row_stride = -(ptrdiff_t)row_bytes,
                           .col_stride = 2 * (ptrdiff_t)size,
                           .type = type };
    for (size_t i = 0; i < p->queries; i++)
        for (size_t j = 0; j < p->dim; j++)
            put_value(type, p->vectors[i * p->dim + j],
                      bytes + 1 + (p->queries - 1 - i) * row_bytes + 2 * j * size);
    for (size_t batch = 1; batch <= p->queries; batch += p->queries - 1) {
        answers got = ask(indexer, p, &matrix, batch, 1);
        assert_same_answers(p, expected, &got, "types");
        free_answers(&got);
    }
    free(bytes);
}

static void types_and_strides_make_no_difference(void **state)
{
    (void)state;
    enum { ROWS = 90, DIM = 21, QUERIES = 30 };
    float *items = new_reals(ROWS * DIM, 5.0f), *vectors = new_floats(QUERIES * DIM);
    for (size_t i = 0; i < QUERIES * DIM; i++)
        vectors[i] = (float)draw_below(8);
    problem p = { .metric = VR_METRIC_L2,
                  .rows = ROWS,
                  .dim = DIM,
                  .queries = QUERIES,
                  .top_k = 10,
                  .items = items,
                  .vectors = vectors };
    vrec_indexer *indexer = new_indexer(&p, true);
    answers expected = expect_answers(&p, by_row_kernel);
    for (int32_t type = VREC_F32; type <= VREC_I64; type++)
        ask_in_type(indexer, &p, &expected, type);
    free_answers(&expected);
    vrec_indexer_free(indexer);
    free(items);
    free(vectors);
}

/* ---- Ties ---- */

static void equal_items_come_by_id(void **state)
{
    (void)state;
    enum { ROWS = 2000, DIM = 19, QUERIES = 26 };
    static const float values[] = { 0.0f, -0.0f, 0.1f, 1e10f };
    for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
        float *items = new_floats(ROWS * DIM), *vectors = new_reals(QUERIES * DIM, 1.0f);
        for (size_t i = 0; i < ROWS * DIM; i++)
            items[i] = values[v];
        memset(vectors, 0, DIM * sizeof(float));             /* zeros */
        memcpy(vectors + DIM, items, DIM * sizeof(float));   /* an item */
        memcpy(vectors + 2 * DIM, items, sizeof(float) * 2); /* most of a random row */
        for (size_t m = 0; m < 2; m++) {
            problem p = { .metric = metrics[m],
                          .rows = ROWS,
                          .dim = DIM,
                          .queries = QUERIES,
                          .top_k = 33,
                          .items = items,
                          .vectors = vectors };
            assert_solved(&p, by_row_kernel, "equal items");
            answers expected = expect_answers(&p, by_row_kernel);
            for (size_t i = 0; i < QUERIES * 33; i++)
                assert_int_equal(expected.ids[i], i % 33);
            free_answers(&expected);
        }
        free(items);
        free(vectors);
    }
}

/* ---- NaN and Inf ---- */

static void queries_that_are_not_finite_get_padding(void **state)
{
    (void)state;
    enum { ROWS = 500, DIM = 24, QUERIES = 50 };
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    float *items = new_integers(ROWS * DIM), *vectors = new_integers(QUERIES * DIM);
    for (size_t i = 0; i < QUERIES; i += 1 + draw_below(4))
        vectors[i * DIM + draw_below(DIM)] = bad[i % 3];
    problem p = {
        .rows = ROWS, .dim = DIM, .queries = QUERIES, .top_k = 5, .items = items, .vectors = vectors
    };
    for (size_t m = 0; m < 2; m++) {
        p.metric = metrics[m];
        assert_solved(&p, in_double, "bad queries");
    }
    for (size_t i = 0; i < QUERIES; i++)
        vectors[i * DIM + i % DIM] = bad[i % 3];
    assert_solved(&p, in_double, "only bad queries");
    free(items);
    free(vectors);
}

static void items_that_are_not_finite_are_never_found(void **state)
{
    (void)state;
    enum { ROWS = 400, DIM = 33, QUERIES = 30 };
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    float *items = new_integers(ROWS * DIM), *vectors = new_integers(QUERIES * DIM);
    for (size_t i = 0; i < ROWS; i += 1 + draw_below(4))
        items[i * DIM + draw_below(DIM)] = bad[i % 3];
    problem p = { .rows = ROWS, .dim = DIM, .queries = QUERIES, .items = items, .vectors = vectors };
    for (size_t c = 0; c < 4; c++) {
        p.metric = metrics[c % 2];
        p.top_k = c < 2 ? 20 : ROWS;
        assert_solved(&p, in_double, "bad items");
    }
    free(items);
    free(vectors);
}

/* ---- Exclusions ---- */

/* Every query excludes about this share of the items, in percent; some ids twice, some that don't exist. */
static int64_t *new_exclusions(problem *p, size_t percent)
{
    int64_t *offsets = malloc((p->queries + 1) * sizeof *offsets);
    int64_t *ids = malloc((p->queries * (2 * p->rows + 2) + 1) * sizeof *ids), count = 0;
    assert_true(offsets && ids);
    offsets[0] = 0;
    for (size_t q = 0; q < p->queries; q++) {
        if (draw_below(4) == 0)
            ids[count++] = -1;
        for (size_t i = 0; i < p->rows; i++)
            for (size_t times = draw_below(100) < percent ? 1 + (draw_below(8) == 0) : 0; times > 0;
                 times--)
                ids[count++] = (int64_t)i;
        if (draw_below(4) == 0)
            ids[count++] = INT64_MAX;
        offsets[q + 1] = count;
    }
    p->exclude_offsets = offsets;
    p->exclude_ids = ids;
    return ids;
}

static void excluded_items_are_as_if_removed(void **state)
{
    (void)state;
    static const size_t percents[] = { 0, 1, 10, 50, 99, 100 };
    for (size_t c = 0; c < 120; c++) {
        problem p = { .metric = metrics[c % 2],
                      .rows = 1 + draw_below(300),
                      .dim = 1 + draw_below(40),
                      .queries = 1 + draw_below(40) };
        p.top_k = draw_top_k(p.rows);
        float *items = new_integers(p.rows * p.dim), *vectors = new_integers(p.queries * p.dim);
        p.items = items;
        p.vectors = vectors;
        for (size_t q = 0; c % 3 == 0 && q < p.queries; q += 4)
            vectors[q * p.dim] = NAN; /* the others' exclusions stay theirs */
        int64_t *ids = new_exclusions(&p, percents[c / 2 % 6]);
        assert_solved(&p, in_double, "exclusions");
        free(ids);
        free((void *)(uintptr_t)p.exclude_offsets);
        free(items);
        free(vectors);
    }
}

/* So many bytes, of which percent of the bits are set. */
static uint8_t *new_bitmaps(size_t bytes, size_t percent)
{
    uint8_t *bitmaps = calloc(bytes + 1, 1);
    assert_non_null(bitmaps);
    for (size_t i = 0; i < 8 * bytes; i++)
        bitmaps[i / 8] |= (uint8_t)((draw_below(100) < percent) << i % 8);
    return bitmaps;
}

/* A bitmap for each query or one for all; few or many rows; with and without exclusions. */
static void only_allowed_items_are_found(void **state)
{
    (void)state;
    static const size_t percents[] = { 0, 1, 3, 10, 50, 100 };
    static const int64_t for_all[] = { -1, 0, 3, 3, 50, 1000 };
    for (size_t c = 0; c < 120; c++) {
        problem p = { .metric = metrics[c % 2],
                      .rows = 1 + draw_below(700),
                      .dim = 1 + draw_below(40),
                      .queries = 1 + draw_below(40) };
        size_t least = (p.rows + 7) / 8;
        p.top_k = draw_top_k(p.rows);
        float *items = new_integers(p.rows * p.dim), *vectors = new_integers(p.queries * p.dim);
        p.items = items;
        p.vectors = vectors;
        p.allow_stride = c / 12 % 2 ? least + draw_below(3) : 0;
        uint8_t *bitmaps =
            new_bitmaps(p.allow_stride > 0 ? p.queries * p.allow_stride : least, percents[c / 2 % 6]);
        int64_t *ids = c % 5 == 0 ? new_exclusions(&p, 20) : NULL;
        p.allow = bitmaps;
        if (c % 5 == 1) {
            p.exclude_ids = for_all;
            p.exclude_count = sizeof for_all / sizeof for_all[0];
        }
        assert_solved(&p, in_double, "allowance");
        free(ids);
        free((void *)(uintptr_t)p.exclude_offsets);
        free(bitmaps);
        free(items);
        free(vectors);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_small_shape),
        cmocka_unit_test(every_small_batch),
        cmocka_unit_test(larger_shapes),
        cmocka_unit_test(batches_and_threads_make_no_difference),
        cmocka_unit_test(one_thread_finds_everything),
        cmocka_unit_test(types_and_strides_make_no_difference),
        cmocka_unit_test(equal_items_come_by_id),
        cmocka_unit_test(queries_that_are_not_finite_get_padding),
        cmocka_unit_test(items_that_are_not_finite_are_never_found),
        cmocka_unit_test(excluded_items_are_as_if_removed),
        cmocka_unit_test(only_allowed_items_are_found),
    };
    print_message("flat on %s\n", vrec_cpu());
    return cmocka_run_group_tests_name("flat", tests, NULL, NULL);
}
