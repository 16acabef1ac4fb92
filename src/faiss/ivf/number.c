/* Numbering the items of an IVF index by their ids. SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/ivf.h"

#include "base/memory.h"
#include "core/ids.h"

/* Whether the ids are 0, 1, 2... in any order; if so, they are the numbers. */
static bool number_by_id(vr_ivf *ivf, const int64_t *ids, uint8_t *seen)
{
    size_t rows = ivf->index.base.rows;
    for (size_t i = 0; i < rows; i++) {
        if (ids[i] < 0 || (uint64_t)ids[i] >= rows)
            return false;
        uint8_t bit = (uint8_t)(1 << ids[i] % 8), *byte = &seen[ids[i] / 8];
        if (*byte & bit)
            return false;
        *byte |= bit;
        ivf->numbers[i] = (uint32_t)ids[i];
    }
    return true;
}

static vrec_status number_by_rank(vr_ivf *ivf, const int64_t *ids, vrec_error *err)
{
    size_t rows = ivf->index.base.rows, bytes = 2 * rows * sizeof(vr_id_entry);
    vr_id_entry *entries = vr_alloc(2 * rows, sizeof *entries);
    ivf->index.base.ids = vr_alloc(rows, sizeof *ids);
    if (!entries || !ivf->index.base.ids) {
        vr_free(entries);
        return vr_fail_memory(err, bytes, "sorting the ids");
    }
    const vr_id_entry *sorted = vr_ids_sort(ids, rows, entries);
    for (size_t i = 0; i < rows; i++) {
        int64_t id = ids[sorted[i].place];
        ivf->numbers[sorted[i].place] = (uint32_t)i;
        ivf->index.base.ids[i] = id;
        ivf->index.hidden += id == -1;
    }
    ivf->index.ids_inside = true;
    vr_free(entries);
    return VREC_OK;
}

vrec_status vr_ivf_number(vr_ivf *ivf, const int64_t *ids, vrec_error *err)
{
    size_t rows = ivf->index.base.rows;
    uint8_t *seen = vr_alloc_zero(rows / 8 + 1, 1);
    if (!seen)
        return vr_fail_memory(err, rows / 8 + 1, "numbering the items");
    bool done = number_by_id(ivf, ids, seen);
    vr_free(seen);
    return done ? VREC_OK : number_by_rank(ivf, ids, err);
}

vrec_status vr_ivf_vectors(const vr_index *indexer, const size_t *rows, size_t count, float *out,
                           vrec_error *err)
{
    const vr_ivf *ivf = (const vr_ivf *)indexer;
    const vr_stored_f32 **vectors = vr_alloc(indexer->rows, sizeof *vectors);
    if (!vectors)
        return vr_fail_memory(err, indexer->rows * sizeof *vectors, "the places of the items");
    for (size_t list = 0; ivf->starts && list < ivf->lists; list++)
        for (size_t i = 0; i < vr_ivf_size(ivf, list); i++)
            vectors[ivf->numbers[ivf->starts[list] + i]] = vr_ivf_items(ivf, list) + i * indexer->dim;
    for (size_t i = 0; i < count; i++)
        memcpy(out + i * indexer->dim, vectors[rows[i]], indexer->dim * sizeof *out);
    vr_free(vectors);
    return VREC_OK;
}
