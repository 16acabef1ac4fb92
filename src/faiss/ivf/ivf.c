/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/ivf.h"

#include "base/memory.h"
#include "faiss/flat/flat.h"
#include "faiss/hnsw/hnsw.h"
#include "faiss/hnsw/kind.h"
#include "faiss/ivf/codes.h"
#include "faiss/table.h"

/* ---- Making ---- */

static const vr_stored_f32 *centroids_of(const vr_faiss_index *quantizer)
{
    if (quantizer->kind == &vr_hnsw_kind)
        return ((const vr_hnsw *)quantizer)->items;
    return ((const vr_flat *)quantizer)->items;
}

static vrec_status get_memory(vr_ivf *ivf, bool mapped, vrec_error *err)
{
    size_t rows = ivf->index.base.rows, bytes;
    if (!vr_mul(rows, ivf->index.base.dim, &bytes) || !vr_mul(bytes, sizeof(float), &bytes))
        return vr_fail(err, VREC_INVALID, "faiss IVF: %zu x %zu values overflow", rows,
                       ivf->index.base.dim);
    if (mapped)
        ivf->in_file = vr_alloc(ivf->starts ? ivf->lists : 0, sizeof *ivf->in_file);
    else
        ivf->own = vr_alloc(bytes, 1);
    ivf->numbers = vr_alloc(rows, sizeof *ivf->numbers);
    ivf->blocks = ivf->starts ? vr_alloc(ivf->lists + 1, sizeof *ivf->blocks) : NULL;
    if ((!ivf->own && !ivf->in_file) || !ivf->numbers || (ivf->starts && !ivf->blocks))
        return vr_fail_memory(err, bytes, "the items");
    return VREC_OK;
}

static void place_blocks(vr_ivf *ivf)
{
    const vr_simd *simd = vr_simd_get();
    for (size_t list = 0, at = 0; ivf->starts && list <= ivf->lists; list++) {
        ivf->blocks[list] = at;
        if (list < ivf->lists)
            at += vr_block_count(simd, vr_ivf_size(ivf, list));
    }
}

vrec_status vr_ivf_create(vr_metric metric, size_t dim, size_t lists, vr_faiss_index *quantizer,
                          size_t *starts, bool mapped, vr_ivf **out, vrec_error *err)
{
    size_t rows = starts ? starts[lists] : 0;
    vr_ivf *ivf = vr_alloc_zero(1, sizeof *ivf);
    *out = NULL;
    if (!ivf) {
        vr_free(starts);
        quantizer->base.verbs->free(&quantizer->base);
        return vr_fail_memory(err, sizeof *ivf, "an index");
    }
    ivf->index.base.rows = rows;
    ivf->index.base.dim = dim;
    ivf->index.base.larger_is_nearer = vr_larger_is_nearer(metric);
    ivf->index.metric = metric;
    ivf->quantizer = quantizer;
    ivf->centroids = centroids_of(quantizer);
    ivf->lists = lists;
    ivf->starts = starts;
    ivf->probes = 1;
    vrec_status status = VREC_OK;
    if (rows > UINT32_MAX)
        status = vr_fail(err, VREC_UNSUPPORTED, "faiss IVF: %zu rows; at most %u are supported", rows,
                         UINT32_MAX);
    if (status == VREC_OK)
        status = get_memory(ivf, mapped, err);
    if (status != VREC_OK) {
        vr_ivf_free(&ivf->index.base);
        return status;
    }
    place_blocks(ivf);
    *out = ivf;
    return VREC_OK;
}

void vr_ivf_free(vr_index *indexer)
{
    vr_ivf *ivf = (vr_ivf *)indexer;
    vr_ivf_codes_free(atomic_load(&ivf->codes.made));
    ivf->quantizer->base.verbs->free(&ivf->quantizer->base);
    vr_scratch_clear(&indexer->scratch);
    vr_free(indexer->ids);
    vr_free(ivf->starts);
    vr_free(ivf->blocks);
    vr_free(ivf->own);
    vr_free(ivf->in_file);
    vr_free(ivf->numbers);
    vr_map_close(&ivf->index.map);
    vr_free(ivf);
}

/* ---- Facts ---- */

vrec_status vr_ivf_wants_codes(const vr_options *options, bool *wants, vrec_error *err)
{
    int64_t codes = options->value[VR_FAISS_CODES];
    *wants = codes == VR_FAISS_CODES_AUTO;
    if (*wants || codes == VR_FAISS_CODES_OFF)
        return VREC_OK;
    return vr_fail(err, VREC_INVALID, "faiss: codes=%s is for HNSW; an IVF index takes auto or off",
                   codes == VR_FAISS_CODES_SQ4 ? "sq4" : "sq8");
}

/* What is odd but readable about the items. */
static void note_oddities(vr_ivf *ivf)
{
    vr_index *base = &ivf->index.base;
    if (!ivf->starts)
        vr_fact(&base->facts, "note", "it isn't trained and has no items: queries find nothing");
    else if (base->rows == 0)
        vr_fact(&base->facts, "note", "it is trained and has no items: queries find nothing");
    unsigned long long unlisted = ivf->index.unlisted;
    if (unlisted > 0)
        vr_fact(&base->facts, "note", "%llu of %llu items are in no list and are never returned", unlisted,
                unlisted + base->rows);
    if (ivf->index.hidden > 0)
        vr_fact(&base->facts, "note", "%zu rows have the id -1 and are never returned", ivf->index.hidden);
}

static void note_ids(vr_ivf *ivf)
{
    vr_index *base = &ivf->index.base;
    size_t twice = 0;
    if (!base->ids)
        return;
    vr_fact(&base->facts, "ids", "own, in the lists");
    for (size_t i = 1; i < base->rows; i++)
        twice += base->ids[i] == base->ids[i - 1];
    if (twice > 0)
        vr_fact(&base->facts, "note", "%zu rows have an id that another has, too", twice);
    if (base->rows > 0 && base->ids[0] < -1)
        vr_fact(&base->facts, "note", "some ids are negative");
}

void vr_ivf_finish(vr_ivf *ivf, const vr_options *options)
{
    vr_index *base = &ivf->index.base;
    if (options->given[VR_FAISS_NPROBE])
        ivf->probes = (uint64_t)options->value[VR_FAISS_NPROBE];
    vr_fact(&base->facts, "backend", "faiss");
    vr_fact(&base->facts, "index_type", "IVF");
    vr_fact(&base->facts, "metric", "%s", vr_metric_name(ivf->index.metric));
    vr_fact_integer(&base->facts, "rows", (int64_t)base->rows);
    vr_fact_integer(&base->facts, "dim", (int64_t)base->dim);
    vr_fact_integer(&base->facts, "nlists", (int64_t)ivf->lists);
    vr_fact_integer(&base->facts, "nprobe", (int64_t)ivf->probes);
    vr_fact(&base->facts, "quantizer", "%s", ivf->quantizer->kind->name);
    if (ivf->quantizer->metric != ivf->index.metric)
        vr_fact(&base->facts, "note", "lists are chosen by %s, items compared by %s",
                vr_metric_name(ivf->quantizer->metric), vr_metric_name(ivf->index.metric));
    note_ids(ivf);
    note_oddities(ivf);
    size_t bytes = (base->rows + ivf->quantizer->base.rows) * base->dim * sizeof(float) +
                   base->rows * (sizeof *ivf->numbers + (base->ids ? sizeof *base->ids : 0));
    vr_fact_integer(&base->facts, "bytes", (int64_t)bytes);
}
