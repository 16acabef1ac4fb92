/* index_type=auto. Lists and graphs are built of a sample of the items, tuned to the recall, and timed with
 * queries that are not in them; what they would take with all items follows from how the cost of each kind
 * grows. The sample is small, since trials should take little beside the build; only kinds that come out
 * near each other are tried with a larger one. Exact search needs no guess: its index is a copy, and it is
 * timed with all items, or, of very many, with two numbers of them, since its time is a line. The cheapest
 * is built of all, and tuned; where that falls short of the recall, or is far slower than another
 * would be, as a sample can't foretell, that other is.
 *
 * Without examples of queries, some items that aren't in the sample stand for them, and the index of all
 * items is tuned on some of its own (tune.c).
 *
 * Times are this machine's, as it is now, so the choice may differ from build to build; the fact "chosen"
 * is the option string that repeats it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "api/auto.h"

#include "api/build_tuned.h"
#include "api/indexer.h"
#include "api/tune.h"
#include "base/memory.h"
#include "base/system.h"
#include "core/matrix.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    FEW = 4000,          /* items with which the exact index is as good as any */
    FIRST_SAMPLE = 2500, /* unless that is more than half of them; */
    SAMPLE_SHARE = 32,   /* of the items, in a second trial; */
    SAMPLE_MAX = 20000,
    LARGER = 3, /* times as many as in the first, at the least: with fewer it would say no more than that */
    FAR = 3,    /* times as long as another would take: an index of all items that does is none to keep */
    DIM_MAX = 8192, /* values that items of a graph may have; with more, all are compared */
    NEAR = 2, /* times as long as the best of a first trial: a larger one tells the kinds below it apart */
    EXACT_VALUES = 1 << 26, /* with so many exact search is timed at most, */
    ASKED_MAX = 300,        /* queries, */
    FIRST_ASKED = 100,      /* fewer in a first trial; */
    ASKED_FIRST = 20,       /* where they come one by one, so many say how many there is time for */
    TOP_K = 10,
    TIMES = 3,
    TIMED_US = 200000, /* after which a kind isn't timed again */
    LISTS_FACTOR = 4,  /* lists for each square root of items, */
    PER_LIST = 39,     /* and items for each list, at the least */
    SETTING_TEXT = 64
};

/* A kind that may be chosen, and the power of the number of items with which a query's time grows: in a
 * batch; one by one at a recall of .9, and more for each further nine, as what is looked at no longer fits
 * a cache. Measured on words of 2500 to 339 000 (bench/auto.py). */
typedef struct candidate {
    const char *kind, *more; /* options besides */
    double batch, one, one_nine;
} candidate;

static const candidate candidates[] = { { "Flat", "", 0, 0, 0 }, /* measured */
                                        { "IVF", "", 0.45, 0.52, 0.18 },
                                        { "HNSW", "m=32", 0.50, 0.40, 0.15 },
                                        { "HNSW", "m=16", 0.50, 0.40, 0.15 } };

enum { CANDIDATES = sizeof candidates / sizeof candidates[0], FLAT = 0 };

typedef struct choice {
    const vrec_builder *builder;
    const vrec_matrix *items;
    const vrec_build *build;
    double recall;
    bool one_by_one;
    int64_t most_bytes; /* 0: any */

    vrec_matrix sample, strangers; /* some items, and queries that aren't among them */
    int64_t *ids;                  /* room for answers to all */
    float *distances;
    double microseconds[CANDIDATES]; /* that a query would take with all items; 0: not known */
    char why[160];
} choice;

/* ---- Options ---- */

static bool is_given(const choice *c, const char *key, int64_t *value)
{
    const vr_options *options = &c->builder->options;
    size_t i = vr_options_place(options, key);
    bool given = i < options->table->count && options->given[i];
    if (given)
        *value = options->value[i];
    return given;
}

/* What is told of a candidate for so many items. */
static void describe(const candidate *k, size_t rows, char out[SETTING_TEXT])
{
    double lists = fmin(LISTS_FACTOR * sqrt((double)rows), (double)rows / PER_LIST);
    if (strcmp(k->kind, "IVF") == 0)
        snprintf(out, SETTING_TEXT, "index_type=IVF,nlists=%d", lists < 1 ? 1 : (int)lists);
    else
        snprintf(out, SETTING_TEXT, "index_type=%s%s%s", k->kind, *k->more ? "," : "", k->more);
}

/* The builder of a candidate: the caller's options but for those that chose it. Texts are the caller's. */
static vrec_status make_builder(const choice *c, const candidate *k, size_t rows, vrec_builder *out,
                                vrec_error *err)
{
    static const char *const unset[] = { "target_recall", "asked", "memory" };
    char setting[SETTING_TEXT];
    vrec_status status = VREC_OK;
    *out = *c->builder;
    for (size_t i = 0; i < sizeof unset / sizeof unset[0] && status == VREC_OK; i++)
        status = vr_options_set(&out->options, unset[i], "none", err);
    describe(k, rows, setting);
    return status == VREC_OK ? vr_options_parse(&out->options, setting, err) : status;
}

/* ---- Sample ---- */

/* Rows from first on, each stride-th of them. */
static vrec_matrix pick(const vrec_matrix *items, size_t first, size_t stride, size_t most)
{
    vrec_matrix out = *items;
    out.data = vr_matrix_at(items, first, 0);
    out.rows = vr_min((items->rows - first + stride - 1) / stride, most);
    out.row_stride *= (ptrdiff_t)stride;
    return out;
}

/* About so many items, at most half of them, and queries. */
static void take_sample(choice *c, size_t wanted, size_t asked)
{
    size_t rows = c->items->rows, stride = rows / vr_min(rows / 2, wanted);
    c->sample = pick(c->items, 0, stride, rows); /* to the end of the items, which may be sorted */
    if (c->build->queries) {
        const vrec_matrix *queries = c->build->queries;
        c->strangers = pick(queries, 0, vr_max(queries->rows / asked, 1), asked);
    } else {
        size_t apart = vr_max(c->sample.rows / asked, 1) * stride;
        c->strangers = pick(c->items, stride / 2, apart, asked);
    }
}

/* ---- Measuring ---- */

static vrec_status ask(const choice *c, const vrec_indexer *indexer, const vrec_matrix *queries,
                       size_t top_k, const char *setting, int64_t *ids, vrec_error *err)
{
    size_t at_a_time = c->one_by_one ? 1 : queries->rows;
    const vrec_query_options options = { .struct_size = sizeof options,
                                         .threads = c->one_by_one ? 1 : 0,
                                         .overrides = setting };
    vrec_status status = VREC_OK;
    for (size_t i = 0; i < queries->rows && status == VREC_OK; i += at_a_time) {
        const vrec_matrix some = pick(queries, i, 1, at_a_time);
        const vrec_results results = { .struct_size = sizeof results,
                                       .ids = ids + i * top_k,
                                       .distances = c->distances + i * top_k };
        status = vrec_query(indexer, &some, top_k, &options, &results, err);
    }
    return status;
}

static vrec_status time_once(const choice *c, const vrec_indexer *indexer, const vrec_matrix *queries,
                             const char *setting, int64_t *taken, vrec_error *err)
{
    int64_t start = vr_now_us();
    vrec_status status = ask(c, indexer, queries, TOP_K, setting, c->ids, err);
    *taken = vr_now_us() - start;
    return status;
}

/* Microseconds of a query. A batch first makes what later queries are faster with. A batch is timed whole,
 * since its time depends on how many it has; of queries that come one by one, as many as there is time for,
 * by what the first ones take. */
static vrec_status time_queries(const choice *c, const vrec_indexer *indexer, const char *setting,
                                double *out, vrec_error *err)
{
    vrec_matrix queries = c->strangers;
    choice together = *c;
    int64_t best = INT64_MAX, all = 0, taken;
    together.one_by_one = false;
    vrec_status status = time_once(&together, indexer, &queries, setting, &taken, err);
    if (status == VREC_OK && c->one_by_one) {
        const vrec_matrix first = pick(&queries, 0, 1, ASKED_FIRST);
        status = time_once(c, indexer, &first, setting, &taken, err);
        double most = (double)first.rows * TIMED_US / (double)vr_max((size_t)taken, 1);
        if (most < (double)queries.rows)
            queries.rows = vr_max((size_t)most, first.rows);
    }
    for (int i = 0; i < TIMES && all < TIMED_US && status == VREC_OK; i++) {
        status = time_once(c, indexer, &queries, setting, &taken, err);
        best = taken < best ? taken : best;
        all += taken;
    }
    *out = (double)vr_max((size_t)best, 1) / (double)queries.rows;
    return status;
}

static vrec_status tune(const choice *c, const vrec_indexer *indexer, const vrec_matrix *queries,
                        vrec_tuning *out, vrec_error *err)
{
    const vrec_tuning_options options = { .struct_size = sizeof options,
                                          .recall = c->recall,
                                          .top_k = TOP_K,
                                          .queries = queries,
                                          .progress = c->build->progress };
    *out = (vrec_tuning){ .struct_size = sizeof *out };
    return vrec_tune(indexer, &options, out, err);
}

/* How many times as long a query takes with all items as with the sample. */
static double growth_of(const choice *c, const candidate *kind)
{
    double nines = fmax(-log10(1 - c->recall) - 1, 0);
    double power = c->one_by_one ? kind->one + nines * kind->one_nine : kind->batch;
    return pow((double)c->items->rows / (double)c->sample.rows, fmin(power, 1));
}

/* A small index of a kind. A recall that it doesn't reach rules it out, whatever a smaller one did. */
static vrec_status measure_index(choice *c, size_t k, const vrec_indexer *indexer, vrec_error *err)
{
    vrec_tuning tuning;
    double taken;
    c->microseconds[k] = 0;
    vrec_status status = tune(c, indexer, &c->strangers, &tuning, err);
    if (status == VREC_INVALID)
        return VREC_OK;
    if (status == VREC_OK)
        status = time_queries(c, indexer, tuning.options, &taken, err);
    if (status == VREC_OK)
        c->microseconds[k] = taken * growth_of(c, &candidates[k]);
    return status;
}

/* Whether all items fit as this kind into the memory that there may be. */
static vrec_status fits(const choice *c, const candidate *k, bool *out, vrec_error *err)
{
    vrec_builder builder;
    vrec_forecast f = { 0 };
    double unused;
    const vr_plan plan = {
        .rows = c->items->rows, .dim = c->items->dim, .own_ids = c->build->ids != NULL, .sample = c->items
    };
    *out = true;
    vrec_status status = make_builder(c, k, plan.rows, &builder, err);
    if (status == VREC_OK && c->most_bytes > 0)
        status = c->builder->backend->estimate(&builder.options, &plan, &f, &unused, err);
    if (status == VREC_OK)
        *out = c->most_bytes == 0 || f.index_bytes + f.codes_bytes <= (uint64_t)c->most_bytes;
    return status;
}

static vrec_status build_trial(const choice *c, size_t k, const vrec_matrix *items, vrec_indexer **out,
                               vrec_error *err)
{
    vrec_builder builder;
    const vrec_build how = { .struct_size = sizeof how, .progress = c->build->progress };
    vrec_status status = make_builder(c, &candidates[k], items->rows, &builder, err);
    return status == VREC_OK ? vrec_from_embeddings(&builder, items, &how, out, err) : status;
}

static vrec_status measure(choice *c, size_t k, vrec_error *err)
{
    vrec_indexer *indexer = NULL;
    vrec_status status = build_trial(c, k, &c->sample, &indexer, err);
    if (status == VREC_OK)
        status = measure_index(c, k, indexer, err);
    vrec_indexer_free(indexer);
    return status;
}

static vrec_status time_exact(const choice *c, const vrec_matrix *items, double *out, vrec_error *err)
{
    vrec_indexer *indexer = NULL;
    vrec_status status = build_trial(c, FLAT, items, &indexer, err);
    if (status == VREC_OK)
        status = time_queries(c, indexer, NULL, out, err);
    vrec_indexer_free(indexer);
    return status;
}

/* Exact search of all items; of more than EXACT_VALUES, by a line through what so many and the sample take:
 * a query has a cost of its own besides that of its comparisons. */
static vrec_status measure_exact(choice *c, vrec_error *err)
{
    size_t all = c->items->rows, most = EXACT_VALUES / c->items->dim;
    size_t rows = vr_min(all, vr_max(most, 2 * c->sample.rows));
    const vrec_matrix items = pick(c->items, 0, all / rows, rows);
    double more, fewer = 0;
    vrec_status status = time_exact(c, &items, &more, err);
    if (status == VREC_OK && rows < all)
        status = time_exact(c, &c->sample, &fewer, err);
    if (status == VREC_OK)
        c->microseconds[FLAT] =
            more + fmax(more - fewer, 0) * (double)(all - rows) / (double)(rows - c->sample.rows);
    return status;
}

/* ---- Choosing ---- */

/* A graph with fewer links is for where one with more doesn't fit. */
static bool is_spare(const choice *c, size_t k)
{
    return k > 0 && strcmp(candidates[k].kind, candidates[k - 1].kind) == 0 && c->microseconds[k - 1] > 0;
}

static size_t best_of(const choice *c)
{
    size_t best = CANDIDATES;
    for (size_t k = 0; k < CANDIDATES; k++)
        if (c->microseconds[k] > 0 && (best == CANDIDATES || c->microseconds[k] < c->microseconds[best]))
            best = k;
    return best;
}

/* Measures those that are near the best once more, with a larger sample, if there are several. */
static vrec_status measure_near(choice *c, vrec_error *err)
{
    size_t best = best_of(c), larger = vr_min(c->items->rows / SAMPLE_SHARE, SAMPLE_MAX);
    double most = best < CANDIDATES ? NEAR * c->microseconds[best] : 0;
    size_t near = 0;
    for (size_t k = 0; k < CANDIDATES; k++)
        near += c->microseconds[k] > 0 && c->microseconds[k] <= most;
    if (near < 2 || larger < LARGER * c->sample.rows)
        return VREC_OK;
    take_sample(c, larger, ASKED_MAX);
    vrec_status status = VREC_OK;
    for (size_t k = FLAT + 1; k < CANDIDATES && status == VREC_OK; k++)
        if (c->microseconds[k] > 0 && c->microseconds[k] <= most)
            status = measure(c, k, err);
    return status;
}

static vrec_status measure_all(choice *c, const bool room[CANDIDATES], vrec_error *err)
{
    take_sample(c, FIRST_SAMPLE, FIRST_ASKED);
    vrec_status status = room[FLAT] ? measure_exact(c, err) : VREC_OK;
    for (size_t k = FLAT + 1; k < CANDIDATES && status == VREC_OK; k++)
        if (room[k] && !is_spare(c, k) && c->items->dim <= DIM_MAX)
            status = measure(c, k, err);
    return status == VREC_OK ? measure_near(c, err) : status;
}

static void explain(choice *c)
{
    int used =
        snprintf(c->why, sizeof c->why, "us a query (%s) by a trial:", c->one_by_one ? "one" : "batch");
    for (size_t k = 0; k < CANDIDATES && used < (int)sizeof c->why; k++)
        if (c->microseconds[k] > 0)
            used += snprintf(c->why + used, sizeof c->why - (size_t)used, "%s %s %.3g", k > 0 ? "," : "",
                             candidates[k].kind, c->microseconds[k]);
}

static vrec_status fail_memory(const choice *c, vrec_error *err)
{
    return vr_fail_at(err, VREC_INVALID, vr_in("memory"),
                      "faiss: no index of %zu x %zu values that has the recall fits into memory=%" PRId64
                      " MB; the vectors alone take %zu MB",
                      c->items->rows, c->items->dim, c->most_bytes / 1000000,
                      c->items->rows * c->items->dim * sizeof(float) / 1000000 + 1);
}

static vrec_status choose(choice *c, size_t *best, vrec_error *err)
{
    bool room[CANDIDATES];
    vrec_status status = VREC_OK;
    for (size_t k = 0; k < CANDIDATES && status == VREC_OK; k++)
        status = fits(c, &candidates[k], &room[k], err);
    *best = CANDIDATES;
    if (status == VREC_OK && c->items->rows < FEW) {
        *best = room[FLAT] ? FLAT : CANDIDATES;
        snprintf(c->why, sizeof c->why, "so few items are all compared with in no time");
    } else if (status == VREC_OK) {
        status = measure_all(c, room, err);
        *best = best_of(c);
        explain(c);
    }
    return status == VREC_OK && *best == CANDIDATES ? fail_memory(c, err) : status;
}

/* ---- Building ---- */

static void note(const choice *c, vrec_indexer *indexer, const char *setting)
{
    size_t place;
    vr_index *index = vr_indexer_enter(indexer, &place);
    vr_fact(&index->facts, "chosen", "%s", setting);
    vr_fact(&index->facts, "because", "%s", c->why);
    vr_facts_copy(&index->facts, vr_indexer_facts(indexer));
    vr_indexer_leave(indexer, place);
}

/* Rules out a candidate that was built of all items, and says why: it finds or takes so much. */
static void rule_out(choice *c, size_t k, const char *does, double number)
{
    size_t used = strlen(c->why);
    snprintf(c->why + used, sizeof c->why - used, "; of all items %s %s %.4g", candidates[k].kind, does,
             number);
}

/* What was built of all items may be other than its trial was. *next becomes the candidate to build
 * instead; CANDIDATES where this one is good, or there is no other. */
static vrec_status judge(choice *c, size_t k, const vrec_indexer *indexer, const vrec_tuning *tuning,
                         bool short_of, size_t *next, vrec_error *err)
{
    double taken = 0;
    *next = CANDIDATES;
    c->microseconds[k] = 0;
    size_t other = best_of(c);
    if (k == FLAT || other == CANDIDATES)
        return VREC_OK;
    if (!short_of) {
        vrec_status status = time_queries(c, indexer, tuning->options, &taken, err);
        if (status != VREC_OK || taken < FAR * c->microseconds[other])
            return status;
    }
    rule_out(c, k, short_of ? "finds" : "takes", short_of ? tuning->recall : taken);
    *next = other;
    return VREC_OK;
}

static vrec_status build_one(choice *c, size_t k, vrec_indexer **out, size_t *next, vrec_error *err)
{
    vrec_builder builder;
    vrec_tuning tuning;
    char setting[SETTING_TEXT], all[SETTING_TEXT + sizeof tuning.file_options + 16],
        shortfall[VR_SHORTFALL];
    vrec_status status = make_builder(c, &candidates[k], c->items->rows, &builder, err);
    if (status == VREC_OK)
        status = vr_build_tuned(&builder, c->items, c->build, c->recall, out, &tuning, shortfall, err);
    if (status == VREC_OK)
        status = judge(c, k, *out, &tuning, *shortfall != '\0', next, err);
    if (status != VREC_OK)
        return status;
    describe(&candidates[k], c->items->rows, setting);
    snprintf(all, sizeof all, "%s%s%s,metric=%s", setting, k != FLAT ? "," : "", tuning.file_options,
             vrec_larger_is_nearer(*out) ? "IP" : "L2");
    note(c, *out, all);
    return VREC_OK;
}

static vrec_status build_best(choice *c, size_t k, vrec_indexer **out, vrec_error *err)
{
    size_t next;
    vrec_status status = build_one(c, k, out, &next, err);
    while (status == VREC_OK && next < CANDIDATES) {
        vrec_indexer_free(*out);
        *out = NULL;
        status = build_one(c, next, out, &next, err);
    }
    return status;
}

static vrec_status run(choice *c, vrec_indexer **out, vrec_error *err)
{
    enum { ROOM = ASKED_MAX * TOP_K };
    size_t best = FLAT;
    c->ids = vr_alloc(ROOM, sizeof *c->ids);
    c->distances = vr_alloc(ROOM, sizeof *c->distances);
    vrec_status status =
        c->ids && c->distances ? VREC_OK : vr_fail_memory(err, ROOM * sizeof *c->ids, "answers of a trial");
    if (status == VREC_OK)
        status = choose(c, &best, err);
    if (status == VREC_OK)
        status = build_best(c, best, out, err);
    vr_free(c->ids);
    vr_free(c->distances);
    return status;
}

vrec_status vr_auto_build(const vrec_builder *builder, const vrec_matrix *items, const vrec_build *build,
                          vrec_indexer **out, vrec_error *err)
{
    choice c = { .builder = builder, .items = items, .build = build };
    int64_t unused, asked = 0;
    if (!is_given(&c, "target_recall", &unused))
        return vr_fail_at(
            err, VREC_INVALID, vr_in("target_recall"),
            "%s: index_type=auto is chosen for a recall; give target_recall, a number between 0 "
            "and 1, such as 0.95",
            builder->backend->name);
    vrec_status status = vr_recall_of_build(builder, &c.recall, err);
    if (status != VREC_OK)
        return status;
    c.one_by_one = is_given(&c, "asked", &asked) && asked == 1;
    if (is_given(&c, "memory", &c.most_bytes))
        c.most_bytes *= 1000000;
    status = run(&c, out, err);
    if (status != VREC_OK) {
        vrec_indexer_free(*out);
        *out = NULL;
    }
    return status;
}
