/* The Mersenne Twister against its published numbers. SPDX-License-Identifier: Apache-2.0 */
#include "core/twister.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

/* Of the reference implementation, seed 5489: what the C++ standard asks for. */
static void the_ten_thousandth_number(void **state)
{
    vr_twister t;
    uint32_t number = 0;
    (void)state;
    vr_twister_seed(&t, 5489);
    for (size_t i = 0; i < 10000; i++)
        number = vr_twister_draw(&t);
    assert_int_equal(number, 4123659995u);
}

/* As numpy.random.RandomState(1234).randint(2**32) has them. */
static void the_first_numbers(void **state)
{
    static const uint32_t expected[] = { 822569775u, 2137449171u, 2671936806u };
    vr_twister t;
    (void)state;
    vr_twister_seed(&t, 1234);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(vr_twister_draw(&t), expected[i]);
    vr_twister_seed(&t, 1234);
    assert_true(vr_twister_draw_float(&t) == 822569775.0f / 4294967295.0f);
}

static void large_seeds_are_seeds_of_their_own(void **state)
{
    vr_twister a, b;
    (void)state;
    vr_twister_seed(&a, 7);
    vr_twister_seed(&b, 7 + ((uint64_t)1 << 32));
    assert_int_not_equal(vr_twister_draw(&a), vr_twister_draw(&b));
}

static void a_shuffle_has_every_number_once(void **state)
{
    enum { COUNT = 500 };
    uint32_t all[COUNT], some[COUNT];
    bool seen[COUNT] = { false };
    (void)state;
    vr_twister_shuffle(3, COUNT, COUNT, all);
    vr_twister_shuffle(3, COUNT, 20, some);
    for (size_t i = 0; i < COUNT; i++) {
        assert_false(seen[all[i]]);
        seen[all[i]] = true;
        assert_true(i >= 20 || some[i] == all[i]); /* its beginning doesn't depend on how much is taken */
    }
    vr_twister_shuffle(4, COUNT, COUNT, some);
    assert_memory_not_equal(some, all, sizeof all);
    vr_twister_shuffle(4, 1, 1, some);
    assert_int_equal(some[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ten_thousandth_number),
        cmocka_unit_test(the_first_numbers),
        cmocka_unit_test(large_seeds_are_seeds_of_their_own),
        cmocka_unit_test(a_shuffle_has_every_number_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
