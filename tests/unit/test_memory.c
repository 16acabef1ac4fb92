/* Allocation, and arithmetic that notices overflow. SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { HUGE_PAGE = 2 << 20 };

static const size_t sizes[] = { 0,
                                1,
                                63,
                                64,
                                65,
                                4096,
                                HUGE_PAGE,
                                2 * HUGE_PAGE - 1,
                                2 * HUGE_PAGE,
                                2 * HUGE_PAGE + 1,
                                5 * HUGE_PAGE + 12345 };

static void blocks_are_aligned_and_writable(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *block = vr_alloc(sizes[i], 1);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % (sizes[i] < 2 * HUGE_PAGE ? 64 : HUGE_PAGE), 0);
        memset(block, 0xa5, sizes[i]);
        vr_free(block);
    }
}

static void zeroed_blocks_are_zero(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *dirty = vr_alloc(sizes[i], 3); /* which the allocator may hand out again */
        assert_non_null(dirty);
        memset(dirty, 0xa5, 3 * sizes[i]);
        vr_free(dirty);
        unsigned char *block = vr_alloc_zero(sizes[i], 3);
        assert_non_null(block);
        for (size_t j = 0; j < 3 * sizes[i]; j++)
            assert_int_equal(block[j], 0);
        vr_free(block);
    }
}

static void products_that_overflow_are_no_memory(void **state)
{
    (void)state;
    assert_null(vr_alloc(SIZE_MAX, 2));
    assert_null(vr_alloc(2, SIZE_MAX));
    assert_null(vr_alloc(SIZE_MAX / 2 + 1, 2));
    assert_null(vr_alloc_zero(SIZE_MAX / 8 + 1, 8));
    assert_null(vr_alloc(SIZE_MAX, 1)); /* the padding overflows */
    assert_null(vr_alloc(SIZE_MAX - HUGE_PAGE + 2, 1));
}

static void nothing_can_be_freed(void **state)
{
    (void)state;
    vr_free(NULL);
}

static void multiplication_notices_overflow(void **state)
{
    static const struct {
        size_t a, b;
        bool fits;
    } cases[] = {
        { 0, 0, true },
        { 0, SIZE_MAX, true },
        { SIZE_MAX, 0, true },
        { 1, SIZE_MAX, true },
        { SIZE_MAX, 1, true },
        { SIZE_MAX / 2, 2, true },
        { SIZE_MAX / 2 + 1, 2, false },
        { 2, SIZE_MAX / 2 + 1, false },
        { (size_t)1 << 32, ((size_t)1 << 32) - 1, true },
        { (size_t)1 << 32, (size_t)1 << 32, false },
        { SIZE_MAX, SIZE_MAX, false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t product;
        assert_int_equal(vr_mul(cases[i].a, cases[i].b, &product), cases[i].fits);
        if (cases[i].fits)
            assert_int_equal(product, cases[i].a * cases[i].b);
    }
}

static void addition_notices_overflow(void **state)
{
    size_t sum;
    (void)state;
    assert_true(vr_add(SIZE_MAX, 0, &sum));
    assert_int_equal(sum, SIZE_MAX);
    assert_true(vr_add(SIZE_MAX - 7, 7, &sum));
    assert_int_equal(sum, SIZE_MAX);
    assert_true(vr_add(2, 3, &sum));
    assert_int_equal(sum, 5);
    assert_false(vr_add(SIZE_MAX, 1, &sum));
    assert_false(vr_add(1, SIZE_MAX, &sum));
    assert_false(vr_add(SIZE_MAX - 7, 8, &sum));
}

static void the_smaller_and_the_larger(void **state)
{
    (void)state;
    assert_int_equal(vr_min(3, 4), 3);
    assert_int_equal(vr_min(SIZE_MAX, 0), 0);
    assert_int_equal(vr_max(3, 4), 4);
    assert_int_equal(vr_max(SIZE_MAX, 0), SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_writable),      cmocka_unit_test(zeroed_blocks_are_zero),
        cmocka_unit_test(products_that_overflow_are_no_memory), cmocka_unit_test(nothing_can_be_freed),
        cmocka_unit_test(multiplication_notices_overflow),      cmocka_unit_test(addition_notices_overflow),
        cmocka_unit_test(the_smaller_and_the_larger),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
