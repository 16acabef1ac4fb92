/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/leaves.h"

#include "base/memory.h"
#include "faiss/hnsw/nearest.h"
#include "faiss/hnsw/partition.h"
#include "faiss/hnsw/seek.h"

/* Which members of a leaf are compared with all, by what, and where what is found goes: the nearest of each
 * of a node's leaves side by side, from first on among its candidates. */
typedef struct look {
    const vr_hnsw_points *points;
    uint32_t rate; /* of the members one out of so many, drawn by its id */
    size_t k;      /* the nearest of them, in each leaf */
    vr_hnsw_candidates *candidates;
    size_t first;
    uint32_t lots, lots_end; /* which nodes want it: those whose lot is from lots up to before lots_end */
} look;

enum { LOOKS_MAX = 5, LOTS = 4 };

/* A number below LOTS that a node has for itself. */
static uint32_t lot_of(uint32_t node)
{
    return node * 0x85ebca6bu >> 30;
}

typedef struct searching {
    const vr_hnsw_nodes *nodes;
    const vr_hnsw_partition *partition;
    size_t largest; /* members of a leaf at the most */
    look looks[LOOKS_MAX];
    size_t look_count;
} searching;

/* One thread's tools for a look. */
typedef struct tools {
    const look *look;
    vr_hnsw_group group;
    vr_hnsw_nearest *nearest;
    uint32_t *ids; /* of the members that are in the group */
} tools;

static vrec_status take_tools(const searching *s, const look *look, tools *t, vrec_error *err)
{
    *t = (tools){ .look = look, .ids = vr_alloc(s->largest, sizeof *t->ids) };
    if (!t->ids)
        return vr_fail_memory(err, s->largest * sizeof *t->ids, "comparing items");
    vrec_status status = vr_hnsw_group_init(&t->group, look->points, s->largest, err);
    if (status == VREC_OK) /* one more: a node is near itself */
        status = vr_hnsw_nearest_create(look->points, look->k + 1, &t->nearest, err);
    return status;
}

static void free_tools(tools *t)
{
    vr_hnsw_group_free(&t->group);
    vr_hnsw_nearest_free(t->nearest);
    vr_free(t->ids);
}

/* Writes what was found for a node, without the node itself, to its place. */
static void put_found(const tools *t, size_t q, uint32_t node, uint32_t *to)
{
    const uint64_t *keys;
    size_t found = vr_hnsw_nearest_found(t->nearest, q, &keys), count = 0;
    for (size_t i = 0; i < found && count < t->look->k; i++)
        if (vr_topk_row(keys[i]) != node)
            to[count++] = vr_topk_row(keys[i]);
    while (count < t->look->k)
        to[count++] = VR_HNSW_NOBODY;
}

/* By distance, every leaf draws others: nodes so near each other that they share all of their leaves are
 * found by somebody from outside only if several of them are drawn. By inner product, those that are drawn
 * are the same everywhere, so that they come to know each other. */
static void set_group(tools *t, size_t leaf, const uint32_t *ids, size_t count)
{
    const look *look = t->look;
    uint32_t shift = look->points->directions ? 0 : (uint32_t)leaf * 0x85ebca6bu;
    size_t drawn = 0;
    for (size_t i = 0; i < count; i++)
        if (look->rate == 1 || ((ids[i] + shift) * 0x9e3779b1u >> 16) % look->rate == 0)
            t->ids[drawn++] = ids[i];
    vr_hnsw_group_set(&t->group, t->ids, drawn);
}

/* ids: of the members. */
static void search_leaf(const searching *s, tools *t, size_t leaf, const uint32_t *ids)
{
    const vr_hnsw_partition *p = s->partition;
    const uint32_t *members = p->members + p->starts[leaf];
    const uint8_t *slots = p->slots + p->starts[leaf];
    const look *look = t->look;
    size_t count = p->starts[leaf + 1] - p->starts[leaf], width = vr_hnsw_nearest_width(look->points);
    set_group(t, leaf, ids, count);
    for (size_t first = 0; first < count; first += width) {
        size_t here = vr_min(width, count - first);
        vr_hnsw_nearest_find(t->nearest, &t->group, ids + first, here);
        for (size_t q = 0; q < here; q++) {
            size_t i = first + q;
            if (lot_of(ids[i]) < look->lots || lot_of(ids[i]) >= look->lots_end)
                continue;
            size_t at = members[i] * look->candidates->width + look->first + slots[i] * look->k;
            put_found(t, q, ids[i], look->candidates->ids + at);
        }
    }
}

static void search_leaves(const searching *s, tools *t, uint32_t *ids, vr_worker *me)
{
    const vr_hnsw_partition *p = s->partition;
    for (size_t leaf, count; vr_work_take(me, &leaf, &count);) {
        for (size_t i = p->starts[leaf]; i < p->starts[leaf + 1]; i++)
            ids[i - p->starts[leaf]] = s->nodes->ids[p->members[i]];
        for (size_t l = 0; l < s->look_count; l++)
            search_leaf(s, &t[l], leaf, ids);
    }
}

static vrec_status run(void *context, vr_worker *me, vrec_error *err)
{
    const searching *s = context;
    tools t[LOOKS_MAX] = { 0 };
    uint32_t *ids = vr_alloc(s->largest, sizeof *ids);
    vrec_status status = ids ? VREC_OK : vr_fail_memory(err, s->largest * sizeof *ids, "comparing items");
    for (size_t l = 0; l < s->look_count && status == VREC_OK; l++)
        status = take_tools(s, &s->looks[l], &t[l], err);
    if (status == VREC_OK)
        search_leaves(s, t, ids, me);
    for (size_t l = 0; l < s->look_count; l++)
        free_tools(&t[l]);
    vr_free(ids);
    return status;
}

/* Of a node that is in one leaf only, as many are found there as else in all of its leaves. */
static void add_look(searching *s, const vr_hnsw_points *points, uint32_t rate, size_t per_leaf,
                     vr_hnsw_candidates *candidates, size_t first, uint32_t lots, uint32_t lots_end)
{
    s->looks[s->look_count++] = (look){ .points = points,
                                        .rate = rate,
                                        .k = per_leaf * VR_HNSW_OVERLAP / s->partition->overlap,
                                        .candidates = candidates,
                                        .first = first,
                                        .lots = lots,
                                        .lots_end = lots_end };
}

/* Everybody's best are the same few, the longest items. So that others are found by somebody, too, half of
 * the nodes look among a sample. */
static void add_best_looks(searching *s, const vr_hnsw_points *products, vr_hnsw_candidates *best)
{
    static const struct {
        uint32_t rate, lots, lots_end;
    } looks[] = { { 1, 0, LOTS / 2 }, { 4, LOTS / 2, LOTS - 1 }, { 12, LOTS - 1, LOTS } };
    for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++)
        add_look(s, products, looks[i].rate, VR_HNSW_BEST_PER_LEAF, best, 0, looks[i].lots,
                 looks[i].lots_end);
}

static vrec_status search(vr_hnsw_building *b, const vr_hnsw_nodes *nodes,
                          const vr_hnsw_partition *partition, vr_hnsw_candidates *near,
                          vr_hnsw_candidates *best, vrec_error *err)
{
    searching s = { .nodes = nodes, .partition = partition };
    for (size_t l = 0; l < partition->leaf_count; l++)
        s.largest = vr_max(s.largest, partition->starts[l + 1] - partition->starts[l]);
    add_look(&s, b->points, 1, b->per_leaf, near, VR_HNSW_LEADERS, 0, LOTS);
    add_look(&s, b->points, VR_HNSW_SPARSE, VR_HNSW_PER_SPARSE_LEAF, near,
             VR_HNSW_LEADERS + VR_HNSW_OVERLAP * b->per_leaf, 0, LOTS);
    if (b->products)
        add_best_looks(&s, b->products, best);
    return vr_hnsw_work(b, partition->leaf_count, 1, nodes->count, run, &s, err);
}

static vrec_status take_candidates(size_t count, size_t width, vr_hnsw_candidates *candidates,
                                   vrec_error *err)
{
    *candidates = (vr_hnsw_candidates){ .width = width };
    if (width == 0)
        return VREC_OK;
    candidates->ids = vr_alloc(count, width * sizeof *candidates->ids);
    return candidates->ids ? VREC_OK
                           : vr_fail_memory(err, count * width * sizeof *candidates->ids,
                                            "the candidates for the links of a graph");
}

static size_t sought_near(const vr_hnsw_building *b)
{
    return b->old ? VR_HNSW_OVERLAP * b->per_leaf : 0;
}

static size_t sought_best(const vr_hnsw_building *b)
{
    return b->old && b->products ? VR_HNSW_OVERLAP * VR_HNSW_BEST_PER_LEAF : 0;
}

/* Nodes of an old graph are candidates, too: as many as its leaves give a node. */
static vrec_status seek(vr_hnsw_building *b, const vr_hnsw_nodes *nodes, vr_hnsw_candidates *near,
                        vr_hnsw_candidates *best, vrec_error *err)
{
    size_t count = sought_near(b), most = sought_best(b);
    vrec_status status = vr_hnsw_seek(b, nodes, b->points, near, near->width - count, count, err);
    if (status == VREC_OK && b->products)
        status = vr_hnsw_seek(b, nodes, b->products, best, best->width - most, most, err);
    return status;
}

vrec_status vr_hnsw_candidates_find(vr_hnsw_building *b, const vr_hnsw_nodes *nodes,
                                    vr_hnsw_candidates *near, vr_hnsw_candidates *best, vrec_error *err)
{
    vr_hnsw_partition partition = { 0 };
    size_t width = VR_HNSW_LEADERS + VR_HNSW_OVERLAP * (b->per_leaf + VR_HNSW_PER_SPARSE_LEAF);
    size_t best_width = b->products ? VR_HNSW_OVERLAP * VR_HNSW_BEST_PER_LEAF : 0;
    *best = (vr_hnsw_candidates){ 0 };
    vrec_status status = take_candidates(nodes->count, width + sought_near(b), near, err);
    if (status == VREC_OK)
        status = take_candidates(nodes->count, best_width + sought_best(b), best, err);
    if (status == VREC_OK)
        status = vr_hnsw_partition_make(b, nodes, near, &partition, err);
    if (status == VREC_OK)
        status = search(b, nodes, &partition, near, best, err);
    if (status == VREC_OK && b->old)
        status = seek(b, nodes, near, best, err);
    vr_hnsw_partition_free(&partition);
    return status;
}

void vr_hnsw_candidates_free(vr_hnsw_candidates *candidates)
{
    vr_free(candidates->ids);
    *candidates = (vr_hnsw_candidates){ 0 };
}
