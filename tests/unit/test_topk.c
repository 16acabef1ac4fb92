/* The k smallest keys, against a full sort. SPDX-License-Identifier: Apache-2.0 */
#include "core/topk.h"

#include "support/random.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

enum { K_MAX = 16384, N_MAX = 4 * K_MAX };

/* ---- Keys ---- */

static const float ascending[] = { -INFINITY,  -FLT_MAX, -1e10f,    -1.5f,   -1.0f,   -FLT_MIN,
                                   -0x1p-149f, 0.0f,     0x1p-149f, FLT_MIN, 1e-20f,  1.0f,
                                   1.0000001f, 3.5f,     1e10f,     FLT_MAX, INFINITY };

enum { ASCENDING = sizeof ascending / sizeof ascending[0] };

static void keys_sort_as_distance_then_row(void **state)
{
    static const uint32_t rows[] = { 0, 1, 77, INT32_MAX, UINT32_MAX };
    uint64_t last = 0;
    (void)state;
    for (size_t i = 0; i < ASCENDING; i++)
        for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
            uint64_t key = vr_topk_key(ascending[i], rows[r]);
            assert_true(key > last);
            last = key;
        }
}

static void keys_give_back_what_they_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < ASCENDING; i++) {
        uint64_t key = vr_topk_key(ascending[i], 123456789);
        float value = vr_topk_value(key);
        assert_memory_equal(&value, &ascending[i], sizeof value);
        assert_int_equal(vr_topk_row(key), 123456789);
    }
}

static void both_zeros_are_one_value(void **state)
{
    (void)state;
    assert_int_equal(vr_topk_key(-0.0f, 7), vr_topk_key(0.0f, 7));
    assert_false(signbit(vr_topk_value(vr_topk_key(-0.0f, 7))));
}

/* ---- Orders of arrival ---- */

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The distance of row i of n, in the order called what. */
static float distance(size_t what, size_t i, size_t n, uint64_t *state)
{
    uint64_t random = next_random(state);
    size_t half = n / 2, bits = 0;
    switch (what) {
    case 0: return (float)(random >> 40) * 0x1p-20f - 8.0f; /* random, both signs */
    case 1: return (float)i;                                /* ascending: nothing after the first k */
    case 2: return -(float)i;                               /* descending: every one is accepted */
    case 3: return 1.0f;                                    /* all equal: rows decide */
    case 4: return (float)(random % 3);                     /* few values */
    case 5: return (float)(i < half ? i : n - i);           /* an organ pipe */
    case 6: return (float)(i % 37);                         /* a saw */
    case 7: return i % 2 ? (float)i : -(float)i;            /* from the middle to both sides */
    case 8: return (float)(random % 1000 ? n - i : i);      /* descending, with exceptions */
    case 9: return (float)(i < half ? 2 * i : 2 * (i - half) + 1); /* two interleaved runs */
    case 10: return i % 2 ? FLT_MAX : -FLT_MAX;
    default:
        for (size_t b = 0; b < 16; b++) /* bits reversed */
            bits |= (i >> b & 1) << (15 - b);
        return (float)bits;
    }
}

enum { ORDERS = 12 };

static void draw_keys(uint64_t *keys, size_t n, size_t order)
{
    uint64_t state = n * ORDERS + order;
    for (size_t i = 0; i < n; i++)
        keys[i] = vr_topk_key(distance(order, i, n, &state), (uint32_t)i);
}

/* ---- Selection ---- */

static uint64_t *keys, *sorted, *buffer;

static int get_memory(void **state)
{
    (void)state;
    keys = malloc(N_MAX * sizeof *keys);
    sorted = malloc(N_MAX * sizeof *sorted);
    buffer = malloc(vr_topk_capacity(K_MAX) * sizeof *buffer);
    return !keys || !sorted || !buffer;
}

static int free_memory(void **state)
{
    (void)state;
    free(keys);
    free(sorted);
    free(buffer);
    return 0;
}

static void select_keys(vr_topk *top, size_t n, size_t k)
{
    vr_topk_init(top, buffer, k);
    assert_true(vr_topk_capacity(k) > k);
    for (size_t i = 0; i < n; i++) {
        vr_topk_push(top, keys[i]);
        assert_true(top->count < top->capacity);
    }
}

static void assert_smallest(const vr_topk *top, size_t n, size_t k)
{
    assert_int_equal(top->count, n < k ? n : k);
    assert_memory_equal(top->keys, sorted, top->count * sizeof *sorted);
}

static void check_selection(size_t n, size_t k)
{
    vr_topk top;
    select_keys(&top, n, k);
    assert_true(n < k || top.limit >= sorted[k - 1]);
    vr_topk_finish(&top);
    assert_smallest(&top, n, k);
    vr_topk_finish(&top); /* once more changes nothing */
    assert_smallest(&top, n, k);
}

static void sort_keys(size_t n)
{
    memcpy(sorted, keys, n * sizeof *keys);
    qsort(sorted, n, sizeof *sorted, compare_keys);
}

static void small_selections_in_every_order(void **state)
{
    (void)state;
    for (size_t order = 0; order < ORDERS; order++)
        for (size_t n = 0; n <= 300; n += n < 70 ? 1 : 23) {
            draw_keys(keys, n, order);
            sort_keys(n);
            for (size_t k = 1; k <= n + 2; k += k < 40 ? 1 : 11)
                check_selection(n, k);
        }
}

static void large_selections_in_every_order(void **state)
{
    static const size_t ks[] = { 1, 2, 10, 100, 1000, 5000, K_MAX - 1, K_MAX };
    static const size_t ns[] = { 1000, K_MAX, K_MAX + 1, 2 * K_MAX + 31, 2 * K_MAX + 33, N_MAX };
    (void)state;
    for (size_t order = 0; order < ORDERS; order++)
        for (size_t i = 0; i < sizeof ns / sizeof ns[0]; i++) {
            draw_keys(keys, ns[i], order);
            sort_keys(ns[i]);
            for (size_t j = 0; j < sizeof ks / sizeof ks[0]; j++)
                check_selection(ns[i], ks[j]);
        }
}

/* Of keys that are wholly equal, too, k are kept. */
static void duplicates_count(void **state)
{
    (void)state;
    for (size_t distinct = 1; distinct <= 5; distinct++)
        for (size_t k = 1; k <= 200; k += 7) {
            for (size_t i = 0; i < 1000; i++)
                keys[i] = vr_topk_key((float)(i % distinct), 5);
            sort_keys(1000);
            check_selection(1000, k);
        }
}

/* A limit from elsewhere keeps out what is above it, and only that. */
static void a_lower_limit_is_respected(void **state)
{
    enum { N = 5000, K = 50 };
    (void)state;
    for (size_t order = 0; order < ORDERS; order++) {
        vr_topk top;
        draw_keys(keys, N, order);
        sort_keys(N);
        vr_topk_init(&top, buffer, K);
        top.limit = sorted[K / 2];
        for (size_t i = 0; i < N; i++)
            vr_topk_push(&top, keys[i]);
        vr_topk_finish(&top);
        assert_int_equal(top.limit, sorted[K / 2]);
        assert_smallest(&top, K / 2 + 1, K);
    }
}

static void shrinking_keeps_the_smallest(void **state)
{
    (void)state;
    draw_keys(keys, 60, 0);
    sort_keys(60);
    for (size_t k = 1; k <= 60; k++) {
        vr_topk top;
        select_keys(&top, 60, k);
        vr_topk_shrink(&top);
        assert_int_equal(top.count, k);
        assert_true(k == 60 || top.limit == sorted[k - 1]);
        qsort(top.keys, top.count, sizeof *top.keys, compare_keys);
        assert_smallest(&top, 60, k);
    }
}

/* The median of the first, middle and last is always the second smallest of what is left, so that
 * quickselect and quicksort would go on for n / 4 rounds (as Musser's sequence, 1997). */
static void a_killer_of_quickselect(void **state)
{
    (void)state;
    for (size_t k = 200; k <= K_MAX; k = 3 * k + 1) {
        size_t n = vr_topk_capacity(k), half = n / 2;
        for (size_t i = 0; i < n; i++)
            keys[i] = vr_topk_key((float)(n + i), (uint32_t)i);
        for (size_t i = 0; i < half; i += 2) {
            keys[i] = vr_topk_key((float)i, (uint32_t)i);
            keys[half + i / 2] = vr_topk_key((float)(i + 1), (uint32_t)i);
        }
        sort_keys(n);
        check_selection(n, k);
        if (n <= K_MAX)
            check_selection(n, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_sort_as_distance_then_row),
        cmocka_unit_test(keys_give_back_what_they_hold),
        cmocka_unit_test(both_zeros_are_one_value),
        cmocka_unit_test(small_selections_in_every_order),
        cmocka_unit_test(large_selections_in_every_order),
        cmocka_unit_test(duplicates_count),
        cmocka_unit_test(a_lower_limit_is_respected),
        cmocka_unit_test(shrinking_keeps_the_smallest),
        cmocka_unit_test(a_killer_of_quickselect),
    };
    return cmocka_run_group_tests_name("topk", tests, get_memory, free_memory);
}
