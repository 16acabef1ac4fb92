/* Ranking metrics: the numbers that are published, a plain reference for random lists under every
 * convention, and what is refused. SPDX-License-Identifier: Apache-2.0 */
#include "vrec/vrec.h"

#include "support/failed.h"
#include "support/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- Numbers that others have published ---- */

static const int64_t small_lists[] = { 0, 1, 0, 1, 2, 3 }, small_offsets[] = { 0, 2, 5, 7 },
                     small_truth[] = { 1, 2, 0, 1, 2, 2, 3 }, small_ks[] = { 1, 2 };

static vrec_ranking small(void)
{
    return (vrec_ranking){ .struct_size = sizeof(vrec_ranking),
                           .ids = small_lists,
                           .users = 3,
                           .width = 2,
                           .truth_offsets = small_offsets,
                           .truth_ids = small_truth,
                           .truth_count = 7,
                           .ks = small_ks,
                           .k_count = 2 };
}

static void assert_rounds_to(double value, double expected)
{
    assert_true(fabs(value - expected) <= 0.00005);
}

/* Torch-RecHub's own check of its metrics, metric.py. */
static void numbers_of_torch_rechub(void **state)
{
    (void)state;
    static const double popularity[] = { 0.5, 0.3, 0.05, 0.01, 0.1, 0.0 };
    static const float rows[] = { 1, 0, 0, 0.9f, 0.1f, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 2, 3 };
    double ndcg[2], mrr[2], recall[2], hit[2], precision[2], coverage[2], diversity[2], novelty[2];
    vrec_matrix embeddings = vrec_matrix_f32(rows, 6, 3);
    vrec_ranking ranking = small();
    ranking.items = 6;
    ranking.popularity = popularity;
    ranking.embeddings = &embeddings;
    vrec_metrics means = { sizeof means, ndcg, mrr, recall, hit, precision, coverage, diversity, novelty };
    assert_int_equal(vrec_evaluate(&ranking, &means, NULL, NULL), VREC_OK);
    assert_rounds_to(ndcg[1], 0.7956);
    assert_rounds_to(mrr[1], 0.8333);
    assert_rounds_to(recall[1], 0.7222);
    assert_rounds_to(hit[1], 0.7143);
    assert_rounds_to(precision[1], 0.8333);
    assert_rounds_to(coverage[0], 0.3333);
    assert_rounds_to(coverage[1], 0.6667);
    assert_true(diversity[0] == 0.0);
    assert_rounds_to(diversity[1], 0.3374);
    assert_rounds_to(novelty[0], 2.1073);
    assert_rounds_to(novelty[1], 2.74);
}

/* Truth A, B, C and list A, x, y: what each library calls NDCG@3 and Hit@3. */
static void same_name_different_number(void **state)
{
    (void)state;
    static const struct {
        const char *convention;
        double ndcg, hit;
    } cases[] = { { NULL, 0.4693, 0.3333 },
                  { "rechub", 0.4693, 0.3333 },
                  { "recbole", 0.4693, 1.0 },
                  { "ComiRec", 1.0, 1.0 },
                  { "recommenders", 0.4693, 1.0 } };
    static const int64_t list[] = { 1, 8, 9 }, truth[] = { 1, 2, 3 }, offsets[] = { 0, 3 }, ks[] = { 3 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double ndcg, hit;
        vrec_ranking ranking = { .struct_size = sizeof ranking,
                                 .ids = list,
                                 .users = 1,
                                 .width = 3,
                                 .truth_offsets = offsets,
                                 .truth_ids = truth,
                                 .truth_count = 3,
                                 .ks = ks,
                                 .k_count = 1,
                                 .convention = cases[i].convention };
        vrec_metrics means = { .struct_size = sizeof means, .ndcg = &ndcg, .hit = &hit };
        assert_int_equal(vrec_evaluate(&ranking, &means, NULL, NULL), VREC_OK);
        assert_rounds_to(ndcg, cases[i].ndcg);
        assert_rounds_to(hit, cases[i].hit);
    }
}

static void conventions_are_listed(void **state)
{
    (void)state;
    static const char *const names[] = { "rechub", "recbole", "comirec", "recommenders" };
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(vrec_convention_name(i), names[i]);
        assert_non_null(vrec_convention_summary(i));
    }
    assert_null(vrec_convention_name(4));
    assert_null(vrec_convention_summary(4));
}

/* ---- Random lists, against the plainest reading of docs/metrics.md ---- */

enum { USERS = 40000, WIDTH = 12, ITEMS = 60, DIM = 3, KS = 3, LONGEST = 40 };

static int64_t lists[USERS * WIDTH], offsets[USERS + 1], truth[USERS * LONGEST];
static const int64_t ks[KS] = { 5, 1, 12 }; /* in no order */
static double popularity[ITEMS];
static float vectors[ITEMS * DIM];

/* Some lists are empty or short, some truth is empty, and both repeat items. */
static void make_lists(void)
{
    size_t end = 0;
    for (size_t user = 0; user < USERS; user++) {
        size_t filled = draw_below(8) == 0 ? draw_below(WIDTH + 1) : WIDTH;
        for (size_t rank = 0; rank < WIDTH; rank++)
            lists[user * WIDTH + rank] = rank < filled ? (int64_t)draw_below(ITEMS) : -1;
        offsets[user] = (int64_t)end;
        size_t count = draw_below(10) == 0 ? draw_below(LONGEST + 1) : draw_below(4);
        for (size_t i = 0; i < count; i++)
            truth[end++] = (int64_t)draw_below(ITEMS + 5) - (draw_below(40) == 0 ? 100 : 0);
    }
    offsets[USERS] = (int64_t)end;
    for (size_t i = 0; i < ITEMS; i++)
        popularity[i] = (double)i / ITEMS;
    for (size_t i = 0; i < ITEMS * DIM; i++)
        vectors[i] = i < DIM ? 0.0f : (float)draw_below(9) - 4.0f;
}

static bool is_in(const int64_t *ids, size_t count, int64_t id)
{
    for (size_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static size_t count_different(const int64_t *ids, size_t count)
{
    size_t different = 0;
    for (size_t i = 0; i < count; i++)
        different += !is_in(ids, i, ids[i]);
    return different;
}

typedef struct expected {
    double ndcg, mrr, recall, hit, precision, diversity, novelty;
} expected;

static double best_gain(size_t hits)
{
    double gain = 0.0;
    for (size_t j = 0; j < hits; j++)
        gain += 1.0 / log2((double)j + 2.0);
    return gain;
}

static void expect_accuracy(const char *convention, size_t user, size_t k, expected *out)
{
    const int64_t *list = lists + user * WIDTH, *wanted = truth + offsets[user];
    size_t total = (size_t)(offsets[user + 1] - offsets[user]), hits = 0;
    bool rechub = strcmp(convention, "rechub") == 0, comirec = strcmp(convention, "comirec") == 0;
    bool empty = list[0] == -1; /* as they are made */
    if ((total == 0 && !rechub) || (empty && strcmp(convention, "recommenders") == 0)) {
        out->ndcg = out->mrr = out->recall = out->hit = out->precision = NAN;
        return;
    }
    size_t find = rechub || comirec ? total : count_different(wanted, total);
    for (size_t j = 0; j < k; j++) {
        bool again = !rechub && !comirec && is_in(list, j, list[j]);
        if (list[j] == -1 || again || !is_in(wanted, total, list[j]))
            continue;
        out->ndcg += 1.0 / log2((double)j + 2.0);
        if (hits++ == 0)
            out->mrr = 1.0 / ((double)j + 1.0);
    }
    if (hits > 0)
        out->ndcg /= best_gain(comirec ? hits : find < k ? find : k);
    out->recall = total > 0 ? (double)hits / (double)find : 0.0;
    out->hit = rechub ? (double)hits : hits > 0;
    out->precision = (double)hits / (double)k;
}

static double cosine(size_t a, size_t b)
{
    double ab = 0.0, aa = 0.0, bb = 0.0;
    for (size_t i = 0; i < DIM; i++) {
        double x = (double)vectors[a * DIM + i], y = (double)vectors[b * DIM + i];
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    return aa > 0.0 && bb > 0.0 ? ab / sqrt(aa * bb) : 0.0;
}

static void expect_beyond_accuracy(size_t user, size_t k, expected *out)
{
    const int64_t *list = lists + user * WIDTH;
    size_t pairs = 0, count = 0;
    for (size_t j = 0; j < k && list[j] != -1; j++) {
        double share = popularity[list[j]];
        out->novelty -= log2(share > 0.0 ? share : 1e-10);
        count++;
        for (size_t i = 0; i < j; i++, pairs++)
            out->diversity += 1.0 - cosine((size_t)list[i], (size_t)list[j]);
    }
    out->novelty = count > 0 ? out->novelty / (double)count : NAN;
    out->diversity = pairs > 0 ? out->diversity / (double)pairs : NAN;
}

typedef struct numbers {
    double ndcg[KS], mrr[KS], recall[KS], hit[KS], precision[KS], coverage[KS], diversity[KS], novelty[KS];
} numbers;

typedef struct user_numbers {
    double ndcg[KS * USERS], mrr[KS * USERS], recall[KS * USERS], hit[KS * USERS], precision[KS * USERS],
        diversity[KS * USERS], novelty[KS * USERS];
} user_numbers;

static vrec_metrics outputs_of(numbers *n)
{
    return (vrec_metrics){ sizeof(vrec_metrics), n->ndcg,     n->mrr,       n->recall, n->hit,
                           n->precision,         n->coverage, n->diversity, n->novelty };
}

static vrec_metrics user_outputs_of(user_numbers *n)
{
    return (vrec_metrics){ sizeof(vrec_metrics), n->ndcg, n->mrr,       n->recall, n->hit,
                           n->precision,         NULL,    n->diversity, n->novelty };
}

static vrec_ranking random_ranking(const char *convention, const vrec_matrix *embeddings, int32_t threads)
{
    return (vrec_ranking){ .struct_size = sizeof(vrec_ranking),
                           .ids = lists,
                           .users = USERS,
                           .width = WIDTH,
                           .truth_offsets = offsets,
                           .truth_ids = truth,
                           .truth_count = (size_t)offsets[USERS],
                           .ks = ks,
                           .k_count = KS,
                           .convention = convention,
                           .items = ITEMS,
                           .popularity = popularity,
                           .embeddings = embeddings,
                           .threads = threads };
}

/* The same bits, or both none. */
static void assert_is(double value, double wanted)
{
    assert_true(value == wanted || (isnan(value) && isnan(wanted)));
}

static void assert_near(double value, double wanted)
{
    assert_true(fabs(value - wanted) <= 1e-12 * (1.0 + fabs(wanted)) || (isnan(value) && isnan(wanted)));
}

typedef struct total {
    double sum;
    size_t count;
} total;

static void add(total *to, double value)
{
    if (isnan(value))
        return;
    to->sum += value;
    to->count++;
}

static void assert_mean(double value, total of)
{
    assert_is(value, of.count > 0 ? of.sum / (double)of.count : 0.0);
}

static void check_k(const char *convention, size_t i, const numbers *means, const user_numbers *users)
{
    total ndcg = { 0 }, mrr = { 0 }, recall = { 0 }, hit = { 0 }, precision = { 0 }, diversity = { 0 },
          novelty = { 0 };
    for (size_t user = 0; user < USERS; user++) {
        size_t at = i * USERS + user;
        expected e = { 0 };
        expect_accuracy(convention, user, (size_t)ks[i], &e);
        expect_beyond_accuracy(user, (size_t)ks[i], &e);
        assert_is(users->ndcg[at], e.ndcg);
        assert_is(users->mrr[at], e.mrr);
        assert_is(users->recall[at], e.recall);
        assert_is(users->hit[at], e.hit);
        assert_is(users->precision[at], e.precision);
        assert_near(users->diversity[at], e.diversity);
        assert_near(users->novelty[at], e.novelty);
        add(&ndcg, e.ndcg);
        add(&mrr, e.mrr);
        add(&recall, e.recall);
        add(&hit, e.hit);
        add(&precision, e.precision);
        add(&diversity, users->diversity[at]);
        add(&novelty, users->novelty[at]);
    }
    if (strcmp(convention, "rechub") == 0)
        hit.count = (size_t)offsets[USERS];
    assert_mean(means->ndcg[i], ndcg);
    assert_mean(means->mrr[i], mrr);
    assert_mean(means->recall[i], recall);
    assert_mean(means->hit[i], hit);
    assert_mean(means->precision[i], precision);
    assert_mean(means->diversity[i], diversity);
    assert_mean(means->novelty[i], novelty);
}

static double expected_coverage(size_t k)
{
    bool seen[ITEMS] = { false };
    size_t count = 0;
    for (size_t user = 0; user < USERS; user++)
        for (size_t j = 0; j < k; j++)
            if (lists[user * WIDTH + j] != -1)
                seen[lists[user * WIDTH + j]] = true;
    for (size_t i = 0; i < ITEMS; i++)
        count += seen[i];
    return (double)count / ITEMS;
}

static void every_number_of_every_user(void **state)
{
    (void)state;
    user_numbers *users = malloc(sizeof *users);
    assert_non_null(users);
    vrec_matrix embeddings = vrec_matrix_f32(vectors, ITEMS, DIM);
    for (size_t i = 0; vrec_convention_name(i); i++) {
        numbers means;
        vrec_ranking ranking = random_ranking(vrec_convention_name(i), &embeddings, 2);
        vrec_metrics to = outputs_of(&means), each = user_outputs_of(users);
        assert_int_equal(vrec_evaluate(&ranking, &to, &each, NULL), VREC_OK);
        for (size_t k = 0; k < KS; k++) {
            check_k(vrec_convention_name(i), k, &means, users);
            assert_is(means.coverage[k], expected_coverage((size_t)ks[k]));
        }
    }
    free(users);
}

/* What isn't asked for is neither needed nor looked at. */
static void metrics_one_by_one(void **state)
{
    (void)state;
    numbers all, one;
    vrec_matrix embeddings = vrec_matrix_f32(vectors, ITEMS, DIM);
    vrec_ranking ranking = random_ranking("rechub", &embeddings, 1);
    vrec_metrics to = outputs_of(&all);
    assert_int_equal(vrec_evaluate(&ranking, &to, NULL, NULL), VREC_OK);
    ranking.items = 0;
    ranking.popularity = NULL;
    ranking.embeddings = NULL;
    to = (vrec_metrics){ .struct_size = sizeof to, .recall = one.recall };
    assert_int_equal(vrec_evaluate(&ranking, &to, NULL, NULL), VREC_OK);
    assert_memory_equal(one.recall, all.recall, sizeof all.recall);
    ranking.truth_offsets = ranking.truth_ids = NULL;
    ranking.items = ITEMS;
    to = (vrec_metrics){ .struct_size = sizeof to, .coverage = one.coverage };
    assert_int_equal(vrec_evaluate(&ranking, &to, NULL, NULL), VREC_OK);
    assert_memory_equal(one.coverage, all.coverage, sizeof all.coverage);
    ranking.popularity = popularity;
    to = (vrec_metrics){ .struct_size = sizeof to, .novelty = one.novelty };
    assert_int_equal(vrec_evaluate(&ranking, &to, NULL, NULL), VREC_OK);
    assert_memory_equal(one.novelty, all.novelty, sizeof all.novelty);
    ranking.embeddings = &embeddings;
    to = (vrec_metrics){ .struct_size = sizeof to, .diversity = one.diversity };
    assert_int_equal(vrec_evaluate(&ranking, &to, NULL, NULL), VREC_OK);
    assert_memory_equal(one.diversity, all.diversity, sizeof all.diversity);
}

static void any_number_of_threads(void **state)
{
    (void)state;
    numbers one, many;
    vrec_matrix embeddings = vrec_matrix_f32(vectors, ITEMS, DIM);
    for (int32_t threads = 1; threads <= 7; threads += 2) {
        vrec_ranking ranking = random_ranking("recbole", &embeddings, threads);
        vrec_metrics to = outputs_of(threads == 1 ? &one : &many);
        assert_int_equal(vrec_evaluate(&ranking, &to, NULL, NULL), VREC_OK);
        if (threads > 1)
            assert_memory_equal(&one, &many, sizeof one);
    }
}

/* ---- Progress ---- */

static uint64_t last_done;

static int watch(void *context, const vrec_progress_report *at)
{
    assert_string_equal(at->phase, "evaluating");
    assert_string_equal(at->unit, "users");
    assert_true(at->done >= last_done && at->done <= at->total);
    assert_int_equal(at->total, USERS);
    last_done = at->done;
    return at->done > *(const uint64_t *)context;
}

static void progress_is_told_and_stops(void **state)
{
    (void)state;
    numbers means;
    uint64_t limit = USERS;
    vrec_progress progress = { sizeof progress, watch, &limit };
    vrec_matrix embeddings = vrec_matrix_f32(vectors, ITEMS, DIM);
    vrec_ranking ranking = random_ranking(NULL, &embeddings, 1);
    vrec_metrics to = outputs_of(&means);
    ranking.progress = &progress;
    last_done = 0;
    assert_int_equal(vrec_evaluate(&ranking, &to, NULL, NULL), VREC_OK);
    assert_int_equal(last_done, USERS);
    limit = USERS / 2;
    last_done = 0;
    assert_int_equal(vrec_evaluate(&ranking, &to, NULL, NULL), VREC_CANCELLED);
    assert_true(last_done < USERS);
}

/* ---- What is refused ---- */

static void assert_refused(const vrec_ranking *ranking, vrec_metrics *means, const char *why)
{
    vrec_error err;
    assert_failed(vrec_evaluate(ranking, means, NULL, &err), &err, VREC_INVALID, why);
}

static void lists_that_cannot_be(void **state)
{
    (void)state;
    static const int64_t zero[] = { 0 }, large[] = { 2, 3 };
    double recall[2];
    vrec_metrics to = { .struct_size = sizeof to, .recall = recall };
    vrec_ranking bad = small();
    assert_refused(NULL, &to, "the ranking is NULL");
    bad.struct_size = 8;
    assert_refused(&bad, &to, "sizeof(vrec_ranking)");
    bad = small();
    bad.users = 0;
    assert_refused(&bad, &to, "0 users with lists of 2 ids");
    bad = small();
    bad.width = 0;
    assert_refused(&bad, &to, "3 users with lists of 0 ids");
    bad = small();
    bad.ids = NULL;
    assert_refused(&bad, &to, "ids is NULL");
    bad.ids = small_lists;
    bad.users = bad.width = SIZE_MAX / 2;
    assert_refused(&bad, &to, "overflow");
    bad = small();
    bad.ks = zero;
    bad.k_count = 1;
    assert_refused(&bad, &to, "k is 0");
    bad.ks = large;
    bad.k_count = 2;
    assert_refused(&bad, &to, "k is 3, and the lists have 2 ids");
    bad.ks = NULL;
    assert_refused(&bad, &to, "ks is NULL");
    bad = small();
    bad.k_count = 0;
    assert_refused(&bad, &to, "k_count is 0");
    bad = small();
    bad.threads = -2;
    assert_refused(&bad, &to, "threads is -2");
    bad = small();
    bad.reserved = 1;
    assert_refused(&bad, &to, "reserved is 1");
}

static void conventions_that_are_not(void **state)
{
    (void)state;
    double recall[2];
    vrec_metrics to = { .struct_size = sizeof to, .recall = recall };
    vrec_ranking bad = small();
    bad.convention = "rehcub";
    assert_refused(&bad, &to, "did you mean \"rechub\"?");
    bad.convention = "trec";
    assert_refused(&bad, &to, "there are rechub, recbole, comirec and recommenders");
}

static void truth_that_cannot_be(void **state)
{
    (void)state;
    static const int64_t back[] = { 0, 2, 1, 7 }, late[] = { 1, 2, 5, 7 }, none[] = { 0, 0, 0, 0 },
                         no_item[] = { 1, 2, 0, 1, 2, -1, 3 };
    double recall[2];
    vrec_metrics to = { .struct_size = sizeof to, .recall = recall };
    vrec_ranking bad = small();
    bad.truth_offsets = NULL;
    assert_refused(&bad, &to, "truth_offsets is NULL");
    bad.truth_offsets = back;
    assert_refused(&bad, &to, "runs backwards at user 1, from 2 to 1");
    bad.truth_offsets = late;
    assert_refused(&bad, &to, "starts at 1, not 0");
    bad.truth_offsets = small_offsets;
    bad.truth_count = 6;
    assert_refused(&bad, &to, "truth_offsets ends at 7, and truth_count is 6");
    bad.truth_count = 8;
    assert_refused(&bad, &to, "truth_offsets ends at 7, and truth_count is 8");
    bad.truth_count = 0;
    bad.truth_offsets = none;
    assert_refused(&bad, &to, "nothing to find, as none of the 3 users");
    bad = small();
    bad.truth_ids = NULL;
    assert_refused(&bad, &to, "truth_ids is NULL");
    bad.truth_ids = no_item;
    assert_refused(&bad, &to, "user 2's truth has item -1");
}

static void catalogues_that_cannot_be(void **state)
{
    (void)state;
    static const double shares[] = { 0.5, 0.25, 7.0, 0.1 }, odd[] = { 0.5, NAN, 0.1, 0.1 };
    static const float rows[] = { 1, 2, 3, 4, INFINITY, 6, 7, 8 };
    double value[2];
    vrec_matrix embeddings = vrec_matrix_f32(rows, 4, 2);
    vrec_metrics to = { .struct_size = sizeof to, .coverage = value };
    vrec_ranking bad = small();
    assert_refused(&bad, &to, "items is 0");
    bad.items = 3;
    assert_refused(&bad, &to, "user 2's list has item 3 at place 1, and the catalogue has items 0 to 2");
    to = (vrec_metrics){ .struct_size = sizeof to, .novelty = value };
    bad.items = 4;
    assert_refused(&bad, &to, "popularity is NULL");
    bad.popularity = shares;
    assert_refused(&bad, &to, "the popularity of item 2 is 7");
    bad.popularity = odd;
    assert_refused(&bad, &to, "the popularity of item 1 is nan");
    to = (vrec_metrics){ .struct_size = sizeof to, .diversity = value };
    assert_refused(&bad, &to, "embeddings is NULL");
    bad.embeddings = &embeddings;
    assert_refused(&bad, &to, "the embedding of item 2 has a NaN or Inf");
    bad.items = 5;
    assert_refused(&bad, &to, "embeddings has 4 rows of 2 values, and the catalogue 5 items");
}

static void outputs_that_cannot_be(void **state)
{
    (void)state;
    double value[2];
    vrec_error err;
    vrec_metrics to = { .struct_size = 3, .recall = value };
    vrec_ranking ranking = small();
    assert_refused(&ranking, &to, "means: struct_size is 3");
    assert_failed(vrec_evaluate(&ranking, NULL, &to, &err), &err, VREC_INVALID,
                  "per_user: struct_size is 3");
    to = (vrec_metrics){ .struct_size = sizeof to, .coverage = value };
    assert_failed(vrec_evaluate(&ranking, NULL, &to, &err), &err, VREC_INVALID, "per_user wants coverage");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_torch_rechub),    cmocka_unit_test(same_name_different_number),
        cmocka_unit_test(conventions_are_listed),     cmocka_unit_test(every_number_of_every_user),
        cmocka_unit_test(metrics_one_by_one),         cmocka_unit_test(any_number_of_threads),
        cmocka_unit_test(progress_is_told_and_stops), cmocka_unit_test(lists_that_cannot_be),
        cmocka_unit_test(conventions_that_are_not),   cmocka_unit_test(truth_that_cannot_be),
        cmocka_unit_test(catalogues_that_cannot_be),  cmocka_unit_test(outputs_that_cannot_be),
    };
    make_lists();
    return cmocka_run_group_tests_name("evaluate", tests, NULL, NULL);
}
