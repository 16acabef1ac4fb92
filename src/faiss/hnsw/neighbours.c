/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/neighbours.h"

#include "base/memory.h"

enum {
    CHUNK = 256 /* candidates whose distances are computed at a time */
};

struct vr_hnsw_chooser {
    const vr_hnsw_points *points;
    uint32_t node;
    vr_hnsw_center at;  /* the node */
    int8_t *digits;     /* of the node, and of a candidate */
    vr_topk nearest;    /* of the candidates */
    uint64_t *keys;     /* what it stands in */
    size_t most;        /* candidates that are considered */
    uint32_t *rest;     /* candidates that may still be linked, */
    uint32_t *rest_at;  /* where they are among the keys, */
    float *distances;   /* and how far they are from one that is */
    float *reaches;     /* how far the keys are from the node, as the rule sees it */
    uint8_t *passed;    /* of the keys: whether it is passed over */
    uint32_t *listed;   /* a hash table of those that choose_among() has added */
    size_t listed_mask; /* its size less one */
};

vrec_status vr_hnsw_chooser_create(const vr_hnsw_points *points, size_t most, size_t listed,
                                   vr_hnsw_chooser **out, vrec_error *err)
{
    vr_hnsw_chooser *c = *out = vr_alloc_zero(1, sizeof *c);
    if (!c)
        return vr_fail_memory(err, sizeof *c, "choosing links");
    size_t table = 16;
    while (table < 2 * listed)
        table *= 2;
    c->points = points;
    c->most = most;
    c->listed_mask = table - 1;
    c->digits = vr_alloc(2, vr_hnsw_point_digits(points));
    c->keys = vr_alloc(vr_topk_capacity(most), sizeof *c->keys);
    c->rest = vr_alloc(most, sizeof *c->rest);
    c->rest_at = vr_alloc(most, sizeof *c->rest_at);
    c->distances = vr_alloc(vr_max(most, CHUNK), sizeof *c->distances);
    c->reaches = vr_alloc(most, sizeof *c->reaches);
    c->passed = vr_alloc(most, sizeof *c->passed);
    c->listed = vr_alloc(table, sizeof *c->listed);
    if (!c->digits || !c->keys || !c->rest || !c->rest_at || !c->distances || !c->reaches || !c->passed ||
        !c->listed)
        return vr_fail_memory(err, vr_topk_capacity(most) * 8 + table * 4, "choosing links");
    return VREC_OK;
}

void vr_hnsw_chooser_free(vr_hnsw_chooser *chooser)
{
    if (!chooser)
        return;
    vr_free(chooser->digits);
    vr_free(chooser->keys);
    vr_free(chooser->rest);
    vr_free(chooser->rest_at);
    vr_free(chooser->distances);
    vr_free(chooser->reaches);
    vr_free(chooser->passed);
    vr_free(chooser->listed);
    vr_free(chooser);
}

/* Where an id is in the hash table, or would be. */
static uint32_t *place_of(const vr_hnsw_chooser *c, uint32_t id)
{
    size_t at = (id * 0x9e3779b1u >> 7) & c->listed_mask;
    while (c->listed[at] != UINT32_MAX && c->listed[at] != id)
        at = (at + 1) & c->listed_mask;
    return &c->listed[at];
}

void vr_hnsw_choose_for(vr_hnsw_chooser *chooser, uint32_t node)
{
    chooser->node = node;
    vr_hnsw_center_on(chooser->points, node, chooser->digits, &chooser->at);
    vr_topk_init(&chooser->nearest, chooser->keys, chooser->most);
    memset(chooser->listed, 0xff, (chooser->listed_mask + 1) * sizeof *chooser->listed);
}

void vr_hnsw_choose_without(vr_hnsw_chooser *chooser, const uint32_t *links, size_t count)
{
    for (size_t i = 0; i < count; i++)
        *place_of(chooser, links[i]) = links[i];
}

/* ---- Candidates ---- */

static void compare(vr_hnsw_chooser *c, const uint32_t *ids, size_t count)
{
    vr_hnsw_distances(c->points, &c->at, ids, count, c->distances);
    for (size_t i = 0; i < count; i++)
        vr_topk_push(&c->nearest, vr_topk_key(c->distances[i], ids[i]));
}

void vr_hnsw_choose_among(vr_hnsw_chooser *chooser, const uint32_t *ids, size_t count)
{
    uint32_t chunk[CHUNK];
    size_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t *place = ids[i] < chooser->points->count ? place_of(chooser, ids[i]) : NULL;
        if (!place || *place == ids[i] || ids[i] == chooser->node)
            continue;
        *place = chunk[filled++] = ids[i];
        if (filled == CHUNK) {
            compare(chooser, chunk, filled);
            filled = 0;
        }
    }
    compare(chooser, chunk, filled);
}

void vr_hnsw_choose_also(vr_hnsw_chooser *chooser, const uint32_t *ids, size_t count)
{
    uint32_t chunk[CHUNK];
    size_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        if (*place_of(chooser, ids[i]) == ids[i])
            continue;
        chunk[filled++] = ids[i];
        if (filled == CHUNK) {
            compare(chooser, chunk, filled);
            filled = 0;
        }
    }
    compare(chooser, chunk, filled);
}

/* ---- The choice ---- */

/* What the rule compares by. */
static const vr_hnsw_points *rule_points(const vr_hnsw_chooser *c)
{
    return c->points->directions ? c->points->directions : c->points;
}

/* How far the candidates are from the node, as the rule sees it. */
static void measure(vr_hnsw_chooser *c)
{
    size_t count = c->nearest.count;
    vr_hnsw_center node;
    if (c->points->directions) {
        for (size_t i = 0; i < count; i++)
            c->rest[i] = vr_topk_row(c->keys[i]);
        vr_hnsw_center_on(rule_points(c), c->node, c->digits, &node);
        vr_hnsw_distances(rule_points(c), &node, c->rest, count, c->reaches);
    } else {
        for (size_t i = 0; i < count; i++)
            c->reaches[i] = vr_topk_value(c->keys[i]);
    }
}

/* Passes over those after key i that are nearer to it than to the node. */
static void pass_over(vr_hnsw_chooser *c, size_t i)
{
    const vr_hnsw_points *points = rule_points(c);
    size_t count = 0;
    vr_hnsw_center linked;
    for (size_t j = i + 1; j < c->nearest.count; j++)
        if (!c->passed[j]) {
            c->rest[count] = vr_topk_row(c->keys[j]);
            c->rest_at[count++] = (uint32_t)j;
        }
    if (count == 0)
        return;
    vr_hnsw_center_on(points, vr_topk_row(c->keys[i]), c->digits + vr_hnsw_point_digits(points), &linked);
    vr_hnsw_distances(points, &linked, c->rest, count, c->distances);
    for (size_t r = 0; r < count; r++)
        c->passed[c->rest_at[r]] = c->distances[r] < c->reaches[c->rest_at[r]];
}

size_t vr_hnsw_choose(vr_hnsw_chooser *chooser, vr_hnsw_way way, size_t degree, uint32_t *row)
{
    size_t linked = 0;
    vr_topk_finish(&chooser->nearest);
    size_t count = chooser->nearest.count;
    bool rule = way == VR_HNSW_SPREAD || (way == VR_HNSW_FILL && count > degree);
    memset(chooser->passed, 0, count);
    if (rule)
        measure(chooser);
    for (size_t i = 0; i < count && linked < degree; i++)
        if (!chooser->passed[i]) {
            row[linked++] = vr_topk_row(chooser->keys[i]);
            if (rule && linked < degree)
                pass_over(chooser, i);
        }
    for (size_t i = 0; way == VR_HNSW_FILL && i < count && linked < degree; i++)
        if (chooser->passed[i])
            row[linked++] = vr_topk_row(chooser->keys[i]);
    return linked;
}
