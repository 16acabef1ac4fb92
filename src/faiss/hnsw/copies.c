/* A walk that has come to one of many copies visits them one after the other, since all are as near, and
 * drops what is farther once its pool is full of them. So what it sees on the way has to lead on: each copy
 * has the links of another of the nodes around the first one, the nearest first. Copies are then visited in
 * place of those nodes, to which the walk would have gone next.
 *
 * Equal nodes form a ring in the order of their ids, with links both ways, and each copy has a link to the
 * first one, which leads to what is really near. Others link to the first one only, but tuning walks as if
 * a node weren't there, which may be that one; so some of its neighbours link to the second instead. All
 * that is on level 0: on the others, where a walk goes on only to who is nearer, nobody needs to come to a
 * copy, but a walk may begin at one.
 *
 * Where an old graph is built on, all of that is undone first, so that nodes that take part have links to
 * such nodes only, and made anew afterwards. Else a search for whom to link a new node to would end at a
 * first node whose links all lead to its copies, and copies would go on leading to who was around before.
 *
 * One thread does it, in the order of ids.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/copies.h"

#include "base/hash.h"
#include "base/memory.h"
#include "core/matrix.h"

enum { SHARED_MAX = 64 /* links of the first of equal ones, whose targets it shares with the second */ };

/* ---- Who is equal ---- */

/* Of the values, where 0 and -0 are the same. */
static uint32_t hash_of(const float *item, size_t dim)
{
    float part[64];
    vr_hash hash;
    vr_hash_start(&hash, 0);
    for (size_t done = 0, count; done < dim; done += count) {
        count = vr_min(dim - done, sizeof part / sizeof *part);
        for (size_t j = 0; j < count; j++)
            part[j] = item[done + j] + 0.0f;
        vr_hash_add(&hash, part, count * sizeof *part);
    }
    return (uint32_t)vr_hash_end(&hash);
}

static bool are_equal(const float *a, const float *b, size_t dim)
{
    size_t j = 0;
    while (j < dim && a[j] == b[j])
        j++;
    return j == dim;
}

/* Items by their hashes: a slot holds the hash and, below it, the node. */
typedef struct table {
    const float *items;
    size_t dim, mask;
    uint64_t *slots;
} table;

/* The first node that is equal to this one; if there is none, this one is. */
static uint32_t find_first(table *t, uint32_t node)
{
    const float *item = t->items + (size_t)node * t->dim;
    uint32_t hash = hash_of(item, t->dim);
    size_t at = hash & t->mask;
    for (; t->slots[at] != UINT64_MAX; at = (at + 1) & t->mask) {
        uint32_t other = (uint32_t)t->slots[at];
        if (t->slots[at] >> 32 == hash && are_equal(item, t->items + (size_t)other * t->dim, t->dim))
            return other;
    }
    t->slots[at] = (uint64_t)hash << 32 | node;
    return node;
}

/* No query finds such an item, nor passes by it: nobody may have to be found by way of it. */
static bool is_nonfinite(const vr_hnsw_building *b, uint32_t node)
{
    size_t dim = b->points->dim;
    return b->stored && node < vr_hnsw_old_rows(b) && vr_find_nonfinite(b->stored + node * dim, dim) < dim;
}

static void group(const vr_hnsw_building *b, size_t level, table *t, vr_hnsw_copies *copies)
{
    size_t found = 0;
    for (uint32_t node = 0; node < b->graph->rows; node++) {
        if (b->graph->levels[node] <= level)
            continue;
        uint32_t first = copies->first[node] = is_nonfinite(b, node) ? node : find_first(t, node);
        copies->before[node] = first == node ? node : copies->before[first];
        copies->before[first] = node;
        found += first != node;
        copies->fresh += first != node && node >= vr_hnsw_old_rows(b);
    }
    if (found == 0)
        vr_hnsw_copies_free(copies);
}

vrec_status vr_hnsw_copies_find(const vr_hnsw_building *b, size_t level, vr_hnsw_copies *copies,
                                vrec_error *err)
{
    size_t rows = b->graph->rows, count = 0, size = 2;
    for (size_t i = 0; i < rows; i++)
        count += b->graph->levels[i] > level;
    while (size < 2 * count)
        size *= 2;
    table t = { b->items, b->points->dim, size - 1, vr_alloc(size, sizeof *t.slots) };
    *copies = (vr_hnsw_copies){ .first = vr_alloc(rows, sizeof *copies->first),
                                .before = vr_alloc(rows, sizeof *copies->before) };
    vrec_status status = VREC_OK;
    if (!t.slots || !copies->first || !copies->before) {
        status = vr_fail_memory(err, size * sizeof *t.slots + rows * 8, "looking for equal items");
        vr_hnsw_copies_free(copies);
    } else {
        memset(t.slots, 0xff, size * sizeof *t.slots);
        group(b, level, &t, copies);
    }
    vr_free(t.slots);
    return status;
}

void vr_hnsw_copies_free(vr_hnsw_copies *copies)
{
    vr_free(copies->first);
    vr_free(copies->before);
    *copies = (vr_hnsw_copies){ 0 };
}

/* ---- Links ---- */

typedef struct linking {
    const vr_hnsw_copies *copies;
    const vr_hnsw_graph *graph;
    size_t level, degree;
    uint32_t *around; /* nodes around the first of equal ones, */
    size_t count;
    uint32_t *seen; /* of every node, for which other one it has been seen last */
} linking;

static vrec_status begin(const vr_hnsw_building *b, size_t level, const vr_hnsw_copies *copies, linking *l,
                         vrec_error *err)
{
    size_t rows = b->graph->rows;
    *l = (linking){ .copies = copies,
                    .graph = b->graph,
                    .level = level,
                    .degree = vr_hnsw_degree(b->graph, level),
                    .around = vr_alloc(rows, sizeof *l->around),
                    .seen = vr_alloc(rows, sizeof *l->seen) };
    if (!l->around || !l->seen)
        return vr_fail_memory(err, rows * (sizeof *l->around + sizeof *l->seen), "linking equal items");
    memset(l->seen, 0xff, rows * sizeof *l->seen);
    return VREC_OK;
}

static void end(linking *l)
{
    vr_free(l->around);
    vr_free(l->seen);
}

/* Whether a node of the level is the first of equal ones, or the only one. */
static bool is_first(const linking *l, uint32_t node)
{
    return l->graph->levels[node] > l->level && l->copies->first[node] == node;
}

static uint32_t *row_of(const linking *l, uint32_t node)
{
    return vr_hnsw_links(l->graph, node, l->level);
}

static uint32_t *find_link(const linking *l, uint32_t node, uint32_t link)
{
    uint32_t *row = row_of(l, node);
    for (size_t i = 0; i < l->degree; i++)
        if (row[i] == link)
            return &row[i];
    return NULL;
}

/* ---- Before an old graph is built on ---- */

/* Adds to the count links of a first node the firsts of those that are linked to, until there are enough;
 * returns how many there are. links may be the row itself. */
static size_t add_firsts(const linking *l, uint32_t node, const uint32_t *links, size_t count,
                         size_t enough)
{
    uint32_t *row = row_of(l, node);
    for (size_t i = 0; i < l->degree && links[i] < l->graph->rows && count < enough; i++) {
        uint32_t first = l->copies->first[links[i]];
        if (first == node || l->seen[first] == node)
            continue;
        l->seen[first] = node;
        row[count++] = first;
    }
    return count;
}

static bool leads_to_copy(const linking *l, uint32_t node)
{
    const uint32_t *row = row_of(l, node);
    size_t i = 0;
    while (i < l->degree && row[i] < l->graph->rows && l->copies->first[row[i]] == row[i])
        i++;
    return i < l->degree && row[i] < l->graph->rows;
}

/* A row that led mainly to the node's own copies, as FAISS makes them, gets links of these until half of it
 * is full. */
static void merge_row(const linking *l, uint32_t node)
{
    uint32_t *row = row_of(l, node);
    size_t count = add_firsts(l, node, row, 0, l->degree);
    for (uint32_t copy = l->copies->before[node]; copy != node && count < l->degree / 2;
         copy = l->copies->before[copy])
        count = add_firsts(l, node, row_of(l, copy), count, l->degree / 2);
    while (count < l->degree)
        row[count++] = (uint32_t)l->graph->rows;
}

vrec_status vr_hnsw_copies_merge(const vr_hnsw_building *b, size_t level, const vr_hnsw_copies *copies,
                                 vrec_error *err)
{
    linking l;
    if (!copies->first || vr_hnsw_old_rows(b) == 0)
        return VREC_OK;
    vrec_status status = begin(b, level, copies, &l, err);
    for (uint32_t node = 0; node < vr_hnsw_old_rows(b) && status == VREC_OK; node++)
        if (is_first(&l, node) && leads_to_copy(&l, node))
            merge_row(&l, node);
    end(&l);
    return status;
}

/* ---- Afterwards ---- */

/* Puts those that a node links to around the first of equal ones, until they are enough. */
static void look_at(linking *l, uint32_t first, uint32_t node, size_t enough)
{
    const uint32_t *row = row_of(l, node);
    for (size_t i = 0; i < l->degree && row[i] < l->graph->rows && l->count < enough; i++)
        if (l->copies->first[row[i]] != first && l->seen[row[i]] != first) {
            l->seen[row[i]] = first;
            l->around[l->count++] = row[i];
        }
}

static void look_around(linking *l, uint32_t first, size_t enough)
{
    l->count = 0;
    look_at(l, first, first, enough);
    for (size_t i = 0; i < l->count && l->count < enough; i++)
        look_at(l, first, l->around[i], enough);
}

/* A link more in a row of count links, unless it is there or there is no room; returns how many there are.
 */
static size_t append(const linking *l, uint32_t *row, size_t count, uint32_t link)
{
    for (size_t i = 0; i < count; i++)
        if (row[i] == link)
            return count;
    if (count < l->degree)
        row[count++] = link;
    return count;
}

/* The links of a copy: those to equal ones, and then those of the node around whose turn it is. */
static void fill_row(const linking *l, uint32_t copy, uint32_t after, size_t turn)
{
    uint32_t first = l->copies->first[copy], none = (uint32_t)l->graph->rows, *row = row_of(l, copy);
    size_t count = 0;
    if (l->level == 0) {
        count = append(l, row, count, l->copies->before[copy]);
        count = append(l, row, count, after);
    }
    count = append(l, row, count, first);
    const uint32_t *links = l->count > 0 ? row_of(l, l->around[turn % l->count]) : NULL;
    for (size_t i = 0; links && i < l->degree && links[i] < none && count < l->degree; i++)
        if (l->copies->first[links[i]] != first)
            row[count++] = links[i];
    while (count < l->degree)
        row[count++] = none;
}

/* Links the first of equal ones, which has its links, to one beside it in the ring: in a free slot, or in
 * place of the last that isn't in the ring. */
static void link_beside(const linking *l, uint32_t first, uint32_t beside)
{
    uint32_t *row = row_of(l, first), *place = NULL;
    if (find_link(l, first, beside))
        return;
    for (size_t i = 0; i < l->degree && !(place && *place >= l->graph->rows); i++)
        if (row[i] >= l->graph->rows || l->copies->first[row[i]] != first)
            place = &row[i];
    if (place)
        *place = beside;
}

/* Every other one of the first one's neighbours that links to it links to the second instead; of many, a
 * part is enough, as each is looked through for that link. */
static void share_neighbours(const linking *l, uint32_t first, uint32_t second)
{
    const uint32_t *row = row_of(l, first);
    size_t count = vr_min(l->degree, SHARED_MAX);
    for (size_t i = 1; i < count && row[i] < l->graph->rows; i += 2) {
        uint32_t *link = find_link(l, row[i], first);
        if (link && l->copies->first[row[i]] != first && !find_link(l, row[i], second))
            *link = second;
    }
}

/* All copies get their links; those of an old graph, too, since others may be around by now. */
static void link_ring(linking *l, uint32_t first)
{
    const uint32_t *before = l->copies->before;
    uint32_t last = before[first], after = first;
    size_t turn = 0;
    for (uint32_t copy = last; copy != first; copy = before[copy])
        turn++;
    look_around(l, first, turn);
    for (uint32_t copy = last; copy != first; after = copy, copy = before[copy])
        fill_row(l, copy, after, --turn);
    if (l->level > 0)
        return;
    link_beside(l, first, last);
    link_beside(l, first, after);
    share_neighbours(l, first, after);
}

vrec_status vr_hnsw_copies_link(const vr_hnsw_building *b, size_t level, const vr_hnsw_copies *copies,
                                vrec_error *err)
{
    linking l;
    if (!copies->first)
        return VREC_OK;
    vrec_status status = begin(b, level, copies, &l, err);
    for (uint32_t node = 0; node < b->graph->rows && status == VREC_OK; node++)
        if (is_first(&l, node) && copies->before[node] != node)
            link_ring(&l, node);
    end(&l);
    return status;
}
