/* What is read while somebody replaces it: it stays until the last reader has left, and is ended once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/current.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

enum { READERS = 6, READINGS = 20000, REPLACEMENTS = 2000 };

/* A thing whose two halves are written by whoever ends it, so that a sanitizer sees who reads too late. */
typedef struct thing {
    size_t number, same;
    bool ended;
} thing;

static thing things[REPLACEMENTS + 1];
static atomic_size_t ends;

static void end(void *context, void *ended)
{
    thing *t = ended;
    assert_ptr_equal(context, things);
    assert_false(t->ended);
    *t = (thing){ .number = SIZE_MAX, .same = 0, .ended = true };
    atomic_fetch_add(&ends, 1);
}

static void start(vr_current *current)
{
    for (size_t i = 0; i <= REPLACEMENTS; i++)
        things[i] = (thing){ .number = i, .same = i };
    atomic_store(&ends, 0);
    vr_current_init(current, &things[0], end, things);
}

static void stays_for_its_readers(void **state)
{
    vr_current current;
    size_t first, again, second, third;
    (void)state;
    start(&current);
    assert_ptr_equal(vr_current_enter(&current, &first), &things[0]);
    assert_ptr_equal(vr_current_enter(&current, &again), &things[0]);
    vr_current_leave(&current, again);
    vr_current_replace(&current, &things[1]);
    assert_ptr_equal(vr_current_enter(&current, &second), &things[1]);
    vr_current_replace(&current, &things[2]);
    assert_int_equal(atomic_load(&ends), 0); /* both are being read */
    vr_current_leave(&current, second);
    assert_true(things[1].ended && !things[0].ended);
    vr_current_replace(&current, &things[3]); /* nobody has entered the one before */
    assert_true(things[2].ended && !things[0].ended);
    vr_current_leave(&current, first);
    assert_true(things[0].ended);
    assert_ptr_equal(vr_current_enter(&current, &third), &things[3]);
    vr_current_leave(&current, third);
    assert_false(things[3].ended); /* the current one stays, though nobody reads it */
    vr_current_clear(&current);
    assert_true(things[3].ended);
    assert_int_equal(atomic_load(&ends), 4);
}

/* As many at a time as there are places, again and again. */
static void every_place_is_used_again(void **state)
{
    vr_current current;
    size_t places[VR_CURRENT_PLACES];
    (void)state;
    start(&current);
    for (size_t round = 0, next = 1; round < 5; round++) {
        for (size_t i = 0; i + 1 < VR_CURRENT_PLACES; i++) {
            vr_current_enter(&current, &places[i]);
            vr_current_replace(&current, &things[next++]);
        }
        for (size_t i = VR_CURRENT_PLACES - 1; i-- > 0;)
            vr_current_leave(&current, places[i]);
        assert_int_equal(atomic_load(&ends), next - 1);
    }
    vr_current_clear(&current);
}

static void *read_on(void *context)
{
    vr_current *current = context;
    size_t place, last = 0;
    bool right = true;
    for (size_t i = 0; i < READINGS; i++) {
        const thing *t = vr_current_enter(current, &place);
        right &= t->number == t->same && t->number >= last; /* whole, and never an older one */
        last = t->number;
        vr_current_leave(current, place);
    }
    return right ? context : NULL;
}

static void readers_and_a_writer(void **state)
{
    static vr_current current;
    pthread_t readers[READERS];
    void *result;
    (void)state;
    start(&current);
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_on, &current), 0);
    for (size_t i = 1; i <= REPLACEMENTS; i++)
        vr_current_replace(&current, &things[i]);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i], &result), 0);
        assert_non_null(result);
    }
    assert_int_equal(atomic_load(&ends), REPLACEMENTS);
    vr_current_clear(&current);
    assert_int_equal(atomic_load(&ends), REPLACEMENTS + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stays_for_its_readers),
        cmocka_unit_test(every_place_is_used_again),
        cmocka_unit_test(readers_and_a_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
