/* What queries make once it pays: made once, by one of them, whoever comes at the same time.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/lazy.h"

#include "base/threads.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 5000, PAYS_AFTER = 32, THREADS = 8 };

typedef struct thing {
    atomic_int filled[ROWS];
} thing;

typedef struct kitchen {
    vr_lazy lazy;
    vr_recipe recipe;
    vrec_progress progress;
    atomic_int created, freed;
    bool short_of_memory;
    atomic_bool stops;
    atomic_int reports, wrong; /* things seen that weren't whole */
} kitchen;

static atomic_int freed;

static void *create(void *context)
{
    kitchen *k = context;
    atomic_fetch_add(&k->created, 1);
    return k->short_of_memory ? NULL : calloc(1, sizeof(thing));
}

static void fill(void *context, void *made, size_t first, size_t count)
{
    thing *t = made;
    (void)context;
    for (size_t i = first; i < first + count; i++)
        atomic_fetch_add_explicit(&t->filled[i], 1, memory_order_relaxed);
}

static void destroy(void *made)
{
    atomic_fetch_add(&freed, 1);
    free(made);
}

static int report(void *context, const vrec_progress_report *at)
{
    kitchen *k = context;
    assert_string_equal(at->phase, "searching");
    assert_true(at->done == 0 && at->total == 77);
    atomic_fetch_add(&k->reports, 1);
    return atomic_load(&k->stops);
}

static kitchen *open_kitchen(void)
{
    kitchen *k = calloc(1, sizeof *k);
    assert_non_null(k);
    k->progress = (vrec_progress){ .struct_size = sizeof k->progress, .report = report, .context = k };
    k->recipe = (vr_recipe){ .pays_after = PAYS_AFTER,
                             .rows = ROWS,
                             .create = create,
                             .fill = fill,
                             .free = destroy,
                             .context = k,
                             .threads = 2,
                             .progress = &k->progress,
                             .unit = "rows",
                             .total_steps = 77 };
    atomic_store(&freed, 0);
    return k;
}

static void close_kitchen(kitchen *k)
{
    free(atomic_load(&k->lazy.made));
    free(k);
}

static bool is_whole(const thing *t)
{
    for (size_t i = 0; i < ROWS; i++)
        if (atomic_load(&t->filled[i]) != 1)
            return false;
    return true;
}

static const void *get(kitchen *k, size_t gain)
{
    const void *out = k;
    assert_int_equal(vr_lazy_get(&k->lazy, &k->recipe, gain, &out, NULL), VREC_OK);
    return out;
}

static void made_when_it_pays(void **state)
{
    (void)state;
    kitchen *k = open_kitchen();
    assert_null(get(k, PAYS_AFTER - 2));
    assert_null(get(k, 1));
    assert_int_equal(atomic_load(&k->created), 0);
    const void *made = get(k, 1);
    assert_non_null(made);
    assert_true(is_whole(made));
    assert_ptr_equal(get(k, 0), made);
    assert_int_equal(atomic_load(&k->created), 1);
    assert_true(atomic_load(&k->reports) > 0);
    close_kitchen(k);
}

static void tried_once_where_memory_is_short(void **state)
{
    (void)state;
    kitchen *k = open_kitchen();
    k->short_of_memory = true;
    assert_null(get(k, 100));
    assert_null(get(k, 100));
    assert_int_equal(atomic_load(&k->created), 1);
    close_kitchen(k);
}

static void made_by_the_next_where_the_caller_stops(void **state)
{
    (void)state;
    kitchen *k = open_kitchen();
    const void *out = k;
    vrec_error err;
    k->recipe.threads = 1;
    atomic_store(&k->stops, true);
    assert_int_equal(vr_lazy_get(&k->lazy, &k->recipe, 100, &out, &err), VREC_CANCELLED);
    assert_null(out);
    assert_int_equal(atomic_load(&freed), 1);
    atomic_store(&k->stops, false);
    assert_true(is_whole(get(k, 0)));
    assert_int_equal(atomic_load(&k->created), 2);
    close_kitchen(k);
}

static void query(void *context, size_t worker)
{
    kitchen *k = context;
    (void)worker;
    for (int i = 0; i < 200; i++) {
        const void *out;
        if (vr_lazy_get(&k->lazy, &k->recipe, 1, &out, NULL) != VREC_OK || (out && !is_whole(out)))
            atomic_fetch_add(&k->wrong, 1);
    }
}

static void many_at_once(void **state)
{
    (void)state;
    kitchen *k = open_kitchen();
    k->recipe.progress = NULL;
    vr_parallel(THREADS, query, k);
    assert_int_equal(atomic_load(&k->wrong), 0);
    assert_int_equal(atomic_load(&k->created), 1);
    assert_non_null(get(k, 0));
    close_kitchen(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_when_it_pays),
        cmocka_unit_test(tried_once_where_memory_is_short),
        cmocka_unit_test(made_by_the_next_where_the_caller_stops),
        cmocka_unit_test(many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
