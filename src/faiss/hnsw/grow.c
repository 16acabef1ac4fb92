/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/grow.h"

#include "faiss/hnsw/levels.h"

/* The old graph may stand in a mapped file; free slots of the new one hold another id. */
static void copy_rows(const vr_hnsw_graph *old, uint32_t node, vr_hnsw_graph *graph)
{
    for (size_t level = 0; level < old->levels[node]; level++) {
        const vr_stored_u32 *from = vr_hnsw_row(old, node, level);
        uint32_t *to = vr_hnsw_links(graph, node, level);
        for (uint32_t i = 0, link; i < vr_hnsw_degree(old, level); i++) {
            link = from[i];
            if (!vr_hnsw_leads(old, link, level))
                break;
            to[i] = link;
        }
    }
}

vrec_status vr_hnsw_grow(const vr_hnsw_graph *old, size_t rows, uint64_t seed, vr_hnsw_graph *graph,
                         vrec_error *err)
{
    *graph = (vr_hnsw_graph){ .rows = 0 };
    if (rows > VR_HNSW_ROWS_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "faiss HNSW: %zu rows; at most %d are supported", rows,
                       VR_HNSW_ROWS_MAX);
    vrec_status status = vr_hnsw_graph_begin_like(old, rows, graph, err);
    if (status != VREC_OK)
        return status;
    vr_hnsw_draw_levels(graph, old->rows, seed);
    status = vr_hnsw_graph_add_rows(graph, err);
    if (status != VREC_OK)
        return status;
    for (uint32_t node = 0; node < old->rows; node++)
        copy_rows(old, node, graph);
    if (old->rows > 0 && graph->top <= old->top) {
        graph->top = old->top;
        graph->entry = old->entry;
    }
    return VREC_OK;
}
