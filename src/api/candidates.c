/* Lists and graphs are built of a sample of the items, tuned to the recall, and timed with queries that are
 * not in it; what they would take with all items follows from how the cost of each kind grows. Exact search
 * needs no guess: its index is a copy, and it is timed with all items, or, of very many, with two numbers
 * of them, since its time is a line.
 *
 * Without examples of queries, some items that aren't in the sample stand for them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "api/candidates.h"

#include "base/memory.h"
#include "base/system.h"
#include "core/matrix.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    EXACT_VALUES = 1 << 26, /* with so many exact search is timed at most */
    ASKED_FIRST = 20,       /* where queries come one by one, so many say how many there is time for */
    TIMES = 3,
    TIMED_US = 200000, /* after which a kind isn't timed again */
    LISTS_FACTOR = 4,  /* lists for each square root of items, */
    PER_LIST = 39      /* and items for each list, at the least */
};

/* The powers were measured on words of 2500 to 339 000 (bench/auto.py). */
const vr_candidate vr_candidates[VR_CANDIDATES] = { { "Flat", "", 0, 0, 0 },
                                                    { "IVF", "", 0.45, 0.52, 0.18 },
                                                    { "HNSW", "m=32", 0.50, 0.40, 0.15 },
                                                    { "HNSW", "m=16", 0.50, 0.40, 0.15 } };

/* ---- Options ---- */

void vr_candidate_describe(size_t k, size_t rows, char out[VR_CANDIDATE_TEXT])
{
    const char *kind = vr_candidates[k].kind, *more = vr_candidates[k].more;
    double lists = fmin(LISTS_FACTOR * sqrt((double)rows), (double)rows / PER_LIST);
    if (strcmp(kind, "IVF") == 0)
        snprintf(out, VR_CANDIDATE_TEXT, "index_type=IVF,nlists=%d", lists < 1 ? 1 : (int)lists);
    else
        snprintf(out, VR_CANDIDATE_TEXT, "index_type=%s%s%s", kind, *more ? "," : "", more);
}

vrec_status vr_candidate_builder(const vr_choice *c, size_t k, size_t rows, vrec_builder *out,
                                 vrec_error *err)
{
    static const char *const unset[] = { "target_recall", "asked", "memory" };
    char setting[VR_CANDIDATE_TEXT];
    vrec_status status = VREC_OK;
    *out = *c->builder;
    for (size_t i = 0; i < sizeof unset / sizeof unset[0] && status == VREC_OK; i++)
        status = vr_options_set(&out->options, unset[i], "none", err);
    vr_candidate_describe(k, rows, setting);
    return status == VREC_OK ? vr_options_parse(&out->options, setting, err) : status;
}

vrec_status vr_candidate_fits(const vr_choice *c, size_t k, bool *out, vrec_error *err)
{
    vrec_builder builder;
    vrec_forecast f = { 0 };
    double unused;
    const vr_plan plan = {
        .rows = c->items->rows, .dim = c->items->dim, .own_ids = c->build->ids != NULL, .sample = c->items
    };
    *out = true;
    vrec_status status = vr_candidate_builder(c, k, plan.rows, &builder, err);
    if (status == VREC_OK && c->most_bytes > 0)
        status = c->builder->backend->estimate(&builder.options, &plan, &f, &unused, err);
    if (status == VREC_OK)
        *out = c->most_bytes == 0 || f.index_bytes + f.codes_bytes <= (uint64_t)c->most_bytes;
    return status;
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

void vr_choice_sample(vr_choice *c, size_t wanted, size_t asked)
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

/* ---- Asking ---- */

static vrec_status ask(const vr_choice *c, const vrec_indexer *indexer, const vrec_matrix *queries,
                       const char *setting, vrec_error *err)
{
    size_t at_a_time = c->one_by_one ? 1 : queries->rows;
    const vrec_query_options options = { .struct_size = sizeof options,
                                         .threads = c->one_by_one ? 1 : 0,
                                         .overrides = setting };
    vrec_status status = VREC_OK;
    for (size_t i = 0; i < queries->rows && status == VREC_OK; i += at_a_time) {
        const vrec_matrix some = pick(queries, i, 1, at_a_time);
        const vrec_results results = { .struct_size = sizeof results,
                                       .ids = c->ids + i * VR_CHOICE_TOP_K,
                                       .distances = c->distances + i * VR_CHOICE_TOP_K };
        status = vrec_query(indexer, &some, VR_CHOICE_TOP_K, &options, &results, err);
    }
    return status;
}

static vrec_status time_once(const vr_choice *c, const vrec_indexer *indexer, const vrec_matrix *queries,
                             const char *setting, int64_t *taken, vrec_error *err)
{
    int64_t start = vr_now_us();
    vrec_status status = ask(c, indexer, queries, setting, err);
    *taken = vr_now_us() - start;
    return status;
}

/* A batch first makes what later queries are faster with. A batch is timed whole,
 * since its time depends on how many it has; of queries that come one by one, as many as there is time for,
 * by what the first ones take. */
vrec_status vr_choice_time(const vr_choice *c, const vrec_indexer *indexer, const char *setting,
                           double *out, vrec_error *err)
{
    vrec_matrix queries = c->strangers;
    vr_choice together = *c;
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

/* ---- Trials ---- */

static vrec_status tune(const vr_choice *c, const vrec_indexer *indexer, vrec_tuning *out, vrec_error *err)
{
    const vrec_tuning_options options = { .struct_size = sizeof options,
                                          .recall = c->recall,
                                          .top_k = VR_CHOICE_TOP_K,
                                          .queries = &c->strangers,
                                          .progress = c->build->progress };
    *out = (vrec_tuning){ .struct_size = sizeof *out };
    return vrec_tune(indexer, &options, out, err);
}

/* How many times as long a query takes with all items as with the sample. */
static double growth_of(const vr_choice *c, const vr_candidate *kind)
{
    double nines = fmax(-log10(1 - c->recall) - 1, 0);
    double power = c->one_by_one ? kind->one + nines * kind->one_nine : kind->batch;
    return pow((double)c->items->rows / (double)c->sample.rows, fmin(power, 1));
}

static vrec_status measure_index(vr_choice *c, size_t k, const vrec_indexer *indexer, vrec_error *err)
{
    vrec_tuning tuning;
    double taken;
    c->microseconds[k] = 0;
    vrec_status status = tune(c, indexer, &tuning, err);
    if (status == VREC_INVALID)
        return VREC_OK;
    if (status == VREC_OK)
        status = vr_choice_time(c, indexer, tuning.options, &taken, err);
    if (status == VREC_OK)
        c->microseconds[k] = taken * growth_of(c, &vr_candidates[k]);
    return status;
}

static vrec_status build_trial(const vr_choice *c, size_t k, const vrec_matrix *items, vrec_indexer **out,
                               vrec_error *err)
{
    vrec_builder builder;
    const vrec_build how = { .struct_size = sizeof how, .progress = c->build->progress };
    vrec_status status = vr_candidate_builder(c, k, items->rows, &builder, err);
    return status == VREC_OK ? vrec_from_embeddings(&builder, items, &how, out, err) : status;
}

static vrec_status try_small(vr_choice *c, size_t k, vrec_error *err)
{
    vrec_indexer *indexer = NULL;
    vrec_status status = build_trial(c, k, &c->sample, &indexer, err);
    if (status == VREC_OK)
        status = measure_index(c, k, indexer, err);
    vrec_indexer_free(indexer);
    return status;
}

static vrec_status time_exact(const vr_choice *c, const vrec_matrix *items, double *out, vrec_error *err)
{
    vrec_indexer *indexer = NULL;
    vrec_status status = build_trial(c, VR_FLAT, items, &indexer, err);
    if (status == VREC_OK)
        status = vr_choice_time(c, indexer, NULL, out, err);
    vrec_indexer_free(indexer);
    return status;
}

/* Exact search of all items; of more than EXACT_VALUES, by a line through what so many and the sample take:
 * a query has a cost of its own besides that of its comparisons. */
static vrec_status try_exact(vr_choice *c, vrec_error *err)
{
    size_t all = c->items->rows, most = EXACT_VALUES / c->items->dim;
    size_t rows = vr_min(all, vr_max(most, 2 * c->sample.rows));
    const vrec_matrix items = pick(c->items, 0, all / rows, rows);
    double more, fewer = 0;
    vrec_status status = time_exact(c, &items, &more, err);
    if (status == VREC_OK && rows < all)
        status = time_exact(c, &c->sample, &fewer, err);
    if (status == VREC_OK)
        c->microseconds[VR_FLAT] =
            more + fmax(more - fewer, 0) * (double)(all - rows) / (double)(rows - c->sample.rows);
    return status;
}

vrec_status vr_choice_try(vr_choice *c, size_t k, vrec_error *err)
{
    return k == VR_FLAT ? try_exact(c, err) : try_small(c, k, err);
}
