/* Marks tell what is met for the first time, and come out of their pool clear. SPDX-License-Identifier:
 * Apache-2.0 */
#include "core/marks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { NODES = 1000, SEARCHES = 3 };

static void test_first_meeting(void **unused)
{
    static const uint32_t nodes[] = { 0, 63, 64, 65, 500, NODES - 1 };
    enum { COUNT = sizeof nodes / sizeof nodes[0] };
    vr_scratch_pool pool = { { NULL } };
    (void)unused;
    for (size_t round = 0; round < 2; round++) { /* the second time, from the pool */
        uint64_t *marks = vr_marks_take(&pool, SEARCHES, NODES);
        assert_non_null(marks);
        for (size_t s = 0; s < SEARCHES; s++)
            for (size_t i = 0; i < COUNT; i++) {
                uint64_t *own = marks + s * vr_marks_words(NODES);
                assert_true(vr_mark(own, nodes[i]));
                assert_false(vr_mark(own, nodes[i]));
            }
        for (size_t s = 0; s < SEARCHES; s++)
            vr_marks_clear(marks + s * vr_marks_words(NODES), nodes, COUNT);
        for (size_t i = 0; i < SEARCHES * vr_marks_words(NODES); i++)
            assert_true(marks[i] == 0);
        vr_marks_give(&pool, marks);
    }
    vr_scratch_clear(&pool);
}

static void test_too_many(void **unused)
{
    vr_scratch_pool pool = { { NULL } };
    (void)unused;
    assert_null(vr_marks_take(&pool, SIZE_MAX / 8, NODES));
    vr_marks_give(&pool, NULL);
    vr_scratch_clear(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_first_meeting),
                                        cmocka_unit_test(test_too_many) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
