/* What a graph takes, before it is built: build.h says of what the memory consists.
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/estimate.h"

#include "base/memory.h"
#include "core/lanes.h"
#include "core/matrix.h"
#include "faiss/format.h"
#include "faiss/hnsw/company.h"
#include "faiss/hnsw/file.h"
#include "faiss/hnsw/hnsw.h"
#include "faiss/hnsw/leaves.h"
#include "faiss/hnsw/levels.h"
#include "faiss/hnsw/partition.h"
#include "faiss/table.h"

#include <math.h>

enum {
    LINE = 64,
    SAMPLE = 1000,   /* items whose lengths are looked at */
    ONE_LEAF = 2000, /* items that aren't divided */
    WANTED = 40,     /* items that a query of a sample wants, */
    INVENTED = 8192, /* of which there are so many */
    NEAR_ROWS = 2048 /* so few items all lie in a cache */
};

/* What is built, and what of it counts. */
typedef struct graph_plan {
    const vr_plan *of;
    vr_hnsw_plan build;
    bool products;                /* by inner product and angle */
    uint64_t rows, links, digits; /* bytes of all links; of one item's digits */
} graph_plan;

/* Inner products of which nobody knows the items are thought to take more. */
static vrec_status look_at_lengths(graph_plan *g, vrec_error *err)
{
    const vrec_matrix *sample = g->of->sample;
    g->products = g->build.metric == VR_METRIC_IP;
    if (!g->products || !sample)
        return VREC_OK;
    size_t count = vr_min(sample->rows, SAMPLE);
    float *lengths = vr_alloc(count, sizeof *lengths), *row = vr_alloc(sample->dim, sizeof *row);
    for (size_t i = 0; i < count && lengths && row; i++) {
        vr_matrix_rows(sample, (size_t)((uint64_t)i * sample->rows / count), 1, row);
        lengths[i] = sqrtf(vr_squares(row, sample->dim));
    }
    bool had = lengths && row;
    if (had)
        g->products = vr_hnsw_lengths_differ(lengths, count);
    vr_free(lengths);
    vr_free(row);
    return had ? VREC_OK : vr_fail_memory(err, (count + sample->dim) * sizeof *row, "a sample of items");
}

/* ---- Sizes ---- */

static uint64_t codes_bytes(const vr_options *options, const graph_plan *g)
{
    int64_t wish = options->value[VR_FAISS_CODES];
    if (wish == VR_FAISS_CODES_OFF || g->of->dim > VR_HNSW_CODES_DIM_MAX)
        return 0;
    vr_hnsw_code_kind kind = wish == VR_FAISS_CODES_SQ4 ? VR_HNSW_SQ4 : VR_HNSW_SQ8;
    if (wish == VR_FAISS_CODES_AUTO) /* unless they blur */
        kind = vr_hnsw_fastest_kind(g->of->dim);
    return vr_alloc_bytes(g->rows * LINE * vr_hnsw_code_lines(kind, g->of->dim));
}

/* Besides items and links. Candidates, and the division into leaves, take more than links turned around. */
static uint64_t building_bytes(const graph_plan *g)
{
    size_t width =
        VR_HNSW_LEADERS + VR_HNSW_OVERLAP * (vr_hnsw_per_leaf(&g->build) + VR_HNSW_PER_SPARSE_LEAF);
    size_t divided = g->rows > ONE_LEAF ? VR_HNSW_OVERLAP * (4 + 4 + 1) : 4 + 1;
    size_t company = 4 * vr_hnsw_company_width(g->build.m) + 1;
    size_t tools = vr_min(g->rows, VR_HNSW_LEAF_MAX) * 2; /* a thread's groups of leaves */
    uint64_t each = 4 + 4 + 1 + divided, finding = 0;     /* company */
    uint64_t large = vr_alloc_bytes(g->rows * g->digits) + vr_alloc_bytes(g->rows * width * 4);
    if (g->products) {
        each += 8 + company;
        large += vr_alloc_bytes(g->rows * g->digits) +
                 vr_alloc_bytes(g->rows * VR_HNSW_OVERLAP * VR_HNSW_BEST_PER_LEAF * 4);
        finding = g->rows * (3 * g->digits + 28 + company + 8 * g->build.threads) +
                  vr_min(g->rows, VR_HNSW_SAMPLE_MAX) * 320;
    }
    return vr_max(large + g->rows * each + g->build.threads * tools * (g->of->dim + 20), finding);
}

static vrec_status count_file(const graph_plan *g, vr_hnsw *hnsw, vrec_forecast *out, vrec_error *err)
{
    vr_faiss_writer counting = { .out = NULL };
    hnsw->index.base.rows = hnsw->graph.rows = g->of->rows;
    hnsw->index.base.dim = g->of->dim;
    hnsw->index.metric = g->build.metric;
    vrec_status status = vr_hnsw_write(&hnsw->index, &counting, err);
    out->file_bytes = counting.done;
    return status;
}

static vrec_status count_bytes(const vr_options *options, graph_plan *g, vrec_forecast *out,
                               vrec_error *err)
{
    vr_hnsw hnsw = { 0 };
    vr_hnsw_graph *graph = &hnsw.graph;
    vr_hnsw_graph_init(graph, g->build.m);
    graph->upper_size = (size_t)vr_hnsw_upper_slots(graph, g->of->rows, g->build.seed);
    g->links = vr_alloc_bytes(g->rows * graph->degree * 4) + graph->upper_size * 4 + g->rows * (4 + 1);
    uint64_t items = vr_alloc_bytes(g->rows * g->of->dim * sizeof(float));
    out->opened_bytes = g->rows * (4 + 1) + codes_bytes(options, g);
    out->index_bytes = items + g->links + codes_bytes(options, g);
    out->peak_bytes = vr_max(items + g->links + building_bytes(g), out->index_bytes);
    return count_file(g, &hnsw, out, err);
}

/* ---- Work ---- */

/* What is counted: a comparison by a kernel that makes many at a time, and one of an item that may be near,
 * which is looked up by itself; in nanoseconds, as they were measured where 100 values took 0.6 and 32.
 * What else there is follows from the latter. */
static double glance(const graph_plan *g)
{
    return 0.2 + 0.004 * (double)g->of->dim;
}

static double look(const graph_plan *g)
{
    return 27 + 0.05 * (double)g->of->dim;
}

/* Finding the k nearest of so many: all are glanced at, and looked at are those that are among the nearest
 * when their turn comes. */
static double find_nearest(const graph_plan *g, double k, double others)
{
    double looked = others > k ? k * (1 + log(others / k)) : others;
    return others * glance(g) + looked * look(g);
}

/* All leaves of an item: in each its nearest, also of a few; and its best, of all and of two samples. */
static double look_in_leaves(const graph_plan *g)
{
    double rows = (double)g->rows, leaves = g->rows > ONE_LEAF ? VR_HNSW_OVERLAP : 1;
    double members = leaves > 1 ? leaves * rows / (double)vr_hnsw_leader_count((size_t)g->rows) : rows;
    double each = VR_HNSW_OVERLAP / leaves, best = each * VR_HNSW_BEST_PER_LEAF;
    double work = find_nearest(g, each * (double)vr_hnsw_per_leaf(&g->build), members) +
                  find_nearest(g, each * VR_HNSW_PER_SPARSE_LEAF, members / VR_HNSW_SPARSE);
    if (g->products)
        work += find_nearest(g, best, members) + find_nearest(g, best, members / 4) +
                find_nearest(g, best, members / 12);
    return leaves * work;
}

/* Candidates lie farther apart in memory the more items there are. */
static double choose_links(const graph_plan *g)
{
    double looks = 70 + 4.4 * (double)vr_hnsw_per_leaf(&g->build) + 6.3 * (double)g->build.m;
    double far = 1 + 0.14 * fmax(0, log2((double)g->rows / NEAR_ROWS));
    return looks * look(g) * far * (g->products ? 1.4 : 1);
}

/* Of all items: queries are asked, and of each item the company is gathered, which is considered only in
 * part where it is large. */
static double find_company(const graph_plan *g)
{
    double rows = (double)g->rows, met = (double)INVENTED * WANTED * WANTED / rows;
    return INVENTED * find_nearest(g, WANTED, rows) +
           rows * (2 * met + 1000 * look(g) * (1 - exp(-met / 900)));
}

/* Of m items one is on the next level, too. */
static double work_of(const graph_plan *g)
{
    double rows = (double)g->rows, leaders = (double)vr_hnsw_leader_count((size_t)g->rows);
    double item = find_nearest(g, VR_HNSW_LEADERS, leaders) + look_in_leaves(g) + choose_links(g);
    double m = (double)g->build.m;
    return rows * item * m / (m - 1) + (g->products ? find_company(g) : 0);
}

vrec_status vr_hnsw_estimate(const vr_options *options, const vr_plan *plan, vrec_forecast *out,
                             double *work, vrec_error *err)
{
    graph_plan g = { .of = plan, .build = vr_hnsw_plan_of(options, NULL), .rows = plan->rows };
    g.digits = (plan->dim + 16 + LINE - 1) / LINE * LINE;
    vrec_status status = vr_hnsw_check(plan->rows, plan->dim, err);
    if (status == VREC_OK)
        status = look_at_lengths(&g, err);
    if (status == VREC_OK)
        status = count_bytes(options, &g, out, err);
    *work = work_of(&g);
    return status;
}
