/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/partition.h"

#include "base/memory.h"
#include "faiss/hnsw/nearest.h"

enum {
    ONE_LEAF_MAX = 2000, /* as many nodes need no dividing */
    LEAF_AVERAGE = 1000, /* members of a leaf */
    LEADERS_MIN = 64,
    LEADERS_MAX = 1 << 16, /* more would cost more than larger leaves */
    PORTION = 512
};

typedef struct dividing {
    const vr_hnsw_points *points;
    const vr_hnsw_nodes *nodes;
    uint32_t *leaders; /* nodes, ascending */
    size_t leader_count;
    vr_hnsw_group group; /* of the leaders */
    uint32_t *nearest;   /* of every node, VR_HNSW_OVERLAP numbers of leaders; NULL for one leaf */
    vr_hnsw_candidates *candidates;
} dividing;

/* ---- Leaders ---- */

static void draw_leaders(dividing *d, uint64_t seed)
{
    size_t wanted = d->leader_count, drawn = 0;
    for (size_t i = 0; drawn < wanted; i++)
        if (vr_hnsw_random(&seed) % (d->nodes->count - i) < wanted - drawn)
            d->leaders[drawn++] = d->nodes->ids[i];
}

static uint32_t number_of(const dividing *d, uint32_t leader)
{
    size_t low = 0, high = d->leader_count - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (d->leaders[middle] < leader)
            low = middle + 1;
        else
            high = middle;
    }
    return (uint32_t)low;
}

/* Into the candidates at a place. */
static void put_leaders(dividing *d, size_t place, const uint64_t *keys, size_t found)
{
    uint32_t *to = d->candidates->ids + place * d->candidates->width;
    for (size_t s = 0; s < VR_HNSW_LEADERS; s++)
        to[s] = s < found ? vr_topk_row(keys[s]) : VR_HNSW_NOBODY;
}

static void find_leaders(dividing *d, vr_hnsw_nearest *nearest, size_t first, size_t count)
{
    size_t width = vr_hnsw_nearest_width(d->points);
    for (size_t i = first; i < first + count; i += width) {
        size_t here = vr_min(width, first + count - i);
        vr_hnsw_nearest_find(nearest, &d->group, d->nodes->ids + i, here);
        for (size_t q = 0; q < here; q++) {
            const uint64_t *keys;
            size_t found = vr_hnsw_nearest_found(nearest, q, &keys);
            if (i + q >= d->nodes->settled)
                put_leaders(d, i + q - d->nodes->settled, keys, found);
            for (size_t s = 0; s < VR_HNSW_OVERLAP && d->nearest; s++) /* there are more leaders */
                d->nearest[(i + q) * VR_HNSW_OVERLAP + s] = number_of(d, vr_topk_row(keys[s]));
        }
    }
}

static vrec_status assign(void *context, vr_worker *me, vrec_error *err)
{
    dividing *d = context;
    vr_hnsw_nearest *nearest;
    vrec_status status = vr_hnsw_nearest_create(d->points, VR_HNSW_LEADERS, &nearest, err);
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        find_leaders(d, nearest, first, count);
    vr_hnsw_nearest_free(nearest);
    return status;
}

/* ---- Leaves ---- */

static vrec_status take_leaves(vr_hnsw_partition *p, size_t count, size_t overlap, size_t leaves,
                               vrec_error *err)
{
    p->overlap = overlap;
    p->leaf_count = leaves;
    p->starts = vr_alloc(leaves + 1, sizeof *p->starts);
    p->members = vr_alloc(count * overlap, sizeof *p->members); /* below 2^31 x 8 */
    p->slots = vr_alloc(count * overlap, sizeof *p->slots);
    if (!p->starts || !p->members || !p->slots)
        return vr_fail_memory(err, count * overlap * (sizeof *p->members + 1), "dividing the items");
    return VREC_OK;
}

static vrec_status make_one_leaf(const vr_hnsw_nodes *nodes, vr_hnsw_partition *p, vrec_error *err)
{
    vrec_status status = take_leaves(p, nodes->count, 1, 1, err);
    if (status != VREC_OK)
        return status;
    p->starts[0] = 0;
    p->starts[1] = nodes->count;
    for (size_t i = 0; i < nodes->count; i++) {
        p->members[i] = (uint32_t)i;
        p->slots[i] = 0;
    }
    return VREC_OK;
}

static size_t pieces_of(size_t members)
{
    return (members + VR_HNSW_LEAF_MAX - 1) / VR_HNSW_LEAF_MAX;
}

/* The place of the node that comes next. Settled ones and others come in turn, as often as they are many,
 * so that each piece of a leaf that is cut has its share of both. */
static size_t next_place(const vr_hnsw_nodes *nodes, size_t turn)
{
    uint64_t before = (uint64_t)turn * nodes->settled / nodes->count;
    uint64_t after = (uint64_t)(turn + 1) * nodes->settled / nodes->count;
    return (size_t)(after > before ? before : nodes->settled + (turn - before));
}

/* Members follow each other leader by leader; those of a leader that has too many are cut into several
 * leaves. ends[l]: where the members of leader l begin; afterwards where they end. */
static void fill_leaves(const dividing *d, size_t *ends, vr_hnsw_partition *p)
{
    size_t leaf = 0;
    for (size_t l = 0; l < d->leader_count; l++) {
        size_t count = ends[l + 1] - ends[l], pieces = pieces_of(count);
        for (size_t i = 0; i < pieces; i++)
            p->starts[leaf++] = ends[l] + i * count / pieces;
    }
    p->starts[leaf] = d->nodes->count * VR_HNSW_OVERLAP;
    for (size_t turn = 0; turn < d->nodes->count; turn++) {
        size_t place = next_place(d->nodes, turn);
        for (size_t s = 0; s < VR_HNSW_OVERLAP; s++) {
            size_t at = ends[d->nearest[place * VR_HNSW_OVERLAP + s]]++;
            p->members[at] = (uint32_t)place;
            p->slots[at] = (uint8_t)s;
        }
    }
}

static vrec_status make_leaves(const dividing *d, vr_hnsw_partition *p, vrec_error *err)
{
    size_t total = d->nodes->count * VR_HNSW_OVERLAP, leaves = 0;
    size_t *starts = vr_alloc_zero(d->leader_count + 1, sizeof *starts);
    if (!starts)
        return vr_fail_memory(err, (d->leader_count + 1) * sizeof *starts, "dividing the items");
    for (size_t i = 0; i < total; i++)
        starts[d->nearest[i] + 1]++;
    for (size_t l = 0; l < d->leader_count; l++) {
        leaves += pieces_of(starts[l + 1]);
        starts[l + 1] += starts[l];
    }
    vrec_status status = take_leaves(p, d->nodes->count, VR_HNSW_OVERLAP, leaves, err);
    if (status == VREC_OK)
        fill_leaves(d, starts, p);
    vr_free(starts);
    return status;
}

/* ---- Both ---- */

static vrec_status divide(vr_hnsw_building *b, dividing *d, vr_hnsw_partition *p, vrec_error *err)
{
    const vr_hnsw_nodes *nodes = d->nodes;
    d->leaders = vr_alloc(d->leader_count, sizeof *d->leaders);
    bool one = nodes->count <= ONE_LEAF_MAX;
    d->nearest = one ? NULL : vr_alloc(nodes->count, VR_HNSW_OVERLAP * sizeof *d->nearest);
    if (!d->leaders || (!d->nearest && !one))
        return vr_fail_memory(err, nodes->count * VR_HNSW_OVERLAP * sizeof *d->nearest,
                              "dividing the items");
    vrec_status status = vr_hnsw_group_init(&d->group, b->points, d->leader_count, err);
    if (status != VREC_OK)
        return status;
    draw_leaders(d, b->seed + nodes->level);
    vr_hnsw_group_set(&d->group, d->leaders, d->leader_count);
    status = vr_hnsw_work(b, nodes->count, PORTION, nodes->count - nodes->settled, assign, d, err);
    if (status != VREC_OK)
        return status;
    return one ? make_one_leaf(nodes, p, err) : make_leaves(d, p, err);
}

size_t vr_hnsw_leader_count(size_t nodes)
{
    size_t leaders = vr_min(nodes / LEAF_AVERAGE * VR_HNSW_OVERLAP, LEADERS_MAX);
    return vr_min(nodes, vr_max(leaders, LEADERS_MIN));
}

vrec_status vr_hnsw_partition_make(vr_hnsw_building *b, const vr_hnsw_nodes *nodes,
                                   vr_hnsw_candidates *candidates, vr_hnsw_partition *partition,
                                   vrec_error *err)
{
    *partition = (vr_hnsw_partition){ 0 };
    dividing d = { .points = b->points,
                   .nodes = nodes,
                   .leader_count = vr_hnsw_leader_count(nodes->count),
                   .candidates = candidates };
    vrec_status status = divide(b, &d, partition, err);
    vr_hnsw_group_free(&d.group);
    vr_free(d.leaders);
    vr_free(d.nearest);
    return status;
}

void vr_hnsw_partition_free(vr_hnsw_partition *partition)
{
    vr_free(partition->starts);
    vr_free(partition->members);
    vr_free(partition->slots);
    *partition = (vr_hnsw_partition){ 0 };
}
