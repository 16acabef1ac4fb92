/* The graph of an HNSW index (Malkov, Yashunin 2016): who is linked to whom, on which level.
 *
 * Every item is a node. All nodes are on level 0, fewer and fewer on the levels above; a node has a row of
 * links for each of its levels, and a link on a level goes to a node of that level. Rows have a fixed
 * length: the links come first, the free slots after them hold the id past the last node. So whoever walks
 * the graph can treat a free slot like a node that has been seen before, and needs no test for it.
 *
 * Level 0 stands in one array, row after row, because a search spends nearly all its time there; the rows
 * of all other levels are packed in a second one.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_GRAPH_H
#define VR_FAISS_HNSW_GRAPH_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { VR_HNSW_LEVELS_MAX = 63, VR_HNSW_M_MAX = 4096, VR_HNSW_ROWS_MAX = INT32_MAX };

typedef struct vr_hnsw_graph {
    size_t rows;       /* nodes; at most VR_HNSW_ROWS_MAX */
    uint32_t entry;    /* the node where searches begin; rows if there are none */
    uint32_t top;      /* the level where they begin, which the entry is on */
    uint32_t degree;   /* length of a row on level 0: 2 m */
    uint32_t *base;    /* level 0: rows x degree links */
    uint8_t *levels;   /* on how many levels a node is: at least 1 */
    uint32_t *starts;  /* where in upper a node's row of level 1 begins, that of level 2 behind it */
    uint32_t *upper;   /* the rows of all levels above 0 */
    size_t upper_size; /* slots in it */

    /* Or base and upper are NULL, and all rows stand in a mapped file, node by node and level by level. The
     * first -1 of a row ends its links. */
    const vr_stored_u32 *mapped;

    /* What a file says and a search doesn't need. Level l has slots[l] .. slots[l + 1] of a node's links
     * there, and a new node has l as its highest level with a probability of chances[l]. */
    size_t level_count;
    uint32_t slots[VR_HNSW_LEVELS_MAX + 1];
    double chances[VR_HNSW_LEVELS_MAX];
    int32_t ef_construction, ef_search;
} vr_hnsw_graph;

/* Sets slots, chances and degree as FAISS does for m, 2 to VR_HNSW_M_MAX; ef_construction and ef_search to
 * FAISS's defaults; no nodes. */
void vr_hnsw_graph_init(vr_hnsw_graph *graph, size_t m);

/* Takes memory for the levels of so many nodes, all 1. */
vrec_status vr_hnsw_graph_add_levels(vr_hnsw_graph *graph, size_t rows, vrec_error *err);

/* Begins a graph with the shape of another one: slots, chances, entry, top and what else a file says. It
 * has memory for the levels of so many nodes, at least as many as that has; of its nodes, the levels are
 * set. Free what is made, whatever comes back. */
vrec_status vr_hnsw_graph_begin_like(const vr_hnsw_graph *like, size_t rows, vr_hnsw_graph *graph,
                                     vrec_error *err);

/* Says where the rows of nodes begin whose levels are set. entry and top are the first of the nodes on most
 * levels, and its highest level. */
vrec_status vr_hnsw_graph_place_rows(vr_hnsw_graph *graph, vrec_error *err);

/* Takes memory for the links of nodes whose levels are set; what is in the slots is for the caller to set.
 * entry and top as above. */
vrec_status vr_hnsw_graph_take_rows(vr_hnsw_graph *graph, vrec_error *err);

/* The same, and all slots are free. */
vrec_status vr_hnsw_graph_add_rows(vr_hnsw_graph *graph, vrec_error *err);

void vr_hnsw_graph_free(vr_hnsw_graph *graph); /* what it holds; zeroed is fine */

/* The length of a row on a level below level_count. */
static inline uint32_t vr_hnsw_degree(const vr_hnsw_graph *graph, size_t level)
{
    return graph->slots[level + 1] - graph->slots[level];
}

/* The most links of a node on any level that nodes are on: on the others a file may claim rows of any
 * length. */
static inline size_t vr_hnsw_widest_row(const vr_hnsw_graph *graph)
{
    size_t most = 1;
    for (size_t level = 0; level <= graph->top && level < graph->level_count; level++)
        most = vr_max(most, vr_hnsw_degree(graph, level));
    return most;
}

/* Where a node's links begin among all, as a file has them: behind all rows of those before it. */
static inline size_t vr_hnsw_place(const vr_hnsw_graph *graph, size_t node)
{
    return node * graph->degree + (node < graph->rows ? graph->starts[node] : graph->upper_size);
}

/* A node's row on one of its levels, of a graph that isn't mapped. */
static inline uint32_t *vr_hnsw_links(const vr_hnsw_graph *graph, uint32_t node, size_t level)
{
    if (level == 0)
        return graph->base + (size_t)node * graph->degree;
    return graph->upper + graph->starts[node] + (graph->slots[level] - graph->slots[1]);
}

/* The same of any graph, to be read. Whatever is no node ends the links of the row. Where it is mapped,
 * they have been checked, but somebody may have changed the file since: so who follows a link looks at it
 * once more, and above level 0 whether it leads to a node of that level (vr_hnsw_leads). */
static inline const vr_stored_u32 *vr_hnsw_row(const vr_hnsw_graph *graph, uint32_t node, size_t level)
{
    if (graph->mapped)
        return graph->mapped + vr_hnsw_place(graph, node) + graph->slots[level];
    return vr_hnsw_links(graph, node, level);
}

static inline bool vr_hnsw_leads(const vr_hnsw_graph *graph, uint32_t link, size_t level)
{
    return link < graph->rows && (!graph->mapped || graph->levels[link] > level);
}

#endif
