/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/leaves.h"

#include "base/memory.h"
#include "faiss/hnsw/nearest.h"
#include "faiss/hnsw/partition.h"
#include "faiss/hnsw/seek.h"

/* Which members of a leaf are compared with which, by what, and where what is found goes: the nearest of
 * each of a node's leaves side by side, from first on among its candidates. */
typedef struct look {
    const vr_hnsw_points *points;
    bool back;     /* settled nodes ask, for those that aren't; else these ask, for all */
    size_t leaves; /* in which a node asks: so many, the leaders of which are nearest to it */
    uint32_t rate; /* of the members one out of so many is in question, drawn by its id */
    size_t k;      /* the nearest of them, in each leaf */
    vr_hnsw_candidates *candidates;
    size_t first;
    uint32_t lots, lots_end; /* which nodes ask: those whose lot is from lots up to before lots_end */
} look;

enum {
    LOOKS_MAX = 6,
    LOTS = 4,
    BACK_LEAVES = 3 /* in which a settled node asks */
};

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
    uint32_t *ids; /* of the members in question */
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
static bool is_drawn(const look *look, size_t leaf, uint32_t id)
{
    uint32_t shift = look->points->directions ? 0 : (uint32_t)leaf * 0x85ebca6bu;
    return look->rate == 1 || ((id + shift) * 0x9e3779b1u >> 16) % look->rate == 0;
}

static void set_group(const searching *s, tools *t, size_t leaf)
{
    const vr_hnsw_partition *p = s->partition;
    size_t count = 0;
    for (size_t at = p->starts[leaf]; at < p->starts[leaf + 1]; at++) {
        uint32_t id = s->nodes->ids[p->members[at]];
        if (t->look->back ? p->members[at] >= s->nodes->settled : is_drawn(t->look, leaf, id))
            t->ids[count++] = id;
    }
    vr_hnsw_group_set(&t->group, t->ids, count);
}

/* Whether a member, which stands there in the partition, asks who is near. */
static bool asks(const searching *s, const look *look, size_t at)
{
    size_t place = s->partition->members[at];
    uint32_t lot = lot_of(s->nodes->ids[place]);
    return (place < s->nodes->settled) == look->back && s->partition->slots[at] < look->leaves &&
           lot >= look->lots && lot < look->lots_end;
}

/* Answers count members, at most as many as can ask at a time. at: where they stand in the partition. */
static void answer(const searching *s, tools *t, const size_t *at, size_t count)
{
    const vr_hnsw_partition *p = s->partition;
    const look *look = t->look;
    uint32_t centers[VR_TILE_QUERIES_MAX];
    for (size_t q = 0; q < count; q++)
        centers[q] = s->nodes->ids[p->members[at[q]]];
    vr_hnsw_nearest_find(t->nearest, &t->group, centers, count);
    for (size_t q = 0; q < count; q++) {
        size_t place = p->members[at[q]] - (look->back ? 0 : s->nodes->settled);
        size_t to = place * look->candidates->width + look->first + p->slots[at[q]] * look->k;
        put_found(t, q, centers[q], look->candidates->ids + to);
    }
}

static void search_leaf(const searching *s, tools *t, size_t leaf)
{
    const vr_hnsw_partition *p = s->partition;
    size_t asking[VR_TILE_QUERIES_MAX], count = 0, width = vr_hnsw_nearest_width(t->look->points);
    set_group(s, t, leaf);
    for (size_t at = p->starts[leaf]; at < p->starts[leaf + 1]; at++) {
        if (asks(s, t->look, at))
            asking[count++] = at;
        if (count == width || (count > 0 && at + 1 == p->starts[leaf + 1])) {
            answer(s, t, asking, count);
            count = 0;
        }
    }
}

static vrec_status run(void *context, vr_worker *me, vrec_error *err)
{
    const searching *s = context;
    tools t[LOOKS_MAX] = { 0 };
    vrec_status status = VREC_OK;
    for (size_t l = 0; l < s->look_count && status == VREC_OK; l++)
        status = take_tools(s, &s->looks[l], &t[l], err);
    for (size_t leaf, count; status == VREC_OK && vr_work_take(me, &leaf, &count);)
        for (size_t l = 0; l < s->look_count; l++)
            search_leaf(s, &t[l], leaf);
    for (size_t l = 0; l < s->look_count; l++)
        free_tools(&t[l]);
    return status;
}

/* Of a node that is in one leaf only, as many are found there as else in all of its leaves. */
static void add_look(searching *s, const vr_hnsw_points *points, uint32_t rate, size_t per_leaf,
                     vr_hnsw_candidates *candidates, size_t first, uint32_t lots, uint32_t lots_end)
{
    s->looks[s->look_count++] = (look){ .points = points,
                                        .leaves = s->partition->overlap,
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

/* A settled node that few are near to would hear of none of the others: so it asks, too. */
static void add_back_look(searching *s, const vr_hnsw_points *points, vr_hnsw_candidates *back)
{
    size_t leaves = vr_min(BACK_LEAVES, s->partition->overlap);
    s->looks[s->look_count++] = (look){ .points = points,
                                        .back = true,
                                        .leaves = leaves,
                                        .rate = 1,
                                        .k = back->width / leaves,
                                        .candidates = back,
                                        .lots_end = LOTS };
}

static vrec_status search(vr_hnsw_building *b, const vr_hnsw_nodes *nodes,
                          const vr_hnsw_partition *partition, vr_hnsw_candidates *near,
                          vr_hnsw_candidates *best, vr_hnsw_candidates *back, vrec_error *err)
{
    searching s = { .nodes = nodes, .partition = partition };
    for (size_t l = 0; l < partition->leaf_count; l++)
        s.largest = vr_max(s.largest, partition->starts[l + 1] - partition->starts[l]);
    add_look(&s, b->points, 1, b->per_leaf, near, VR_HNSW_LEADERS, 0, LOTS);
    add_look(&s, b->points, VR_HNSW_SPARSE, VR_HNSW_PER_SPARSE_LEAF, near,
             VR_HNSW_LEADERS + VR_HNSW_OVERLAP * b->per_leaf, 0, LOTS);
    if (b->products)
        add_best_looks(&s, b->products, best);
    if (nodes->settled > 0)
        add_back_look(&s, b->points, back);
    return vr_hnsw_work(b, partition->leaf_count, 1, nodes->count - nodes->settled, run, &s, err);
}

static vrec_status take_candidates(size_t count, size_t width, vr_hnsw_candidates *candidates,
                                   vrec_error *err)
{
    *candidates = (vr_hnsw_candidates){ .width = width };
    if (count == 0 || width == 0)
        return VREC_OK;
    candidates->ids = vr_alloc(count, width * sizeof *candidates->ids);
    return candidates->ids ? VREC_OK
                           : vr_fail_memory(err, count * width * sizeof *candidates->ids,
                                            "the candidates for the links of a graph");
}

/* As many settled nodes as leaves of them would give a node. */
static vrec_status seek(vr_hnsw_building *b, const vr_hnsw_nodes *nodes, vr_hnsw_candidates *near,
                        vr_hnsw_candidates *best, vrec_error *err)
{
    size_t count = VR_HNSW_OVERLAP * b->per_leaf, most = VR_HNSW_OVERLAP * VR_HNSW_BEST_PER_LEAF;
    vrec_status status = vr_hnsw_seek(b, nodes, b->points, near, near->width - count, count, err);
    if (status == VREC_OK && b->products)
        status = vr_hnsw_seek(b, nodes, b->products, best, best->width - most, most, err);
    return status;
}

vrec_status vr_hnsw_candidates_find(vr_hnsw_building *b, const vr_hnsw_nodes *nodes,
                                    vr_hnsw_candidates *near, vr_hnsw_candidates *best,
                                    vr_hnsw_candidates *back, vrec_error *err)
{
    vr_hnsw_partition partition = { 0 };
    vr_hnsw_nodes fresh = vr_hnsw_unsettled(nodes);
    const vr_hnsw_nodes *divided = b->joint ? nodes : &fresh;
    size_t ways = b->joint ? 1 : 2;
    size_t width = VR_HNSW_LEADERS + VR_HNSW_OVERLAP * (ways * b->per_leaf + VR_HNSW_PER_SPARSE_LEAF);
    size_t best_width = b->products ? ways * VR_HNSW_OVERLAP * VR_HNSW_BEST_PER_LEAF : 0;
    *best = *back = (vr_hnsw_candidates){ 0 };
    vrec_status status = take_candidates(fresh.count, width, near, err);
    if (status == VREC_OK)
        status = take_candidates(fresh.count, best_width, best, err);
    if (status == VREC_OK)
        status = take_candidates(divided->settled, VR_HNSW_BACK, back, err);
    if (status == VREC_OK)
        status = vr_hnsw_partition_make(b, divided, near, &partition, err);
    if (status == VREC_OK)
        status = search(b, divided, &partition, near, best, back, err);
    if (status == VREC_OK && !b->joint)
        status = seek(b, &fresh, near, best, err);
    else if (b->old) /* the steps of a search that nobody needs */
        b->done += fresh.count * (b->products ? 2 : 1);
    vr_hnsw_partition_free(&partition);
    return status;
}

void vr_hnsw_candidates_free(vr_hnsw_candidates *candidates)
{
    vr_free(candidates->ids);
    *candidates = (vr_hnsw_candidates){ 0 };
}
