/* Every query of the sample is compared with every item but copies; the WANTED nearest are what it wants
 * (nearest.c). Turned around, that says of every item which queries want it. The company of an item is
 * found among all that these queries want. A companion counts as the nearer the more queries want both, and
 * the fewer want it at all, since what everybody wants says little.
 *
 * The nearest companions often lie close together, and one link leads to all of them. So they are chosen by
 * the rule of neighbours.h, by angle or distance: a companion is passed over if it is nearer to one that
 * was chosen than to the item. Links then lead to the several places where items are that one query wants,
 * between which no link by distance leads.
 *
 * Counts of shared queries are integers, and one float is computed from them, so the company is the same on
 * every processor.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/company.h"

#include "base/memory.h"
#include "core/matrix.h"
#include "faiss/hnsw/copies.h"
#include "faiss/hnsw/nearest.h"

enum {
    WANTED = 40,        /* items that a query wants */
    CONSIDERED = 512,   /* companions of an item among which some are chosen: those that count as nearest */
    INVENTED = 8192,    /* queries that are made up where none are given */
    PORTION = 64,       /* queries that a thread takes at a time */
    ITEMS_PORTION = 256 /* and items */
};

/* ---- The sample ---- */

/* Copies to sample, which has room for VR_HNSW_SAMPLE_MAX queries or all, those that can be compared with
 * the items, and counts them in *taken. */
static vrec_status take_sample(const vrec_matrix *queries, const vr_hnsw_points *like, float *sample,
                               size_t *taken, vrec_error *err)
{
    size_t count = vr_min(queries->rows, VR_HNSW_SAMPLE_MAX), dim = like->dim;
    for (size_t i = 0; i < count; i++) {
        size_t row = (size_t)((uint64_t)i * queries->rows / count);
        float *to = sample + *taken * dim;
        vr_matrix_rows(queries, row, 1, to);
        size_t column = vr_find_nonfinite(to, dim);
        if (column < dim)
            return vr_fail_at(
                err, VREC_INVALID, vr_in_row("queries", row),
                "queries: row %zu, column %zu is not a finite float32 (%g); clean or drop the "
                "row",
                row, column, (double)to[column]);
        *taken += vr_hnsw_can_compare(like, to);
    }
    return VREC_OK;
}

/* Makes up queries: each is the mean of two items that are drawn at random. Like a user who likes several
 * kinds of items, it wants some that are far apart. */
static void invent_sample(vr_hnsw_building *b, const float *items, const vr_hnsw_points *like,
                          float *sample, size_t *taken)
{
    uint64_t random = b->seed;
    for (size_t i = 0; i < INVENTED; i++) {
        const float *one = items + vr_hnsw_random(&random) % like->count * like->dim;
        const float *other = items + vr_hnsw_random(&random) % like->count * like->dim;
        float *to = sample + *taken * like->dim;
        for (size_t j = 0; j < like->dim; j++)
            to[j] = 0.5f * one[j] + 0.5f * other[j];
        *taken += vr_hnsw_can_compare(like, to);
    }
}

/* The sample as points, to be compared with the items. queries: NULL if they are to be made up. */
static vrec_status make_queries(vr_hnsw_building *b, const vrec_matrix *queries, const float *items,
                                const vr_hnsw_points *like, vr_hnsw_points *out, vrec_error *err)
{
    size_t count = queries ? vr_min(queries->rows, VR_HNSW_SAMPLE_MAX) : INVENTED, taken = 0;
    float *sample = vr_alloc(count, like->dim * sizeof *sample);
    vrec_status status = VREC_OK;
    if (!sample)
        return vr_fail_memory(err, count * like->dim * sizeof *sample, "the sample of queries");
    if (queries)
        status = take_sample(queries, like, sample, &taken, err);
    else
        invent_sample(b, items, like, sample, &taken);
    if (status == VREC_OK && taken > 0)
        status = vr_hnsw_points_make_like(like, sample, taken, b->threads, b->progress, out, err);
    vr_free(sample);
    return status;
}

/* ---- What queries want ---- */

typedef struct finding {
    vr_hnsw_building *b;
    const vr_hnsw_points *among; /* the items as queries compare them: by distance, or by inner product */
    const vr_hnsw_points *like;  /* the items as companions are compared: by distance, or by angle */
    vr_hnsw_points queries;
    vr_hnsw_group group; /* all items but copies, laid out for the kernel */
    uint32_t *all;       /* their ids, ascending */
    uint32_t *wanted;    /* WANTED items for every query; if there are fewer, VR_HNSW_NOBODY behind them */
    size_t *starts; /* the queries that want item i are wanting[starts[i]] up to before starts[i + 1] */
    uint32_t *wanting;
    vr_hnsw_company *company;
} finding;

static vrec_status ask(void *context, vr_worker *me, vrec_error *err)
{
    finding *f = context;
    size_t width = vr_hnsw_nearest_width(f->among);
    uint32_t centers[VR_TILE_QUERIES_MAX];
    vr_hnsw_nearest *nearest;
    vrec_status status = vr_hnsw_nearest_create(f->among, WANTED, &nearest, err);
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        for (size_t i = first; i < first + count; i += width) {
            size_t here = vr_min(width, first + count - i);
            for (size_t q = 0; q < here; q++)
                centers[q] = (uint32_t)(i + q);
            vr_hnsw_nearest_to(nearest, &f->group, &f->queries, centers, here);
            for (size_t q = 0; q < here; q++) {
                const uint64_t *keys;
                size_t found = vr_hnsw_nearest_found(nearest, q, &keys);
                for (size_t w = 0; w < WANTED; w++)
                    f->wanted[(i + q) * WANTED + w] = w < found ? vr_topk_row(keys[w]) : VR_HNSW_NOBODY;
            }
        }
    vr_hnsw_nearest_free(nearest);
    return status;
}

/* Finds out for every item which queries want it, in ascending order. starts[i + 1] at first says where
 * those of item i begin; each that is put there moves it on, until it says where those of item i + 1 begin.
 */
static void turn_around(finding *f)
{
    size_t slots = f->queries.count * WANTED, rows = f->among->count;
    memset(f->starts, 0, (rows + 2) * sizeof *f->starts);
    for (size_t s = 0; s < slots; s++)
        if (f->wanted[s] != VR_HNSW_NOBODY)
            f->starts[f->wanted[s] + 2]++;
    for (size_t i = 2; i < rows + 2; i++)
        f->starts[i] += f->starts[i - 1];
    for (size_t s = 0; s < slots; s++)
        if (f->wanted[s] != VR_HNSW_NOBODY)
            f->wanting[f->starts[f->wanted[s] + 1]++] = (uint32_t)(s / WANTED);
}

/* ---- Company ---- */

/* One thread's tools. */
typedef struct counting {
    uint32_t *counts; /* how many of an item's queries want each other item; 0 before and after */
    uint32_t *met;    /* the items whose count isn't 0 */
    uint64_t *keys;   /* what best stands in */
    vr_topk best;     /* the CONSIDERED nearest companions */
    vr_hnsw_center at;
    int8_t *digits;
    uint32_t ids[CONSIDERED]; /* companions that may still be chosen, */
    float own[CONSIDERED];    /* how far they are from the item, */
    float from[CONSIDERED];   /* and from the one chosen last */
} counting;

/* Counts the queries that want an item and another one, for all others, and puts the nearest into best. A
 * companion counts as near by the square of that count, divided by how many queries want it at all. */
static void meet(const finding *f, counting *c, uint32_t item)
{
    size_t met = 0;
    for (size_t w = f->starts[item]; w < f->starts[item + 1]; w++) {
        const uint32_t *wanted = f->wanted + (size_t)f->wanting[w] * WANTED;
        for (size_t i = 0; i < WANTED && wanted[i] != VR_HNSW_NOBODY; i++)
            if (c->counts[wanted[i]]++ == 0)
                c->met[met++] = wanted[i];
    }
    vr_topk_init(&c->best, c->keys, CONSIDERED);
    for (size_t i = 0; i < met; i++) {
        uint32_t other = c->met[i];
        float both = (float)c->counts[other], all = (float)(f->starts[other + 1] - f->starts[other]);
        c->counts[other] = 0;
        if (other != item)
            vr_topk_push(&c->best, vr_topk_key(-(both * both) / all, other));
    }
    vr_topk_finish(&c->best);
}

/* How far count companions are from an item, which may be one of them. */
static void measure(const finding *f, counting *c, uint32_t from, size_t count, float *out)
{
    vr_hnsw_center_on(f->like, from, c->digits, &c->at);
    vr_hnsw_distances(f->like, &c->at, c->ids, count, out);
}

/* Chooses an item's company among the best: one after the other, and after each, those that are nearer to
 * it than to the item are out. */
static void keep(const finding *f, counting *c, uint32_t item)
{
    vr_hnsw_company *company = f->company;
    size_t left = c->best.count, kept = 0;
    for (size_t i = 0; i < left; i++)
        c->ids[i] = vr_topk_row(c->best.keys[i]);
    measure(f, c, item, left, c->own);
    while (left > 0 && kept < company->width) {
        uint32_t next = company->ids[item * company->width + kept++] = c->ids[0];
        size_t stay = 0;
        measure(f, c, next, left, c->from);
        for (size_t i = 1; i < left; i++)
            if (c->from[i] >= c->own[i]) {
                c->ids[stay] = c->ids[i];
                c->own[stay++] = c->own[i];
            }
        left = stay;
    }
    company->counts[item] = (uint8_t)kept;
}

static vrec_status gather(void *context, vr_worker *me, vrec_error *err)
{
    const finding *f = context;
    size_t rows = f->among->count, digits = vr_hnsw_point_digits(f->like);
    counting *c = vr_alloc_zero(1, sizeof *c);
    if (!c)
        return vr_fail_memory(err, sizeof *c, "what a sample of queries says");
    c->counts = vr_alloc_zero(rows, sizeof *c->counts);
    c->met = vr_alloc(rows, sizeof *c->met);
    c->keys = vr_alloc(vr_topk_capacity(CONSIDERED), sizeof *c->keys);
    c->digits = vr_alloc(1, digits);
    vrec_status status = VREC_OK;
    if (!c->counts || !c->met || !c->keys || !c->digits)
        status = vr_fail_memory(err, rows * 2 * sizeof *c->met + digits, "what a sample of queries says");
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        for (size_t i = first; i < first + count; i++) {
            meet(f, c, (uint32_t)i);
            keep(f, c, (uint32_t)i);
        }
    vr_free(c->counts);
    vr_free(c->met);
    vr_free(c->keys);
    vr_free(c->digits);
    vr_free(c);
    return status;
}

/* ---- All of it ---- */

static vrec_status take_memory(finding *f, vrec_error *err)
{
    size_t rows = f->among->count, slots = f->queries.count * WANTED, width = f->company->width;
    f->all = vr_alloc(rows, sizeof *f->all);
    f->wanted = vr_alloc(slots, sizeof *f->wanted);
    f->starts = vr_alloc(rows + 2, sizeof *f->starts);
    f->wanting = vr_alloc(slots, sizeof *f->wanting);
    f->company->ids = vr_alloc(rows, width * sizeof *f->company->ids);
    f->company->counts = vr_alloc(rows, sizeof *f->company->counts);
    if (!f->all || !f->wanted || !f->starts || !f->wanting || !f->company->ids || !f->company->counts)
        return vr_fail_memory(err, slots * 8 + rows * (13 + 4 * width), "what a sample of queries says");
    return VREC_OK;
}

/* All items but copies, which a query would want together with the first, and nobody else. */
static vrec_status lay_out(finding *f, vrec_error *err)
{
    size_t rows = f->among->count, count = 0;
    vr_hnsw_copies copies;
    vrec_status status = vr_hnsw_copies_find(f->b, 0, &copies, err);
    for (uint32_t i = 0; status == VREC_OK && i < rows; i++)
        if (vr_hnsw_first(&copies, i) == i)
            f->all[count++] = i;
    vr_hnsw_copies_free(&copies);
    if (status == VREC_OK)
        status = vr_hnsw_group_init(&f->group, f->among, count, err);
    if (status == VREC_OK)
        vr_hnsw_group_set(&f->group, f->all, count);
    return status;
}

static vrec_status work(finding *f, size_t count, size_t portion, const char *phase, const char *unit,
                        vrec_status (*run)(void *context, vr_worker *me, vrec_error *err), vrec_error *err)
{
    vr_work work = { .threads = f->b->threads,
                     .count = count,
                     .portion = portion,
                     .run = run,
                     .context = f,
                     .progress = f->b->progress,
                     .phase = phase,
                     .unit = unit,
                     .steps = 1,
                     .total_steps = count };
    return vr_work_do(&work, err);
}

static vrec_status find(finding *f, vrec_error *err)
{
    size_t rows = f->among->count;
    vrec_status status = take_memory(f, err);
    if (status == VREC_OK)
        status = lay_out(f, err);
    if (status != VREC_OK)
        return status;
    status = work(f, f->queries.count, PORTION, "asking the sample", "queries", ask, err);
    if (status != VREC_OK)
        return status;
    turn_around(f);
    return work(f, rows, ITEMS_PORTION, "learning from the sample", "rows", gather, err);
}

vrec_status vr_hnsw_company_find(vr_hnsw_building *b, const vr_hnsw_points *among,
                                 const vrec_matrix *queries, const float *items, size_t width,
                                 vr_hnsw_company *company, vrec_error *err)
{
    const vr_hnsw_points *like = among->directions ? among->directions : among;
    finding f = { .b = b, .among = among, .like = like, .company = company };
    *company = (vr_hnsw_company){ .width = width };
    vrec_status status = make_queries(b, queries, items, like, &f.queries, err);
    if (status == VREC_OK && f.queries.count > 0)
        status = find(&f, err);
    vr_hnsw_points_free(&f.queries);
    vr_hnsw_group_free(&f.group);
    vr_free(f.all);
    vr_free(f.wanted);
    vr_free(f.starts);
    vr_free(f.wanting);
    if (status != VREC_OK)
        vr_hnsw_company_free(company);
    return status;
}

size_t vr_hnsw_company_seat(const vr_hnsw_company *company, uint32_t node, uint32_t *row)
{
    memcpy(row, company->ids + node * company->width, company->counts[node] * sizeof *row);
    return company->counts[node];
}

void vr_hnsw_company_free(vr_hnsw_company *company)
{
    vr_free(company->ids);
    vr_free(company->counts);
    *company = (vr_hnsw_company){ 0 };
}
