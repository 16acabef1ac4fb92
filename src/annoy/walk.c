/* The way through the trees. The nodes that may lead to near items wait in a heap, by the least distance
 * to a plane on the way to them; the best is visited, and if it is a split, its children are put in,
 * until enough candidates have been found.
 *
 * The order of visits is Annoy's, since it decides who becomes a candidate: the larger key first, of
 * equal keys the larger node number, -0 and 0 equal, NaN margins leaving the parent's key. A key is the
 * margin's bits made monotonic, above the node number, as in a vr_topk.
 *
 * The work is waiting for memory. So the node to visit next is decided, and fetched, as soon as a node
 * has been visited; and a thread walks for several queries in turn, so that each has time to arrive.
 *
 * Items that may not be returned lead nowhere and are passed over: the walk goes on until as many others
 * have been found, and enough of them differ.
 *
 * A file is not trusted: every index is checked before it is followed, and no walk is longer than one
 * over a forest can be, so that cycles end.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/walk.h"

#include "annoy/check.h"
#include "base/memory.h"
#include "core/topk.h"

#include <math.h>

enum { ARITY = 4 /* of the heap */ };

/* ---- Heap ---- */

static void sift_up(uint64_t *heap, size_t at, uint64_t key)
{
    while (at > 0) {
        size_t parent = (at - 1) / ARITY;
        if (heap[parent] >= key)
            break;
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = key;
}

/* Puts key in the place of the first of count > 0. */
static void sift_down(uint64_t *heap, size_t count, uint64_t key)
{
    size_t at = 0;
    for (;;) {
        size_t child = ARITY * at + 1, end = vr_min(child + ARITY, count);
        if (child >= count)
            break;
        size_t best = child;
        for (size_t c = child + 1; c < end; c++)
            best = heap[c] > heap[best] ? c : best;
        if (heap[best] <= key)
            break;
        heap[at] = heap[best];
        at = best;
    }
    heap[at] = key;
}

/* ---- Memory ---- */

static void set_heaps(vr_annoy_crew *crew, uint64_t *heaps, size_t room)
{
    crew->heaps = heaps;
    crew->heap_room = room;
    for (size_t i = 0; i < crew->size; i++)
        crew->walks[i].heap = heaps + i * room;
}

bool vr_annoy_take(vr_annoy_crew *crew)
{
    vr_annoy *forest = crew->forest;
    size_t room = vr_max(atomic_load(&forest->heap_room), 2 * (size_t)forest->root_count + 64);
    uint64_t *heaps = vr_scratch_take(&forest->heaps, crew->size * room * sizeof *heaps);
    crew->marks = vr_marks_take(&forest->marks, crew->size, forest->count);
    if (heaps)
        set_heaps(crew, heaps, room);
    for (size_t i = 0; crew->marks && i < crew->size; i++)
        crew->walks[i].marks = crew->marks + i * vr_marks_words(forest->count);
    return heaps && crew->marks;
}

void vr_annoy_give(vr_annoy_crew *crew)
{
    vr_scratch_give(&crew->forest->heaps, crew->heaps);
    vr_marks_give(&crew->forest->marks, crew->marks);
}

/* Doubles the heaps. */
static vrec_status grow_heaps(vr_annoy_crew *crew, vrec_error *err)
{
    vr_annoy *forest = crew->forest;
    size_t room = 2 * crew->heap_room, known = atomic_load(&forest->heap_room);
    size_t bytes = crew->size * room * sizeof(uint64_t);
    uint64_t *old = crew->heaps, *heaps = vr_scratch_take(&forest->heaps, bytes);
    if (!heaps)
        return vr_fail_memory(err, bytes, "a query");
    for (size_t i = 0; i < crew->count; i++)
        memcpy(heaps + i * room, crew->walks[i].heap, crew->walks[i].heap_count * sizeof *heaps);
    set_heaps(crew, heaps, room);
    vr_scratch_give(&forest->heaps, old);
    while (known < room && !atomic_compare_exchange_weak(&forest->heap_room, &known, room))
        ;
    return VREC_OK;
}

/* ---- Visits ---- */

static vrec_status corrupt(const vr_annoy_walk *w, uint32_t node, vrec_error *err)
{
    vrec_status status = vr_annoy_check_node(w->crew->forest, "annoy index", node, err);
    if (status != VREC_OK)
        return status;
    return vr_fail(err, VREC_CORRUPT,
                   "annoy index: the trees have a cycle or share nodes; node %u was "
                   "the last of %llu visited",
                   node, (unsigned long long)w->visits);
}

static void find(vr_annoy_walk *w, uint32_t item)
{
    w->found[w->found_count] = item;
    w->found_count += vr_mark(w->marks, item);
}

static bool may_be_returned(const vr_annoy_walk *w, uint32_t item)
{
    const vr_filter *filter = w->crew->filter;
    return !filter || vr_filter_passes(filter, w->row, item);
}

/* A leaf's items, unless there are more than fit a bucket. False if one of them can't be, or the leaf: only
 * the root over a single item is a bucket of one, and that item is its own leaf, too. */
static bool visit_leaf(vr_annoy_walk *w, uint32_t i, const uint8_t *node, uint32_t descendants)
{
    const vr_annoy *forest = w->crew->forest;
    size_t rows = forest->base.rows;
    if (descendants == 1 && i < rows) {
        if (may_be_returned(w, i)) {
            find(w, i);
            w->counted++;
        }
        return true;
    }
    if (descendants <= 1 && i >= rows && rows > 1)
        return false;
    uint32_t counted = descendants;
    for (size_t c = 0; c < descendants; c++) {
        uint32_t item = (uint32_t)vr_node_int(node, forest->layout.children + c * sizeof item);
        if (item >= rows)
            return false;
        if (may_be_returned(w, item))
            find(w, item);
        else
            counted--;
    }
    w->counted += counted;
    return true;
}

static float margin(const vr_annoy_walk *w, const uint8_t *node)
{
    const vr_annoy_layout *layout = &w->crew->forest->layout;
    float product;
    w->crew->simd->dot_rows(w->vector, vr_node_vector(layout, node), 1, layout->dim, &product);
    if (layout->metric == VR_ANNOY_ANGULAR || layout->current)
        return product;
    float factor = vr_node_float(node, layout->factor);
    return product + (layout->metric == VR_ANNOY_DOT ? factor * factor : factor);
}

/* The key of a child behind a parent's. */
static uint64_t child_key(uint64_t parent, float m, uint32_t child)
{
    uint64_t key = vr_topk_key(m, child), limit = (parent & ~(uint64_t)UINT32_MAX) | child;
    return !isnan(m) && key < limit ? key : limit;
}

/* Decides who is next, as early as that is known, for its node to be fetched meanwhile. */
static void set_next(vr_annoy_walk *w, uint64_t key)
{
    w->next = key;
    if (key)
        vr_prefetch(vr_annoy_node(w->crew->forest, (uint32_t)key), w->crew->forest->layout.size);
}

/* A split's children go to the heap, unless the better one is next. False if one of them can't be. */
static bool visit_split(vr_annoy_walk *w, const uint8_t *node)
{
    const vr_annoy *forest = w->crew->forest;
    uint32_t children[2];
    memcpy(children, node + forest->layout.children, sizeof children);
    if (children[0] >= forest->count || children[1] >= forest->count)
        return false;
    for (size_t c = 0; w->crew->count == 1 && c < 2; c++) /* no other walk fills the wait for the rest */
        vr_prefetch(vr_annoy_node(forest, children[c]), forest->layout.size);
    float m = margin(w, node);
    uint64_t zero = child_key(w->next, -m, children[0]), one = child_key(w->next, m, children[1]);
    uint64_t near = one > zero ? one : zero, far = one > zero ? zero : one;
    if (w->heap_count == 0 || near >= w->heap[0]) {
        set_next(w, near);
    } else {
        set_next(w, w->heap[0]);
        sift_down(w->heap, w->heap_count, near);
    }
    sift_up(w->heap, w->heap_count++, far);
    return true;
}

static void pop_next(vr_annoy_walk *w)
{
    bool enough = w->counted >= w->crew->limits->searchk && w->found_count >= w->least;
    if (w->heap_count == 0 || enough) {
        w->next = 0;
        return;
    }
    uint64_t last = w->heap[--w->heap_count];
    set_next(w, w->heap_count > 0 ? w->heap[0] : last);
    if (w->heap_count > 0)
        sift_down(w->heap, w->heap_count, last);
}

static void push_roots(vr_annoy_walk *w)
{
    const vr_annoy *forest = w->crew->forest;
    for (uint32_t i = 0; i < forest->root_count; i++) /* descending: a heap as it is */
        w->heap[i] = vr_topk_key(INFINITY, forest->count - 1 - i);
    w->heap_count = forest->root_count;
    w->found_count = 0;
    w->counted = 0;
    w->visits = 0;
    pop_next(w);
}

/* Visits the next node. There is room for one more in the heap. */
static vrec_status step(vr_annoy_walk *w, vrec_error *err)
{
    const vr_annoy *forest = w->crew->forest;
    uint32_t i = (uint32_t)w->next;
    const uint8_t *node = vr_annoy_node(forest, i);
    uint32_t descendants = (uint32_t)vr_node_descendants(node);
    bool leaf = descendants <= forest->layout.capacity;
    if (descendants > INT32_MAX || ++w->visits > w->crew->limits->most_visits)
        return corrupt(w, i, err);
    if (!(leaf ? visit_leaf(w, i, node, descendants) : visit_split(w, node)))
        return corrupt(w, i, err);
    if (leaf)
        pop_next(w);
    return VREC_OK;
}

vrec_status vr_annoy_find(vr_annoy_crew *crew, vrec_error *err)
{
    vrec_status status = VREC_OK;
    for (size_t i = 0; i < crew->count; i++) {
        crew->walks[i].crew = crew;
        crew->walks[i].next = 0;
        if (!crew->walks[i].listed)
            push_roots(&crew->walks[i]);
    }
    for (size_t walking = crew->count; walking > 0 && status == VREC_OK;) {
        walking = 0;
        for (size_t i = 0; i < crew->count && status == VREC_OK; i++) {
            vr_annoy_walk *w = &crew->walks[i];
            if (!w->next)
                continue;
            walking++;
            if (w->heap_count == crew->heap_room)
                status = grow_heaps(crew, err);
            if (status == VREC_OK)
                status = step(w, err);
        }
    }
    return status;
}
