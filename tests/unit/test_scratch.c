/* Working memory that goes from query to query. SPDX-License-Identifier: Apache-2.0 */
#include "core/scratch.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

static void blocks_are_aligned_and_new_ones_zero(void **state)
{
    static const size_t sizes[] = { 0, 1, 63, 64, 65, 5000, 5 << 20 };
    vr_scratch_pool pool = { { NULL } };
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *block = vr_scratch_take(&pool, sizes[i]);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 64, 0);
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(block[j], 0);
        memset(block, 0xa5, sizes[i]);
        vr_scratch_give(&pool, block);
        vr_scratch_clear(&pool);
    }
}

static void a_block_comes_back_as_it_was(void **state)
{
    vr_scratch_pool pool = { { NULL } };
    (void)state;
    char *block = vr_scratch_take(&pool, 100);
    assert_non_null(block);
    strcpy(block, "what was here before");
    vr_scratch_give(&pool, block);
    for (size_t bytes = 100; bytes > 0; bytes--) { /* smaller wishes, too; it never shrinks */
        assert_ptr_equal(vr_scratch_take(&pool, bytes), block);
        assert_string_equal(block, "what was here before");
        vr_scratch_give(&pool, block);
    }
    assert_ptr_equal(vr_scratch_take(&pool, 100), block);
    vr_scratch_give(&pool, block);
    vr_scratch_clear(&pool);
}

static size_t held(vr_scratch_pool *pool)
{
    size_t count = 0;
    for (size_t i = 0; i < VR_SCRATCH_SLOTS; i++)
        count += atomic_load(&pool->slots[i]) != NULL;
    return count;
}

static void a_larger_wish_replaces_the_block(void **state)
{
    vr_scratch_pool pool = { { NULL } };
    (void)state;
    for (size_t bytes = 1; bytes < 300; bytes++) {
        unsigned char *block = vr_scratch_take(&pool, bytes);
        assert_non_null(block);
        assert_int_equal(block[0], 0);    /* a new one */
        assert_int_equal(held(&pool), 0); /* what was outgrown has been freed */
        memset(block, 0xa5, bytes);
        vr_scratch_give(&pool, block);
        assert_int_equal(held(&pool), 1);
    }
    vr_scratch_clear(&pool);
}

static void blocks_in_use_differ_and_spare_ones_are_kept(void **state)
{
    enum { BLOCKS = VR_SCRATCH_SLOTS + 8 };
    vr_scratch_pool pool = { { NULL } };
    unsigned char *blocks[BLOCKS];
    (void)state;
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = vr_scratch_take(&pool, 64);
        assert_non_null(blocks[i]);
        memset(blocks[i], (int)i, 64);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(blocks[i][0], i);
        assert_int_equal(blocks[i][63], i);
        vr_scratch_give(&pool, blocks[i]); /* those past the last slot are freed */
    }
    assert_int_equal(held(&pool), VR_SCRATCH_SLOTS);
    assert_non_null(blocks[0] = vr_scratch_take(&pool, 64));
    assert_int_equal(held(&pool), VR_SCRATCH_SLOTS - 1);
    vr_scratch_give(&pool, blocks[0]);
    vr_scratch_clear(&pool);
    assert_int_equal(held(&pool), 0);
    vr_scratch_clear(&pool); /* harmless */
    vr_scratch_give(&pool, NULL);
    assert_int_equal(held(&pool), 0);
}

static void sizes_that_overflow_get_nothing(void **state)
{
    vr_scratch_pool pool = { { NULL } };
    (void)state;
    assert_null(vr_scratch_take(&pool, SIZE_MAX));
    assert_null(vr_scratch_take(&pool, SIZE_MAX - 63));
    assert_null(vr_scratch_take(&pool, SIZE_MAX - 64));
}

/* ---- Threads ---- */

enum { TAKERS = 8, ROUNDS = 3000 };

static vr_scratch_pool shared;
static atomic_bool wrong;

static bool is_filled(const unsigned char *block, unsigned char with, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (block[i] != with)
            return false;
    return true;
}

static void *take_and_give(void *number)
{
    unsigned char mine = *(const unsigned char *)number;
    for (size_t round = 0; round < ROUNDS; round++) {
        size_t bytes = 1 + (round * 37 + mine * 101) % 700;
        unsigned char *block = vr_scratch_take(&shared, bytes);
        if (!block)
            continue;
        memset(block, mine, bytes);
        for (size_t again = 0; again < 3; again++)
            if (!is_filled(block, mine, bytes))
                atomic_store(&wrong, true);
        vr_scratch_give(&shared, block);
    }
    return NULL;
}

static void nobody_shares_a_block(void **state)
{
    pthread_t takers[TAKERS];
    unsigned char numbers[TAKERS];
    (void)state;
    for (size_t i = 0; i < TAKERS; i++) {
        numbers[i] = (unsigned char)(i + 1);
        assert_int_equal(pthread_create(&takers[i], NULL, take_and_give, &numbers[i]), 0);
    }
    for (size_t i = 0; i < TAKERS; i++)
        assert_int_equal(pthread_join(takers[i], NULL), 0);
    assert_false(atomic_load(&wrong));
    assert_true(held(&shared) >= 1 && held(&shared) <= TAKERS);
    vr_scratch_clear(&shared);
}

/* ---- Parts of a block ---- */

static void parts_follow_each_other_on_cache_lines(void **state)
{
    size_t end = 0;
    (void)state;
    assert_int_equal(vr_carve(&end, 1, 1), 0);
    assert_int_equal(end, 64);
    assert_int_equal(vr_carve(&end, 16, 4), 64);
    assert_int_equal(end, 128);
    assert_int_equal(vr_carve(&end, 0, 4), 128); /* nothing takes nothing */
    assert_int_equal(end, 128);
    assert_int_equal(vr_carve(&end, 17, 4), 128);
    assert_int_equal(end, 256);
}

static void an_overflow_stays_one(void **state)
{
    static const struct {
        size_t start, count, size;
    } cases[] = {
        { 0, SIZE_MAX, 2 },      { 0, SIZE_MAX / 8 + 1, 8 }, { 0, 1, SIZE_MAX },
        { 0, SIZE_MAX - 62, 1 }, { 64, SIZE_MAX - 126, 1 },  { SIZE_MAX - 63, 1, 64 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vr_scratch_pool pool = { { NULL } };
        size_t end = cases[i].start;
        vr_carve(&end, cases[i].count, cases[i].size);
        assert_int_equal(end, SIZE_MAX);
        vr_carve(&end, 1, 1);
        vr_carve(&end, 0, 1);
        assert_int_equal(end, SIZE_MAX);
        assert_null(vr_scratch_take(&pool, end));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_and_new_ones_zero),
        cmocka_unit_test(a_block_comes_back_as_it_was),
        cmocka_unit_test(a_larger_wish_replaces_the_block),
        cmocka_unit_test(blocks_in_use_differ_and_spare_ones_are_kept),
        cmocka_unit_test(sizes_that_overflow_get_nothing),
        cmocka_unit_test(nobody_shares_a_block),
        cmocka_unit_test(parts_follow_each_other_on_cache_lines),
        cmocka_unit_test(an_overflow_stays_one),
    };
    return cmocka_run_group_tests_name("scratch", tests, NULL, NULL);
}
