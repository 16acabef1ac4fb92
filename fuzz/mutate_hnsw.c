/* Changes FAISS's HNSW files: gives one of levels, offsets, links, the entry point and the storage another
 * value that could be meant, or a node another level with all that goes with it.
 * SPDX-License-Identifier: Apache-2.0 */
#include "mutate.h"

enum { TAIL = 5 };
enum { CHANCES, SLOTS, LEVELS, OFFSETS, LINKS, TAILS, STORAGE, ITEMS, PARTS };

typedef struct graph {
    file *f;
    uint64_t rows;
    part parts[PARTS];
} graph;

static bool find_parts(graph *g, size_t *from)
{
    const file *f = g->f;
    static const size_t sizes[] = { [CHANCES] = 8, [SLOTS] = 4, [LEVELS] = 4, [OFFSETS] = 8, [LINKS] = 4 };
    size_t at = *from;
    if (f->size - at < MUTATE_HEADER)
        return false;
    g->rows = get(f, at + MUTATE_ROWS_AT, sizeof g->rows);
    at += MUTATE_HEADER;
    for (size_t i = CHANCES; i <= LINKS; i++)
        if (!find_vector(f, &at, sizes[i], &g->parts[i]))
            return false;
    if (f->size - at < TAIL * 4 + MUTATE_HEADER)
        return false;
    g->parts[TAILS] = (part){ at, TAIL, 4 };
    at += TAIL * 4;
    g->parts[STORAGE] = (part){ at, MUTATE_HEADER, 1 };
    at += MUTATE_HEADER;
    bool found = find_vector(f, &at, 4, &g->parts[ITEMS]);
    *from = at;
    return found;
}

bool pass_graph(file *f, size_t *at)
{
    graph g = { .f = f };
    return find_parts(&g, at);
}

/* A number that could be meant: an end of a range, or one beyond; one that stands elsewhere; a neighbour of
 * what is there. */
static uint64_t other_value(const graph *g, const part *p, size_t at)
{
    file *f = g->f;
    const part *source = &g->parts[draw(f, PARTS)];
    uint64_t here = get(f, at, p->size);
    switch (draw(f, 7)) {
    case 0: return draw(f, 4) - UINT64_C(1);
    case 1: return g->rows + draw(f, 3) - 1;
    case 2: return UINT64_C(0x7fffffff) + draw(f, 3) - 1;
    case 3: return g->rows > 0 ? draw(f, (size_t)g->rows) : 0;
    case 4:
        return source->count > 0 ? get(f, source->at + draw(f, source->count) * source->size, source->size)
                                 : 0;
    case 5: return g->parts[LINKS].count + draw(f, 3) - 1;
    default: return here + draw(f, 3) - 1;
    }
}

static size_t change_value(const graph *g)
{
    file *f = g->f;
    const part *p = &g->parts[draw(f, PARTS)];
    if (p->count == 0)
        return 0;
    size_t at = p->at + draw(f, p->count) * p->size;
    put(f, at, p->size, other_value(g, p, at));
    return f->size;
}

/* Puts a node on one more level: its row there, free but for a link, stands behind its others. */
static size_t lift(const graph *g)
{
    file *f = g->f;
    const part *levels = &g->parts[LEVELS], *offsets = &g->parts[OFFSETS], *links = &g->parts[LINKS];
    if (levels->count == 0 || offsets->count != levels->count + 1)
        return 0;
    size_t node = draw(f, levels->count), level = (size_t)get(f, levels->at + 4 * node, 4);
    if (g->parts[SLOTS].count < 2 || level > g->parts[SLOTS].count - 2)
        return 0;
    size_t slots = g->parts[SLOTS].at + 4 * level;
    uint64_t degree = get(f, slots + 4, 4) - get(f, slots, 4),
             end = get(f, offsets->at + 8 * (node + 1), 8);
    if (end > links->count || degree == 0 || degree > (f->max_size - f->size) / 4)
        return 0;
    size_t at = links->at + 4 * (size_t)end, bytes = 4 * (size_t)degree;
    memmove(f->data + at + bytes, f->data + at, f->size - at);
    memset(f->data + at, 0xff, bytes);
    put(f, at, 4, draw(f, levels->count));
    put(f, levels->at + 4 * node, 4, level + 1);
    put(f, links->at - 8, 8, links->count + degree);
    for (size_t i = node + 1; i < offsets->count; i++)
        put(f, offsets->at + 8 * i, 8, get(f, offsets->at + 8 * i, 8) + degree);
    return f->size + bytes;
}

size_t mutate_hnsw(file *f)
{
    graph g = { .f = f };
    size_t at = find_index(f, "IHNf");
    if (at == SIZE_MAX || !find_parts(&g, &at))
        return 0;
    return draw(f, 7) == 0 ? lift(&g) : change_value(&g);
}
