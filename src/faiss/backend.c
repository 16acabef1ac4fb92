/* The faiss backend: how an indexer is made. SPDX-License-Identifier: Apache-2.0 */
#include "faiss/backend.h"

#include "base/memory.h"
#include "core/ids.h"
#include "faiss/file.h"
#include "faiss/format.h"
#include "faiss/hnsw/kind.h"
#include "faiss/kinds.h"
#include "faiss/rows.h"
#include "faiss/table.h"

static vrec_status from_embeddings(const vr_options *options, const vrec_matrix *items,
                                   const vrec_build *build, vr_index **out, vrec_error *err)
{
    vr_faiss_index *index;
    int64_t *ids = NULL;
    const vr_faiss_kind *kind = vr_faiss_kind_wanted(options);
    vrec_status status = VREC_OK;
    if (!kind->keeps_ids)
        status = vr_ids_take(build->ids, items->rows, &ids, err);
    else if (build->ids)
        status = vr_ids_check(build->ids, items->rows, err);
    if (status == VREC_OK)
        status = kind->build(options, items, build, &index, err);
    if (status != VREC_OK) {
        vr_free(ids);
        return status;
    }
    vr_faiss_adopt(index, kind);
    if (ids)
        vr_faiss_give_ids(index, ids);
    *out = &index->base;
    return VREC_OK;
}

/* ---- Before it is made ---- */

/* Ids that go around an index: the index has them, its file has them in an IDMap, and they are there from
 * the beginning. */
static void add_ids(const vr_plan *plan, vrec_forecast *out)
{
    uint64_t bytes = (uint64_t)plan->rows * sizeof(int64_t);
    out->index_bytes += bytes;
    out->file_bytes += VR_FAISS_HEADER_BYTES + sizeof(uint64_t) + bytes;
    out->opened_bytes += bytes;
    out->peak_bytes += bytes;
}

/* A kind has said what it keeps for itself of a mapped file. */
static void choose_opening(const vr_options *options, vrec_forecast *out)
{
    if (options->value[VR_FAISS_LOAD] == VR_FAISS_LOAD_MAP)
        out->mapped_bytes = out->file_bytes;
    else
        out->opened_bytes = out->index_bytes;
}

static vrec_status estimate(const vr_options *options, const vr_plan *plan, vrec_forecast *out,
                            double *work, vrec_error *err)
{
    const vr_faiss_kind *kind = vr_faiss_kind_wanted(options);
    vrec_status status = kind->estimate(options, plan, out, work, err);
    if (status == VREC_OK && plan->own_ids && !kind->keeps_ids)
        add_ids(plan, out);
    if (status == VREC_OK && plan->own_ids) /* they are sorted, to see that none is there twice */
        out->peak_bytes =
            vr_max(out->peak_bytes, (uint64_t)plan->rows * (2 * sizeof(vr_id_entry) + sizeof(int64_t)));
    if (status == VREC_OK)
        choose_opening(options, out);
    return status;
}

static bool learns(const vr_options *options)
{
    return vr_faiss_kind_wanted(options) == &vr_hnsw_kind;
}

/* Lists of as many items as all would have. */
static void shrink(vr_options *options, size_t rows, size_t all)
{
    int64_t *lists = &options->value[VR_FAISS_NLISTS];
    double fewer = (double)*lists * (double)rows / (double)all;
    *lists = fewer < 1 ? 1 : (int64_t)fewer;
}

const vr_backend vr_faiss_backend = {
    .name = "faiss",
    .summary = "exact search, graphs, lists; reads and writes FAISS's files",
    .options = &vr_faiss_options,
    .can = VREC_CAN_BUILD | VREC_CAN_SAVE | VREC_CAN_OPEN | VREC_CAN_ADD | VREC_CAN_OPTIMIZE,
    .from_embeddings = from_embeddings,
    .learns = learns,
    .from_index_file = vr_faiss_open,
    .verify = vr_faiss_verify,
    .estimate = estimate,
    .shrink = shrink
};
