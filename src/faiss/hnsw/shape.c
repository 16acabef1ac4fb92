/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/shape.h"

#include "base/memory.h"
#include "core/marks.h"

static void count_links(const vr_hnsw_graph *graph, vr_hnsw_shape *out)
{
    uint64_t all = 0;
    out->degree_min = graph->degree;
    for (size_t node = 0; node < graph->rows; node++) {
        const vr_stored_u32 *links = vr_hnsw_row(graph, (uint32_t)node, 0);
        uint32_t count = 0;
        while (count < graph->degree && links[count] < graph->rows)
            count++;
        out->degree_min = count < out->degree_min ? count : out->degree_min;
        out->degree_max = count > out->degree_max ? count : out->degree_max;
        all += count;
    }
    out->degree_mean = (double)all / (double)graph->rows;
}

/* Nodes that have been found, in this order, each of them marked; the first of them have been looked at. */
typedef struct reach {
    const vr_hnsw_graph *graph;
    uint64_t *marks;
    uint32_t *found;
    size_t count, looked;
} reach;

static void find(reach *r, uint32_t node)
{
    if (vr_mark(r->marks, node))
        r->found[r->count++] = node;
}

/* Finds all nodes that links lead to from those that have been found. */
static void follow(reach *r)
{
    while (r->looked < r->count) {
        const vr_stored_u32 *links = vr_hnsw_row(r->graph, r->found[r->looked++], 0);
        for (uint32_t i = 0, link; i < r->graph->degree && (link = links[i]) < r->graph->rows; i++)
            find(r, link);
    }
}

static void count_reached(reach *r, vr_hnsw_shape *out)
{
    find(r, r->graph->entry);
    follow(r);
    out->from_entry = r->count;
    for (uint32_t node = 0; node < r->graph->rows; node++)
        if (r->graph->levels[node] > 1)
            find(r, node);
    follow(r);
    out->from_upper = r->count;
}

vrec_status vr_hnsw_shape_of(const vr_hnsw_graph *graph, vr_hnsw_shape *out, vrec_error *err)
{
    *out = (vr_hnsw_shape){ 0 };
    if (graph->rows == 0)
        return VREC_OK;
    reach r = { .graph = graph,
                .marks = vr_alloc_zero(vr_marks_words(graph->rows), sizeof *r.marks),
                .found = vr_alloc(graph->rows, sizeof *r.found) };
    vrec_status status = VREC_OK;
    if (r.marks && r.found) {
        count_links(graph, out);
        count_reached(&r, out);
    } else {
        status = vr_fail_memory(err, graph->rows * sizeof *r.found, "looking at a graph");
    }
    vr_free(r.marks);
    vr_free(r.found);
    return status;
}
