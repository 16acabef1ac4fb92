/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/flat/flat.h"

#include "base/memory.h"
#include "core/results.h"
#include "faiss/table.h"
#include "scan/search.h"

/* The codes are made by the query that brings the scans since the index was opened to this number. By
 * then they pay: making them takes as long as about twenty scans by rows. */
enum { SCANS_BEFORE_CODES = 32 };

vrec_status vr_flat_create(vr_metric metric, size_t rows, size_t dim, const vr_stored_f32 *mapped,
                           vr_flat **out, vrec_error *err)
{
    size_t bytes;
    *out = NULL;
    if (rows > UINT32_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "faiss Flat: %zu rows; at most %u are supported", rows,
                       UINT32_MAX);
    if (!vr_mul(rows, dim, &bytes) || !vr_mul(bytes, sizeof(float), &bytes))
        return vr_fail(err, VREC_INVALID, "faiss Flat: %zu x %zu values overflow", rows, dim);
    vr_flat *flat = vr_alloc_zero(1, sizeof *flat);
    float *own = flat && !mapped ? vr_alloc(bytes, 1) : NULL;
    if (!flat || (!own && !mapped)) {
        vr_free(flat);
        return vr_fail_memory(err, bytes, "the items");
    }
    flat->index.base.rows = rows;
    flat->index.base.dim = dim;
    flat->index.base.larger_is_nearer = vr_larger_is_nearer(metric);
    flat->index.metric = metric;
    flat->own = own;
    flat->items = own ? own : mapped;
    *out = flat;
    return VREC_OK;
}

void vr_flat_free(vr_index *indexer)
{
    vr_flat *flat = (vr_flat *)indexer;
    vr_blocks_free(atomic_load(&flat->codes.made));
    vr_scratch_clear(&indexer->scratch);
    vr_free(indexer->ids);
    vr_free(flat->own);
    vr_map_close(&flat->index.map);
    vr_free(flat);
}

vrec_status vr_flat_wants_codes(const vr_options *options, bool *wants, vrec_error *err)
{
    int64_t codes = options->value[VR_FAISS_CODES];
    *wants = codes == VR_FAISS_CODES_AUTO;
    if (*wants || codes == VR_FAISS_CODES_OFF)
        return VREC_OK;
    return vr_fail(err, VREC_INVALID, "faiss: codes=%s is for HNSW; a Flat index takes auto or off",
                   codes == VR_FAISS_CODES_SQ4 ? "sq4" : "sq8");
}

void vr_flat_describe(vr_flat *flat)
{
    vr_index *base = &flat->index.base;
    vr_fact(&base->facts, "backend", "faiss");
    vr_fact(&base->facts, "index_type", "Flat");
    vr_fact(&base->facts, "metric", "%s", vr_metric_name(flat->index.metric));
    vr_fact_integer(&base->facts, "rows", (int64_t)base->rows);
    vr_fact_integer(&base->facts, "dim", (int64_t)base->dim);
    vr_fact_integer(&base->facts, "bytes", (int64_t)(base->rows * base->dim * sizeof(float)));
}

vrec_status vr_flat_copy(const vr_faiss_index *from, vr_faiss_index **out, vrec_error *err)
{
    const vr_flat *old = (const vr_flat *)from;
    const vr_index *base = &from->base;
    vr_flat *flat;
    vrec_status status = vr_flat_create(from->metric, base->rows, base->dim, NULL, &flat, err);
    if (status != VREC_OK)
        return status;
    memcpy(flat->own, old->items, base->rows * base->dim * sizeof *flat->own);
    flat->wants_codes = old->wants_codes;
    *out = &flat->index;
    return VREC_OK;
}

/* ---- Codes ---- */

static void *create_codes(void *context)
{
    const vr_flat *flat = context;
    const vr_index *base = &flat->index.base;
    const vr_simd *simd = vr_simd_get();
    size_t blocks = vr_block_count(simd, base->rows);
    return vr_blocks_create(simd, blocks, base->dim, flat->index.metric, simd->code_max);
}

/* first is a multiple of every kernel's tile_rows, as is count but at the end. */
static void fill_codes(void *context, void *codes, size_t first, size_t count)
{
    const vr_flat *flat = context;
    vr_blocks *blocks = codes;
    size_t step = blocks->simd->tile_rows, end = first + count;
    for (size_t row = first; row < end; row += step)
        vr_blocks_put(blocks, row / step, flat->items + row * flat->index.base.dim,
                      vr_min(step, end - row));
}

static void free_codes(void *codes)
{
    vr_blocks_free(codes);
}

/* *out is NULL where the query has to do without. */
static vrec_status get_codes(vr_flat *flat, const vr_query *query, const vr_blocks **out, vrec_error *err)
{
    *out = NULL;
    if (!flat->wants_codes)
        return VREC_OK;
    size_t queries = query->queries->rows;
    vr_recipe recipe = { .pays_after = SCANS_BEFORE_CODES,
                         .rows = flat->index.base.rows,
                         .create = create_codes,
                         .fill = fill_codes,
                         .free = free_codes,
                         .context = flat,
                         .threads = query->threads,
                         .progress = query->progress,
                         .unit = "pairs",
                         .total_steps = (uint64_t)flat->index.base.rows * queries };
    const void *codes;
    vrec_status status = vr_lazy_get(&flat->codes, &recipe, queries, &codes, err);
    *out = codes;
    return status;
}

/* ---- Queries ---- */

/* Where answers of a call go. */
typedef struct answers {
    const vr_flat *flat;
    const vr_query *query;
} answers;

static void put_found(void *context, size_t row, const vr_topk *top)
{
    const answers *a = context;
    vr_put_topk(a->query, row, top, a->flat->index.base.larger_is_nearer ? vr_negated : vr_unchanged);
}

vrec_status vr_flat_query(vr_index *indexer, const vr_query *query, vrec_error *err)
{
    vr_flat *flat = (vr_flat *)indexer;
    answers to = { flat, query };
    vr_rows rows = {
        .values = flat->items, .count = indexer->rows, .dim = indexer->dim, .metric = flat->index.metric
    };
    if (rows.count == 0)
        return VREC_OK;
    vrec_status status = get_codes(flat, query, &rows.blocks, err);
    if (status != VREC_OK)
        return status;
    vr_search search = { .rows = &rows,
                         .queries = query->queries,
                         .filter = &query->filter,
                         .k = query->top_k,
                         .threads = query->threads,
                         .scratch = &indexer->scratch,
                         .progress = query->progress,
                         .found = put_found,
                         .context = &to };
    return vr_search_rows(&search, err);
}
