/* The exact index: its rows as they stand in a file, and after a while a second, smaller copy of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/flat/flat.h"

#include "base/memory.h"

/* The codes are made by the query that brings the scans since the index was opened to this number. By
 * then they pay: making them takes as long as about twenty scans by rows. */
enum { SCANS_BEFORE_CODES = 32 };

vrec_status vr_flat_create(vr_metric metric, size_t rows, size_t dim, vr_flat **out, vrec_error *err)
{
    size_t bytes;
    *out = NULL;
    if (rows > UINT32_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "faiss Flat: %zu rows; at most %u are supported", rows,
                       UINT32_MAX);
    if (!vr_mul(rows, dim, &bytes) || !vr_mul(bytes, sizeof(float), &bytes))
        return vr_fail(err, VREC_INVALID, "faiss Flat: %zu x %zu values overflow", rows, dim);
    vr_flat *flat = vr_alloc_zero(1, sizeof *flat);
    float *items = flat ? vr_alloc(bytes, 1) : NULL;
    if (!items) {
        vr_free(flat);
        return vr_fail_memory(err, bytes, "the items");
    }
    flat->index.base.rows = rows;
    flat->index.base.dim = dim;
    flat->index.base.larger_is_nearer = vr_larger_is_nearer(metric);
    flat->index.metric = metric;
    flat->items = items;
    *out = flat;
    return VREC_OK;
}

void vr_flat_free(vrec_indexer *indexer)
{
    vr_flat *flat = (vr_flat *)indexer;
    vr_codes_free(atomic_load(&flat->codes.made));
    vr_scratch_clear(&indexer->scratch);
    vr_free(indexer->ids);
    vr_free(flat->items);
    vr_free(flat);
}

void vr_flat_describe(vr_flat *flat)
{
    vrec_indexer *base = &flat->index.base;
    vr_fact(base, "backend", "faiss");
    vr_fact(base, "index_type", "Flat");
    vr_fact(base, "metric", "%s", vr_metric_name(flat->index.metric));
    vr_fact(base, "rows", "%zu", base->rows);
    vr_fact(base, "dim", "%zu", base->dim);
    vr_fact(base, "bytes", "%zu", base->rows * base->dim * sizeof(float));
}

/* ---- Codes ---- */

float vr_flat_bias(const vr_flat *flat)
{
    return flat->index.metric == VR_METRIC_L2 ? vr_slack(flat->index.base.dim) - 0.5f : 0.0f;
}

static void *create_codes(void *context)
{
    const vr_flat *flat = context;
    return vr_codes_create(vr_simd_get(), flat->index.base.rows, flat->index.base.dim, vr_flat_bias(flat));
}

static void fill_codes(void *context, void *codes, size_t first, size_t count)
{
    const vr_flat *flat = context;
    vr_codes_fill(codes, flat->items, first, count);
}

static void free_codes(void *codes)
{
    vr_codes_free(codes);
}

vrec_status vr_flat_codes(vr_flat *flat, const vr_query *query, size_t threads, const vr_codes **out,
                          vrec_error *err)
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
                         .threads = threads,
                         .progress = query->progress,
                         .total_steps = (uint64_t)flat->index.base.rows * queries };
    const void *codes;
    vrec_status status = vr_lazy_get(&flat->codes, &recipe, queries, &codes, err);
    *out = codes;
    return status;
}
