/* Adding to an IVF index as FAISS does it: each item goes to the end of the list whose centroid the
 * quantizer says is the nearest, and the centroids stay. A quantizer that is a graph is asked as FAISS asks
 * it, which may miss the nearest: the lists are then those that FAISS would have made.
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/add.h"

#include "base/memory.h"
#include "base/threads.h"
#include "core/items.h"
#include "core/matrix.h"
#include "core/work.h"
#include "faiss/flat/flat.h"
#include "faiss/hnsw/hnsw.h"
#include "faiss/hnsw/kind.h"
#include "faiss/ivf/assign.h"
#include "faiss/ivf/coarse.h"
#include "faiss/table.h"
#include "scan/bound.h"
#include "scan/nearest.h"

#include <string.h>

typedef struct adding {
    const vr_ivf *old;
    const vr_addition *addition;
    size_t threads;
    vr_scratch_pool scratch;
    uint32_t *nearest; /* the list of each new item, VR_NO_ROW if it is near none */
    size_t *ends;      /* where the new items of each list end among */
    uint32_t *order;   /* the new items, list by list */
    vr_ivf *grown;
} adding;

/* The id that a new item gets if the caller gives none is FAISS's: it counts those that are in no list,
 * too. */
static int64_t id_of(const adding *a, size_t item)
{
    if (a->addition->ids)
        return a->addition->ids[item];
    return (int64_t)(a->old->index.base.rows + a->old->index.unlisted + item);
}

static vrec_status get_memory(adding *a, vrec_error *err)
{
    size_t rows = a->addition->items->rows;
    a->nearest = vr_alloc(rows, sizeof *a->nearest);
    a->order = vr_alloc(rows, sizeof *a->order);
    a->ends = vr_alloc_zero(a->old->lists + 1, sizeof *a->ends);
    if (!a->nearest || !a->order || !a->ends)
        return vr_fail_memory(err, rows * 2 * sizeof *a->order + a->old->lists * sizeof *a->ends,
                              "adding items");
    for (size_t i = 0; i < rows; i++)
        a->nearest[i] = VR_NO_ROW;
    return VREC_OK;
}

/* As many items as what they are answered in has room for. */
static vrec_status ask_graph_for(adding *a, size_t first, size_t count, int64_t *ids, float *distances,
                                 vrec_error *err)
{
    vr_query query = { .queries = a->addition->items, .threads = a->threads, .plain = true };
    return vr_ivf_ask_quantizer(a->old, &query, first, count, 1, ids, distances, a->nearest + first, err);
}

static vrec_status ask_graph(adding *a, vrec_error *err)
{
    enum { TOGETHER = 8192 };
    size_t rows = a->addition->items->rows, room = vr_min(rows, TOGETHER);
    int64_t *ids = vr_alloc(room, sizeof *ids);
    float *distances = vr_alloc(room, sizeof *distances);
    vrec_status status = VREC_OK;
    if (!ids || !distances)
        status = vr_fail_memory(err, room * (sizeof *ids + sizeof *distances), "adding items");
    for (size_t first = 0; first < rows && status == VREC_OK; first += room) {
        status = ask_graph_for(a, first, vr_min(room, rows - first), ids, distances, err);
        if (status == VREC_OK)
            status = vr_report(a->addition->progress, "assigning", "rows", vr_min(first + room, rows), rows,
                               err);
    }
    vr_free(ids);
    vr_free(distances);
    return status;
}

static vrec_status assign(adding *a, vrec_error *err)
{
    if (a->old->quantizer->kind == &vr_hnsw_kind)
        return ask_graph(a, err);
    vr_ivf_assigning assigning = { .centroids = a->old->centroids,
                                   .lists = a->old->lists,
                                   .metric = a->old->quantizer->metric,
                                   .items = a->addition->items,
                                   .threads = a->threads,
                                   .scratch = &a->scratch,
                                   .progress = a->addition->progress,
                                   .nearest = a->nearest };
    return vr_ivf_assign(&assigning, err);
}

/* Of every list, the new items in their order. */
static void put_in_order(adding *a)
{
    size_t rows = a->addition->items->rows, sum = 0;
    for (size_t i = 0; i < rows; i++)
        if (a->nearest[i] != VR_NO_ROW)
            a->ends[a->nearest[i]]++;
    for (size_t list = 0; list < a->old->lists; list++) { /* for now, where they begin */
        size_t size = a->ends[list];
        a->ends[list] = sum;
        sum += size;
    }
    for (size_t i = 0; i < rows; i++)
        if (a->nearest[i] != VR_NO_ROW)
            a->order[a->ends[a->nearest[i]]++] = (uint32_t)i;
}

static size_t begin_of(const adding *a, size_t list)
{
    return list > 0 ? a->ends[list - 1] : 0;
}

static vrec_status copy_quantizer(const vr_faiss_index *from, vr_faiss_index **out, vrec_error *err)
{
    vrec_status status =
        from->kind == &vr_hnsw_kind ? vr_hnsw_copy(from, out, err) : vr_flat_copy(from, out, err);
    if (status != VREC_OK)
        return status;
    (*out)->kind = from->kind;
    (*out)->base.verbs = from->base.verbs;
    (*out)->base.kind = from->base.kind;
    return VREC_OK;
}

static vrec_status make_room(adding *a, vrec_error *err)
{
    const vr_ivf *old = a->old;
    vr_faiss_index *quantizer;
    size_t *starts = vr_alloc(old->lists + 1, sizeof *starts);
    if (!starts)
        return vr_fail_memory(err, (old->lists + 1) * sizeof *starts, "the lists");
    for (size_t list = 0; list <= old->lists; list++)
        starts[list] = old->starts[list] + begin_of(a, list);
    vrec_status status = copy_quantizer(old->quantizer, &quantizer, err);
    if (status != VREC_OK) {
        vr_free(starts);
        return status;
    }
    return vr_ivf_create(old->index.metric, old->index.base.dim, old->lists, quantizer, starts, false,
                         &a->grown, err);
}

/* Takes list after list: what it has, and what it gets. */
static vrec_status fill(void *context, vr_worker *me, vrec_error *err)
{
    const adding *a = context;
    size_t dim = a->old->index.base.dim;
    (void)err;
    for (size_t list, count; vr_work_take(me, &list, &count);) {
        size_t size = vr_ivf_size(a->old, list);
        float *to = a->grown->own + a->grown->starts[list] * dim;
        if (size > 0)
            memcpy(to, vr_ivf_items(a->old, list), size * dim * sizeof *to);
        to += size * dim;
        for (size_t i = begin_of(a, list); i < a->ends[list]; i++, to += dim)
            vr_matrix_rows(a->addition->items, a->order[i], 1, to);
    }
    return VREC_OK;
}

static vrec_status copy(adding *a, vrec_error *err)
{
    vr_work work = { .threads = a->threads,
                     .count = a->old->lists,
                     .portion = 1,
                     .run = fill,
                     .context = a,
                     .progress = a->addition->progress,
                     .phase = "copying",
                     .unit = "lists",
                     .steps = 1,
                     .total_steps = a->old->lists };
    return vr_work_do(&work, err);
}

static vrec_status number(const adding *a, vrec_error *err)
{
    size_t rows = a->grown->index.base.rows, at = 0;
    int64_t *ids = vr_alloc(rows, sizeof *ids);
    if (!ids)
        return vr_fail_memory(err, rows * sizeof *ids, "the ids");
    for (size_t list = 0; list < a->old->lists; list++) {
        for (size_t place = a->old->starts[list]; place < a->old->starts[list + 1]; place++)
            ids[at++] = vr_ivf_id(a->old, place);
        for (size_t i = begin_of(a, list); i < a->ends[list]; i++)
            ids[at++] = id_of(a, a->order[i]);
    }
    vrec_status status = vr_ivf_number(a->grown, ids, err);
    vr_free(ids);
    return status;
}

/* What queries have gained so far counts for the codes of the new index, too. An array that says where ids
 * are grows with them. */
static void describe(adding *a)
{
    const vr_ivf *old = a->old;
    vr_ivf *grown = a->grown;
    size_t added = a->addition->items->rows, kept = grown->index.base.rows - old->index.base.rows;
    grown->probes = old->probes;
    grown->map = old->map;
    grown->mapped = old->mapped + (old->map == VR_IVF_ARRAY_MAP ? added : 0);
    grown->index.unlisted = old->index.unlisted + (added - kept);
    grown->wants_codes = old->wants_codes;
    atomic_init(&grown->codes.gained, atomic_load(&old->codes.gained));
    vr_ivf_finish(grown, a->addition->options);
}

static vrec_status add(adding *a, vrec_error *err)
{
    vrec_status status = get_memory(a, err);
    if (status == VREC_OK)
        status = vr_check_items(a->addition->items, VR_HUGE_NORM, a->threads, a->addition->progress, err);
    if (status == VREC_OK)
        status = assign(a, err);
    if (status != VREC_OK)
        return status;
    put_in_order(a);
    status = make_room(a, err);
    if (status == VREC_OK)
        status = copy(a, err);
    if (status == VREC_OK)
        status = number(a, err);
    if (status == VREC_OK)
        describe(a);
    return status;
}

vrec_status vr_ivf_add(const vr_faiss_index *index, const vr_addition *addition, vr_faiss_index **out,
                       vrec_error *err)
{
    adding a = { .old = (const vr_ivf *)index,
                 .addition = addition,
                 .threads = vr_thread_count((int32_t)addition->options->value[VR_FAISS_THREADS]) };
    if (!a.old->starts)
        return vr_fail(
            err, VREC_UNSUPPORTED,
            "adding: this IVF index isn't trained, so that there are no lists to add to; build it "
            "anew with all items, which trains it");
    if (addition->items->rows > UINT32_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "faiss IVF: %zu rows; at most %u are supported",
                       addition->items->rows, UINT32_MAX);
    vrec_status status = add(&a, err);
    vr_scratch_clear(&a.scratch);
    vr_free(a.nearest);
    vr_free(a.order);
    vr_free(a.ends);
    if (status == VREC_OK)
        *out = &a.grown->index;
    else if (a.grown)
        vr_ivf_free(&a.grown->index.base);
    return status;
}
