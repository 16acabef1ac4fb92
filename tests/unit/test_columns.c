/* A value that at least k of many reach, and hardly more. SPDX-License-Identifier: Apache-2.0 */
#include "scan/columns.h"

#include "support/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

enum { COUNT_MAX = 1024, K_MAX = 64, COLUMNS_MAX = 192 };

static float values[COUNT_MAX], largest[COLUMNS_MAX];
static uint32_t bits[COUNT_MAX / 32];

/* How many reach what is said of the first count values. */
static size_t reaching(size_t count, size_t k)
{
    float least = vr_kth_of_columns(vr_simd_get(), values, count, k, largest, bits);
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += values[i] >= least;
    return found;
}

static void k_reach_it_and_hardly_more(void **state)
{
    (void)state;
    for (size_t k = 1; k <= K_MAX; k++)
        for (size_t round = 0; round < 40; round++) {
            size_t count = k + draw_below(COUNT_MAX - k + 1);
            for (size_t i = 0; i < count; i++)
                values[i] = draw_real();
            size_t found = reaching(count, k);
            assert_true(vr_columns_for(k) <= COLUMNS_MAX);
            assert_true(found >= k && found <= 2 * k + 16);
        }
}

/* Columns may be the rows of nothing, and values no numbers. */
static void odd_values(void **state)
{
    (void)state;
    for (size_t count = 1; count < 100; count++) {
        for (size_t i = 0; i < count; i++)
            values[i] = 1.0f;
        assert_int_equal(reaching(count, count < 3 ? count : 3), count);
        values[count / 2] = NAN;
        for (size_t i = 0; i < count / 2; i++)
            values[i] = i % 2 ? INFINITY : -INFINITY;
        assert_true(reaching(count, 1) >= (count > 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(k_reach_it_and_hardly_more),
        cmocka_unit_test(odd_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
