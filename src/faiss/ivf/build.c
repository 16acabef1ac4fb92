/* Building an IVF index: centroids of a sample of the items, then each item into the list of its nearest
 * centroid, in the order in which items are given. SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/build.h"

#include "base/memory.h"
#include "base/threads.h"
#include "core/items.h"
#include "core/matrix.h"
#include "core/twister.h"
#include "core/work.h"
#include "faiss/flat/flat.h"
#include "faiss/flat/kind.h"
#include "faiss/ivf/assign.h"
#include "faiss/ivf/kmeans.h"
#include "faiss/table.h"
#include "scan/bound.h"
#include "scan/nearest.h"

#include <string.h>

enum {
    SAMPLED = 256, /* items of each list that it is trained with, at the most */
    ADVISED = 39,  /* and at the least, as FAISS advises */
    DEFAULT_SEED = 1234,
    PORTION = 1024 /* items that a thread copies at a time */
};

typedef struct build {
    const vrec_matrix *items;
    const int64_t *ids; /* or NULL */
    size_t lists, threads;
    vr_metric metric;
    uint64_t seed;
    const vrec_progress *progress;
    vr_scratch_pool scratch;

    uint32_t *order; /* items: those that are sampled, and later all, as they stand in the lists */
    size_t sampled;
    float *sample;
    uint32_t *nearest; /* the list of each item */
    vr_faiss_index *quantizer;
} build;

/* ---- Copying ---- */

/* Row order[i] of the items to place i. */
typedef struct copying {
    const vrec_matrix *items;
    const uint32_t *order; /* NULL: they stay in theirs */
    float *out;
} copying;

static vrec_status copy_rows(void *context, vr_worker *me, vrec_error *err)
{
    const copying *c = context;
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        for (size_t i = first; i < first + count; i++)
            vr_matrix_rows(c->items, c->order ? c->order[i] : i, 1, c->out + i * c->items->dim);
    return VREC_OK;
}

static vrec_status copy(const build *b, size_t count, const uint32_t *order, float *out, vrec_error *err)
{
    copying c = { b->items, order, out };
    vr_work work = { .threads = b->threads,
                     .count = count,
                     .portion = PORTION,
                     .run = copy_rows,
                     .context = &c,
                     .progress = b->progress,
                     .phase = "copying",
                     .unit = "rows",
                     .steps = 1,
                     .total_steps = count };
    return vr_work_do(&work, err);
}

/* ---- Training ---- */

size_t vr_ivf_sampled(size_t rows, size_t lists)
{
    size_t most;
    return vr_mul(lists, SAMPLED, &most) ? vr_min(rows, most) : rows;
}

static vrec_status get_sample(build *b, vrec_error *err)
{
    size_t rows = b->items->rows;
    b->sampled = vr_ivf_sampled(rows, b->lists);
    b->order = vr_alloc(rows, sizeof *b->order);
    b->nearest = vr_alloc(rows, sizeof *b->nearest);
    b->sample = vr_alloc(b->sampled * b->items->dim, sizeof *b->sample);
    if (!b->order || !b->nearest || !b->sample)
        return vr_fail_memory(err, b->sampled * b->items->dim * sizeof(float), "a sample of the items");
    bool all = b->sampled == rows;
    if (!all)
        vr_twister_shuffle(b->seed, rows, b->sampled, b->order);
    return copy(b, b->sampled, all ? NULL : b->order, b->sample, err);
}

/* What the training found for the sample is a guess for the items. */
static void spread_guesses(const build *b, const uint32_t *guesses)
{
    for (size_t i = 0; i < b->items->rows; i++)
        b->nearest[i] = VR_NO_ROW;
    for (size_t i = 0; i < b->sampled; i++)
        b->nearest[b->order[i]] = guesses[i];
}

static vrec_status train(build *b, vrec_error *err)
{
    vr_flat *flat;
    vrec_status status = vr_flat_create(b->metric, b->lists, b->items->dim, NULL, &flat, err);
    if (status != VREC_OK)
        return status;
    b->quantizer = &flat->index;
    b->quantizer->kind = &vr_flat_kind;
    b->quantizer->base.verbs = vr_flat_kind.verbs;
    b->quantizer->base.kind = vr_flat_kind.name;
    uint32_t *guesses = vr_alloc(b->sampled, sizeof *guesses);
    if (!guesses)
        return vr_fail_memory(err, b->sampled * sizeof *guesses, "training");
    vr_kmeans kmeans = { .vectors = b->sample,
                         .count = b->sampled,
                         .dim = b->items->dim,
                         .clusters = b->lists,
                         .metric = b->metric,
                         .seed = b->seed,
                         .threads = b->threads,
                         .scratch = &b->scratch,
                         .progress = b->progress,
                         .centroids = flat->own,
                         .nearest = guesses };
    status = vr_find_centroids(&kmeans, err);
    if (status == VREC_OK && b->sampled < b->items->rows)
        spread_guesses(b, guesses);
    else if (status == VREC_OK)
        memcpy(b->nearest, guesses, b->sampled * sizeof *guesses);
    vr_free(guesses);
    vr_free(b->sample);
    b->sample = NULL;
    return status;
}

/* ---- Filling the lists ---- */

static vrec_status assign(build *b, vrec_error *err)
{
    vr_ivf_assigning assigning = { .centroids = ((const vr_flat *)b->quantizer)->items,
                                   .lists = b->lists,
                                   .metric = b->metric,
                                   .items = b->items,
                                   .threads = b->threads,
                                   .scratch = &b->scratch,
                                   .progress = b->progress,
                                   .nearest = b->nearest };
    return vr_ivf_assign(&assigning, err);
}

/* Where the lists start, and the items in their order. None is near no centroid, as long as none is too
 * long (check_items); if one were, it would be in no list, as with FAISS. */
static void put_in_order(build *b, size_t *starts)
{
    size_t rows = b->items->rows, sum = 0;
    for (size_t i = 0; i < rows; i++)
        if (b->nearest[i] != VR_NO_ROW)
            starts[b->nearest[i] + 1]++;
    for (size_t list = 0; list < b->lists;
         list++) { /* for now, where the next item of the list before goes */
        size_t size = starts[list + 1];
        starts[list + 1] = sum;
        sum += size;
    }
    for (size_t i = 0; i < rows; i++)
        if (b->nearest[i] != VR_NO_ROW)
            b->order[starts[b->nearest[i] + 1]++] = (uint32_t)i;
}

static vrec_status make_lists(build *b, vr_ivf **out, vrec_error *err)
{
    size_t *starts = vr_alloc_zero(b->lists + 1, sizeof *starts);
    if (!starts)
        return vr_fail_memory(err, (b->lists + 1) * sizeof *starts, "the lists");
    put_in_order(b, starts);
    vr_faiss_index *quantizer = b->quantizer;
    b->quantizer = NULL;
    return vr_ivf_create(b->metric, b->items->dim, b->lists, quantizer, starts, false, out, err);
}

static vrec_status number(const build *b, vr_ivf *ivf, vrec_error *err)
{
    size_t rows = ivf->index.base.rows;
    int64_t *ids = vr_alloc(rows, sizeof *ids);
    if (!ids)
        return vr_fail_memory(err, rows * sizeof *ids, "the ids");
    for (size_t i = 0; i < rows; i++)
        ids[i] = b->ids ? b->ids[b->order[i]] : b->order[i];
    vrec_status status = vr_ivf_number(ivf, ids, err);
    vr_free(ids);
    return status;
}

static vrec_status fill_lists(build *b, vr_ivf **out, vrec_error *err)
{
    vrec_status status = assign(b, err);
    if (status == VREC_OK)
        status = make_lists(b, out, err);
    if (status != VREC_OK)
        return status;
    status = copy(b, (*out)->index.base.rows, b->order, (*out)->own, err);
    if (status == VREC_OK)
        status = number(b, *out, err);
    (*out)->index.unlisted = b->items->rows - (*out)->index.base.rows;
    if (status != VREC_OK)
        vr_ivf_free(&(*out)->index.base);
    return status;
}

/* ---- All of it ---- */

static void release(build *b)
{
    if (b->quantizer)
        b->quantizer->base.verbs->free(&b->quantizer->base);
    vr_scratch_clear(&b->scratch);
    vr_free(b->order);
    vr_free(b->nearest);
    vr_free(b->sample);
}

vrec_status vr_ivf_check(size_t rows, size_t lists, vrec_error *err)
{
    if (rows > UINT32_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "faiss IVF: %zu rows; at most %u are supported", rows,
                       UINT32_MAX);
    if (rows < lists)
        return vr_fail(
            err, VREC_INVALID,
            "faiss IVF: %zu items are too few for nlists=%zu, since every list is trained with one at "
            "least: set nlists to %zu or less, or take index_type=Flat",
            rows, lists, rows);
    return VREC_OK;
}

static vrec_status check_items(const build *b, vrec_error *err)
{
    vrec_status status = vr_ivf_check(b->items->rows, b->lists, err);
    if (status != VREC_OK)
        return status;
    return vr_check_items(b->items, VR_HUGE_NORM, b->threads, b->progress, err);
}

static void note_training(const build *b, vr_ivf *ivf)
{
    if (b->items->rows / ADVISED < b->lists)
        vr_fact(&ivf->index.base.facts, "note",
                "%zu items are few to train %zu lists with; FAISS advises %zu: fewer lists may find more",
                b->items->rows, b->lists, b->lists * ADVISED);
}

vrec_status vr_ivf_build(const vr_options *options, const vrec_matrix *items, const vrec_build *how,
                         vr_faiss_index **out, vrec_error *err)
{
    build b = { .items = items,
                .ids = how->ids,
                .lists = (size_t)options->value[VR_FAISS_NLISTS],
                .threads = vr_thread_count((int32_t)options->value[VR_FAISS_THREADS]),
                .metric = vr_faiss_metric(options),
                .seed =
                    options->given[VR_FAISS_SEED] ? (uint64_t)options->value[VR_FAISS_SEED] : DEFAULT_SEED,
                .progress = how->progress };
    bool wants_codes;
    vr_ivf *ivf;
    vrec_status status = vr_ivf_wants_codes(options, &wants_codes, err);
    if (status == VREC_OK)
        status = vr_refuse_queries(how, "faiss IVF", err);
    if (status == VREC_OK)
        status = check_items(&b, err);
    if (status == VREC_OK)
        status = get_sample(&b, err);
    if (status == VREC_OK)
        status = train(&b, err);
    if (status == VREC_OK)
        status = fill_lists(&b, &ivf, err);
    if (status == VREC_OK) {
        ivf->wants_codes = wants_codes;
        vr_ivf_finish(ivf, options);
        note_training(&b, ivf);
        *out = &ivf->index;
    }
    release(&b);
    return status;
}
