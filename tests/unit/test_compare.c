/* What an index found beside what an exact search found, against the plainest reading of the header.
 * SPDX-License-Identifier: Apache-2.0 */
#include "vrec/vrec.h"

#include "support/failed.h"
#include "support/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

enum { USERS = 700, WIDTH = 9, EXACT = 7, ITEMS = 40, DIM = 3, KS = 3 };

static const int64_t ks[KS] = { 7, 1, 4 };
static int64_t found[USERS * WIDTH], exact[USERS * EXACT];
static float queries[USERS * DIM],
    items[ITEMS * DIM]; /* of few values, so that many are as near as others */

/* Smaller is nearer; exact in these small numbers. */
static double far(const char *metric, const float *q, const float *x)
{
    double qq = 0, xx = 0, qx = 0;
    for (size_t i = 0; i < DIM; i++) {
        qq += (double)q[i] * (double)q[i];
        xx += (double)x[i] * (double)x[i];
        qx += (double)q[i] * (double)x[i];
    }
    if (metric[0] == 'L')
        return qq + xx - 2 * qx;
    return metric[0] == 'I' ? -qx : qq > 0 && xx > 0 ? -qx / sqrt(qq * xx) : 0;
}

static void search(const char *metric, size_t user)
{
    double best[ITEMS];
    bool taken[ITEMS] = { false };
    for (size_t i = 0; i < ITEMS; i++)
        best[i] = far(metric, queries + user * DIM, items + i * DIM);
    for (size_t rank = 0; rank < EXACT; rank++) {
        size_t nearest = ITEMS;
        for (size_t i = 0; i < ITEMS; i++)
            if (!taken[i] && (nearest == ITEMS || best[i] < best[nearest]))
                nearest = i;
        taken[nearest] = true;
        exact[user * EXACT + rank] = (int64_t)nearest;
    }
}

/* Some of an exact answer, other items, items twice, and nothing. */
static void make(const char *metric)
{
    for (size_t i = 0; i < ITEMS * DIM; i++)
        items[i] = (float)draw_below(3) - 1.0f;
    for (size_t user = 0; user < USERS; user++) {
        for (size_t i = 0; i < DIM; i++)
            queries[user * DIM + i] = (float)draw_below(3) - 1.0f;
        search(metric, user);
        for (size_t rank = 0; rank < WIDTH; rank++) {
            size_t from = draw_below(10);
            found[user * WIDTH + rank] = from < 6   ? exact[user * EXACT + draw_below(EXACT)]
                                         : from < 9 ? (int64_t)draw_below(ITEMS)
                                                    : -1;
        }
        size_t filled = draw_below(4) == 0 ? draw_below(EXACT + 1) : EXACT;
        for (size_t rank = filled; rank < EXACT; rank++)
            exact[user * EXACT + rank] = -1;
    }
}

static bool is_in(const int64_t *ids, size_t count, int64_t id)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static double expected(const char *metric, size_t user, size_t k, bool ties)
{
    const int64_t *got = found + user * WIDTH, *right = exact + user * EXACT;
    size_t wanted = 0, count = 0, as_near = 0, room = 0;
    while (wanted < k && right[wanted] != -1)
        wanted++;
    if (wanted == 0)
        return NAN;
    const float *query = queries + user * DIM;
    double limit = far(metric, query, items + right[wanted - 1] * DIM);
    for (size_t rank = 0; rank < wanted; rank++)
        room += far(metric, query, items + right[rank] * DIM) >= limit - 1e-9;
    for (size_t rank = 0; rank < k; rank++) {
        if (got[rank] == -1 || is_in(got, rank, got[rank]))
            continue;
        double distance = far(metric, query, items + got[rank] * DIM);
        if (!ties || distance < limit - 1e-9)
            count += is_in(right, wanted, got[rank]);
        else
            as_near += distance <= limit + 1e-9;
    }
    return (double)(count + (as_near < room ? as_near : room)) / (double)wanted;
}

static vrec_comparison comparison(void)
{
    return (vrec_comparison){ .struct_size = sizeof(vrec_comparison),
                              .found = found,
                              .exact = exact,
                              .users = USERS,
                              .width = WIDTH,
                              .exact_width = EXACT,
                              .ks = ks,
                              .k_count = KS };
}

static void check(const char *metric, const double *recall, const double *per_user, bool ties)
{
    for (size_t i = 0; i < KS; i++) {
        double sum = 0, count = 0;
        for (size_t user = 0; user < USERS; user++) {
            double value = per_user[i * USERS + user], wanted = expected(metric, user, (size_t)ks[i], ties);
            assert_true(value == wanted || (isnan(value) && isnan(wanted)));
            sum += isnan(wanted) ? 0 : wanted;
            count += !isnan(wanted);
        }
        assert_true(recall[i] == sum / count);
    }
}

static void every_user(void **state)
{
    (void)state;
    static const char *const metrics[][2] = { { "L2", "euclidean" },
                                              { "IP", "dot" },
                                              { "COSINE", "angular" } };
    static double recall[KS], again[KS], per_user[KS * USERS];
    vrec_matrix q = vrec_matrix_f32(queries, USERS, DIM), x = vrec_matrix_f32(items, ITEMS, DIM);
    for (size_t m = 0; m < 3; m++) {
        make(metrics[m][0]);
        vrec_comparison c = comparison();
        assert_int_equal(vrec_compare(&c, recall, per_user, NULL), VREC_OK);
        check(metrics[m][0], recall, per_user, false);
        c.queries = &q;
        c.items = &x;
        c.metric = metrics[m][0];
        assert_int_equal(vrec_compare(&c, recall, per_user, NULL), VREC_OK);
        check(metrics[m][0], recall, per_user, true);
        c.metric = metrics[m][1];
        c.threads = 3;
        assert_int_equal(vrec_compare(&c, again, NULL, NULL), VREC_OK);
        assert_memory_equal(recall, again, sizeof recall);
    }
}

static void nothing_to_find(void **state)
{
    (void)state;
    static const int64_t none[2] = { -1, -1 }, two[1] = { 2 };
    double recall;
    vrec_comparison c = comparison();
    c.exact = none;
    c.users = 1;
    c.exact_width = 2;
    c.ks = two;
    c.k_count = 1;
    assert_int_equal(vrec_compare(&c, &recall, NULL, NULL), VREC_OK);
    assert_true(isnan(recall));
}

/* An item that is farther by more than rounding is no tie, wherever the origin is; a copy is one. */
static void ties_far_from_the_origin(void **state)
{
    (void)state;
    static const float query[] = { 1000, 1000 }, some[] = { 1000, 1001, 1000, 1001.0625f, 1001, 1000 };
    static const int64_t right[] = { 0 }, one[] = { 1 }, others[] = { 1, 2 };
    static const double recalls[] = { 0, 1 };
    vrec_matrix q = vrec_matrix_f32(query, 1, 2), x = vrec_matrix_f32(some, 3, 2);
    for (size_t i = 0; i < 2; i++) {
        double recall;
        vrec_comparison c = { .struct_size = sizeof c,
                              .found = &others[i],
                              .exact = right,
                              .users = 1,
                              .width = 1,
                              .exact_width = 1,
                              .ks = one,
                              .k_count = 1,
                              .queries = &q,
                              .items = &x,
                              .metric = "L2" };
        assert_int_equal(vrec_compare(&c, &recall, NULL, NULL), VREC_OK);
        assert_true(recall == recalls[i]);
    }
}

static void assert_refused(const vrec_comparison *c, const char *why)
{
    double recall[KS];
    vrec_error err;
    assert_failed(vrec_compare(c, recall, NULL, &err), &err, VREC_INVALID, why);
}

static void refused(void **state)
{
    (void)state;
    static const int64_t eight[] = { 8 };
    vrec_error err;
    vrec_matrix q = vrec_matrix_f32(queries, USERS, DIM), x = vrec_matrix_f32(items, 3, DIM);
    vrec_comparison c = comparison();
    make("L2");
    assert_refused(NULL, "the comparison is NULL");
    assert_failed(vrec_compare(&c, NULL, NULL, &err), &err, VREC_INVALID, "recall is NULL");
    c.found = NULL;
    assert_refused(&c, "found is NULL");
    c = comparison();
    c.exact = NULL;
    assert_refused(&c, "exact is NULL");
    c = comparison();
    c.exact_width = 0;
    assert_refused(&c, "700 users with lists of 9 and 0 ids");
    c = comparison();
    c.users = SIZE_MAX / 4;
    assert_refused(&c, "overflow");
    c = comparison();
    c.ks = NULL;
    assert_refused(&c, "ks is NULL");
    c.ks = eight;
    c.k_count = 1;
    assert_refused(&c, "k is 8, and the lists have 7 ids");
    c = comparison();
    c.threads = -2;
    assert_refused(&c, "threads is -2");
    c = comparison();
    c.reserved = 1;
    assert_refused(&c, "reserved is 1");
    c = comparison();
    c.items = &x;
    assert_refused(&c, "queries: the matrix is NULL");
    c.queries = &q;
    assert_refused(&c, "there is no metric \"\"");
    c.metric = "L2";
    assert_refused(&c, "items has rows 0 to 2");
    q.rows = 5;
    assert_refused(&c, "5 queries for 700 users");
    q.rows = USERS;
    q.dim = 2;
    assert_refused(&c, "the queries have 2 values each, the items 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_user),
        cmocka_unit_test(nothing_to_find),
        cmocka_unit_test(ties_far_from_the_origin),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests_name("compare", tests, NULL, NULL);
}
