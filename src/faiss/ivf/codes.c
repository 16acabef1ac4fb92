/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/codes.h"

#include "base/memory.h"

/* The codes are made by the query that brings what has been scanned since the index was opened to so many
 * times its items. By then they pay: making them takes as long as about twenty scans by rows. */
enum { SCANS_BEFORE_CODES = 32 };

void vr_ivf_codes_free(vr_ivf_codes *codes)
{
    if (!codes)
        return;
    vr_blocks_free(codes->items);
    vr_blocks_free(codes->centroids);
    vr_free(codes);
}

/* The centroids, which are few, are put into theirs at once. */
static void *create(void *context)
{
    const vr_ivf *ivf = context;
    const vr_simd *simd = vr_simd_get();
    vr_ivf_codes *codes = vr_alloc(1, sizeof *codes);
    if (!codes)
        return NULL;
    codes->items = vr_blocks_create(simd, ivf->blocks[ivf->lists], ivf->index.base.dim, ivf->index.metric,
                                    simd->code_max);
    codes->centroids = vr_blocks_create(simd, vr_block_count(simd, ivf->lists), ivf->index.base.dim,
                                        ivf->quantizer->metric, simd->code_max);
    if (codes->items && codes->centroids) {
        vr_blocks_fill(codes->centroids, ivf->centroids, ivf->lists);
        codes->worst = vr_blocks_worst(codes->centroids, ivf->lists);
        return codes;
    }
    vr_ivf_codes_free(codes);
    return NULL;
}

/* The rows that are counted are the places in blocks, also those that no item has. */
static void fill(void *context, void *made, size_t first, size_t count)
{
    const vr_ivf *ivf = context;
    vr_blocks *blocks = ((vr_ivf_codes *)made)->items;
    size_t step = blocks->simd->tile_rows, block = first / step, end = (first + count) / step;
    for (size_t list = vr_ivf_list_of(ivf->blocks, ivf->lists, block); block < end; block++) {
        while (block >= ivf->blocks[list + 1])
            list++;
        size_t row = (block - ivf->blocks[list]) * step;
        vr_blocks_put(blocks, block, vr_ivf_items(ivf, list) + row * ivf->index.base.dim,
                      vr_min(step, vr_ivf_size(ivf, list) - row));
    }
}

static void free_codes(void *codes)
{
    vr_ivf_codes_free(codes);
}

vrec_status vr_ivf_get_codes(vr_ivf *ivf, const vr_query *query, size_t probes, const vr_ivf_codes **out,
                             vrec_error *err)
{
    *out = NULL;
    if (!ivf->wants_codes)
        return VREC_OK;
    size_t queries = query->queries->rows, gain;
    vr_recipe recipe = { .pays_after = SCANS_BEFORE_CODES * ivf->lists,
                         .rows = ivf->blocks[ivf->lists] * vr_simd_get()->tile_rows,
                         .create = create,
                         .fill = fill,
                         .free = free_codes,
                         .context = ivf,
                         .threads = query->threads,
                         .progress = query->progress,
                         .unit = "steps",
                         .total_steps = queries };
    const void *codes;
    if (!vr_mul(queries, probes, &gain))
        gain = recipe.pays_after;
    vrec_status status = vr_lazy_get(&ivf->codes, &recipe, gain, &codes, err);
    *out = codes;
    return status;
}
