/* The exact index: its rows as they stand in a file, and after a while a second, smaller copy of them.
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/flat/flat.h"

#include "base/memory.h"
#include "core/fill.h"

/* The codes are made by the query that brings the scans since the index was opened to this number. By
 * then they pay: making them takes as long as about twenty scans by rows. */
enum { SCANS_BEFORE_CODES = 32 };

static const vr_indexer_verbs verbs = { .query = vr_flat_query,
                                        .save = vr_faiss_write,
                                        .free = vr_flat_free };

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
    flat->base.verbs = &verbs;
    flat->base.kind = "Flat";
    flat->base.rows = rows;
    flat->base.dim = dim;
    flat->base.larger_is_nearer = metric == VR_METRIC_IP;
    flat->metric = metric;
    flat->items = items;
    *out = flat;
    return VREC_OK;
}

void vr_flat_free(vrec_indexer *indexer)
{
    vr_flat *flat = (vr_flat *)indexer;
    vr_codes_free(atomic_load(&flat->codes));
    vr_scratch_clear(&indexer->scratch);
    vr_free(flat->items);
    vr_free(flat);
}

void vr_flat_describe(vr_flat *flat)
{
    vrec_indexer *base = &flat->base;
    vr_fact(base, "backend", "faiss");
    vr_fact(base, "index_type", "Flat");
    vr_fact(base, "metric", "%s", flat->metric == VR_METRIC_L2 ? "L2" : "IP");
    vr_fact(base, "rows", "%zu", base->rows);
    vr_fact(base, "dim", "%zu", base->dim);
    vr_fact(base, "bytes", "%zu", base->rows * base->dim * sizeof(float));
}

/* ---- Codes ---- */

typedef struct filling {
    const vr_flat *flat;
    vr_codes *codes;
} filling;

static void put_rows(void *context, size_t first, size_t count)
{
    const filling *f = context;
    vr_codes_fill(f->codes, f->flat->items, first, count);
}

float vr_flat_bias(const vr_flat *flat)
{
    return flat->metric == VR_METRIC_L2 ? vr_slack(flat->base.dim) - 0.5f : 0.0f;
}

vrec_status vr_flat_codes(vr_flat *flat, const vr_query *query, size_t threads, const vr_codes **out,
                          vrec_error *err)
{
    size_t queries = query->queries->rows;
    *out = atomic_load_explicit(&flat->codes, memory_order_acquire);
    if (*out || !flat->wants_codes)
        return VREC_OK;
    if (atomic_fetch_add(&flat->scans, queries) + queries < SCANS_BEFORE_CODES)
        return VREC_OK;
    if (atomic_flag_test_and_set(&flat->coding)) /* somebody is at it, or memory was short */
        return VREC_OK;
    vr_codes *codes = vr_codes_create(vr_simd_get(), flat->base.rows, flat->base.dim, vr_flat_bias(flat));
    if (!codes)
        return VREC_OK; /* the answers are the same without */
    filling f = { flat, codes };
    vrec_status status =
        vr_fill(query, (uint64_t)flat->base.rows * queries, threads, flat->base.rows, put_rows, &f, err);
    if (status != VREC_OK) {
        vr_codes_free(codes);
        atomic_flag_clear(&flat->coding);
        return status;
    }
    atomic_store_explicit(&flat->codes, codes, memory_order_release);
    *out = codes;
    return VREC_OK;
}
