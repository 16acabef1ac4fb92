/* What an index would take. Its backend knows the sizes, and how much work a build is; how long that takes
 * here is found out by trial: ever more items are built from, until it takes long enough to be measured.
 * SPDX-License-Identifier: Apache-2.0 */
#include "api/builder.h"
#include "base/memory.h"
#include "base/system.h"
#include "core/matrix.h"
#include "core/structs.h"
#include "core/twister.h"

enum {
    LEAST_ROWS = 2048,
    GROWTH = 2,
    TRIALS_US = 1000000,  /* all trials together take no longer, */
    ENOUGH_US = 300000,   /* one that takes as long as this is the last, */
    AGAIN_US = 400000,    /* and is made twice if it doesn't take as long as this */
    VALUES_MAX = 8 << 20, /* of the items of a trial */
    GROUPS = 64           /* of near ones, among items that are drawn */
};

typedef struct trials {
    const vrec_builder *builder;
    const vrec_progress *progress;
    size_t rows, dim;          /* of the plan */
    const vrec_matrix *sample; /* the caller's; NULL: */
    float *drawn;              /* drawn, so many, */
    size_t drawn_rows;
    vr_twister random;
    size_t most; /* rows that a trial may have */
} trials;

/* ---- Items ---- */

/* Around 0. */
static float draw_value(vr_twister *random)
{
    float sum = 0;
    for (size_t i = 0; i < 4; i++)
        sum += vr_twister_draw_float(random);
    return sum - 2;
}

/* Draws until there are so many items. What a build takes hardly depends on how they lie, as long as they
 * differ from each other: they are spread around some that came before, and their lengths differ, as those
 * of embeddings do. */
static void draw_items(trials *t, size_t rows)
{
    for (; t->drawn_rows < rows; t->drawn_rows++) {
        float *item = t->drawn + t->drawn_rows * t->dim;
        const float *center = t->drawn + vr_twister_draw(&t->random) % GROUPS * t->dim;
        float length = 0.5f + vr_twister_draw_float(&t->random);
        for (size_t j = 0; j < t->dim; j++)
            item[j] = length * (draw_value(&t->random) + (t->drawn_rows < GROUPS ? 0 : 0.5f * center[j]));
    }
}

/* So many items: of the caller's, evenly spread. */
static vrec_matrix pick_items(trials *t, size_t rows)
{
    if (!t->sample) {
        vrec_matrix drawn = vrec_matrix_f32(t->drawn, rows, t->dim);
        drawn.row_stride = (ptrdiff_t)(t->dim * sizeof(float)); /* a backend wants to see them */
        drawn.col_stride = sizeof(float);
        draw_items(t, rows);
        return drawn;
    }
    vrec_matrix items = *t->sample;
    items.row_stride *= (ptrdiff_t)(items.rows / rows);
    items.rows = rows;
    return items;
}

static vrec_status get_items(trials *t, vrec_error *err)
{
    t->most = vr_min(t->rows, vr_max(VALUES_MAX / t->dim, 1));
    if (t->sample) {
        t->most = vr_min(t->most, t->sample->rows);
        return VREC_OK;
    }
    vr_twister_seed(&t->random, 1);
    t->drawn = vr_alloc(t->most, t->dim * sizeof *t->drawn);
    return t->drawn ? VREC_OK : vr_fail_memory(err, t->most * t->dim * sizeof *t->drawn, "a trial's items");
}

/* ---- Trials ---- */

/* The options of a small copy. They have the builder's texts, which nobody may free. */
static vr_options options_for(const trials *t, size_t rows)
{
    vr_options options = t->builder->options;
    if (t->builder->backend->shrink)
        t->builder->backend->shrink(&options, rows, t->rows);
    return options;
}

static vrec_status measure_work(const trials *t, size_t rows, double *work, vrec_error *err)
{
    const vr_options options = options_for(t, rows);
    const vr_plan plan = { .rows = rows, .dim = t->dim, .sample = t->sample };
    vrec_forecast unused = { 0 };
    return t->builder->backend->estimate(&options, &plan, &unused, work, err);
}

static vrec_status build(trials *t, size_t rows, int64_t *taken_us, vrec_error *err)
{
    const vr_options options = options_for(t, rows);
    const vrec_matrix items = pick_items(t, rows);
    const vrec_build how = { .struct_size = sizeof how, .progress = t->progress };
    vr_index *index = NULL;
    int64_t start = vr_now_us();
    vrec_status status = t->builder->backend->from_embeddings(&options, &items, &how, &index, err);
    *taken_us = vr_now_us() - start;
    if (status == VREC_OK)
        index->verbs->free(index);
    return status;
}

/* What else runs on the machine only makes it longer, so the shorter of two counts. */
static vrec_status build_again(trials *t, size_t rows, int64_t *taken_us, vrec_error *err)
{
    int64_t again = *taken_us;
    vrec_status status = *taken_us < AGAIN_US ? build(t, rows, &again, err) : VREC_OK;
    *taken_us = again < *taken_us ? again : *taken_us;
    return status;
}

/* Whether a trial of more items is worth its time, and possible. */
static bool goes_on(const trials *t, size_t rows, size_t next, int64_t taken, int64_t all, double growth)
{
    return rows < t->most && next > rows && taken < ENOUGH_US &&
           (double)taken * growth + (double)all < TRIALS_US;
}

/* The first trial only wakes the threads. */
static vrec_status run(trials *t, double whole, vrec_forecast *out, vrec_error *err)
{
    size_t rows = vr_min(t->most, LEAST_ROWS), next = rows;
    double work = 0, more = 0;
    int64_t taken = 0, all = 0;
    vrec_status status = build(t, vr_min(rows, LEAST_ROWS / 8), &taken, err);
    if (status == VREC_OK)
        status = measure_work(t, rows, &more, err);
    do {
        rows = next;
        work = more;
        if (status == VREC_OK)
            status = build(t, rows, &taken, err);
        all += taken;
        next = vr_min(rows * GROWTH, t->most);
        if (status == VREC_OK)
            status = measure_work(t, next, &more, err);
    } while (status == VREC_OK && goes_on(t, rows, next, taken, all, more / work));
    if (status == VREC_OK)
        status = build_again(t, rows, &taken, err);
    out->seconds = (double)taken / 1e6 * whole / work;
    out->trial_rows = rows;
    return status;
}

static vrec_status estimate(trials *t, const vr_plan *plan, vrec_forecast *out, vrec_error *err)
{
    double whole;
    vrec_status status = t->builder->backend->estimate(&t->builder->options, plan, out, &whole, err);
    if (status == VREC_OK)
        status = get_items(t, err);
    if (status == VREC_OK)
        status = run(t, whole, out, err);
    vr_free(t->drawn);
    return status;
}

/* ---- The call ---- */

static vrec_status check_plan(const vrec_builder *builder, const vrec_plan *plan, vrec_plan *out,
                              vrec_matrix *items, vrec_error *err)
{
    vrec_status status = vr_take_plan(plan, out, err);
    if (status == VREC_OK && out->items)
        status = vr_matrix_check(out->items, "items", items, err);
    if (status != VREC_OK)
        return status;
    if (!builder->backend->estimate)
        return vr_fail(err, VREC_UNSUPPORTED,
                       "estimating: an index of %s is on its server, which alone knows what it takes",
                       builder->backend->name);
    if (out->items && out->dim > 0 && out->dim != items->dim)
        return vr_fail_at(err, VREC_INVALID, vr_in("dim"), "estimating: dim is %zu, but the items have %zu",
                          out->dim, items->dim);
    out->rows = out->rows == 0 && out->items ? items->rows : out->rows;
    out->dim = out->items ? items->dim : out->dim;
    if (out->rows == 0 || out->dim == 0 || (out->items && items->rows == 0))
        return vr_fail_at(err, VREC_INVALID, vr_in(out->dim == 0 ? "dim" : "rows"),
                          "estimating: %zu rows of %zu values; an index needs at least one of each",
                          out->rows, out->dim);
    if (out->dim > VALUES_MAX || out->rows > (uint64_t)INT64_MAX / 64 / out->dim)
        return vr_fail_at(err, VREC_INVALID, vr_in("rows"),
                          "estimating: %zu rows of %zu values are too many", out->rows, out->dim);
    if (vr_options_any_kind(&builder->options))
        return vr_fail_at(
            err, VREC_INVALID, vr_in("index_type"),
            "estimating: index_type=auto is decided when it is built; ask for Flat, HNSW or IVF");
    return vr_options_check_build(&builder->options, err);
}

vrec_status vrec_estimate(const vrec_builder *builder, const vrec_plan *plan, vrec_forecast *forecast,
                          vrec_error *err)
{
    vrec_plan given;
    vrec_matrix items;
    vrec_progress room;
    vrec_forecast found = { .struct_size = sizeof found };
    if (!builder || !plan || !forecast) {
        const char *missing = !builder ? "builder" : !plan ? "plan" : "forecast";
        return vr_fail_at(err, VREC_INVALID, vr_in(missing), "estimating: the %s is NULL", missing);
    }
    vrec_status status = vr_check_forecast(forecast, err);
    trials t = { .builder = builder };
    if (status == VREC_OK)
        status = check_plan(builder, plan, &given, &items, err);
    if (status == VREC_OK)
        status = vr_take_progress(given.progress, &room, &t.progress, err);
    if (status != VREC_OK)
        return status;
    t.rows = given.rows;
    t.dim = given.dim;
    t.sample = given.items ? &items : NULL;
    const vr_plan to = {
        .rows = given.rows, .dim = given.dim, .own_ids = given.own_ids != 0, .sample = t.sample
    };
    status = estimate(&t, &to, &found, err);
    if (status == VREC_OK)
        vr_give_forecast(&found, forecast);
    return status;
}
