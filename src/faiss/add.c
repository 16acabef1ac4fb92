/* What all kinds of index do alike when items are added: ids, and what an index knows of its rows.
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/add.h"

#include "base/memory.h"
#include "core/ids.h"
#include "faiss/rows.h"

/* Whether the kind keeps the ids itself: they don't stand in an IDMap around it. */
static bool keeps_ids(const vr_faiss_index *index)
{
    return index->kind->keeps_ids && (!index->base.ids || index->ids_inside);
}

/* Where no item has an id yet, the kind takes them with or without. */
static vrec_status check_ids(const vr_faiss_index *old, const vr_addition *addition, vrec_error *err)
{
    const vr_index *base = &old->base;
    size_t rows = addition->items->rows;
    if (addition->ids && !base->ids && !(keeps_ids(old) && base->rows == 0))
        return vr_fail_at(err, VREC_INVALID, vr_in("ids"),
                          "adding: items of this index have their rows for ids; leave ids out, and the new "
                          "ones get those from %llu on",
                          (unsigned long long)base->rows + old->unlisted);
    if (base->ids && !addition->ids)
        return vr_fail_at(err, VREC_INVALID, vr_in("ids"),
                          "adding: items of this index have ids of their own; give the new ones theirs");
    vrec_status status = addition->ids ? vr_ids_check(addition->ids, rows, err) : VREC_OK;
    return status == VREC_OK && base->ids
               ? vr_ids_check_new(base->ids, base->rows, addition->ids, rows, err)
               : status;
}

/* Those of the old rows and of the new ones. */
static vrec_status join_ids(const vr_index *old, const vr_addition *addition, int64_t **out,
                            vrec_error *err)
{
    size_t added = addition->items->rows, rows, bytes;
    if (!vr_add(old->rows, added, &rows) || !vr_mul(rows, sizeof **out, &bytes))
        bytes = SIZE_MAX;
    *out = vr_alloc(bytes, 1);
    if (!*out)
        return vr_fail_memory(err, bytes, "the ids");
    if (old->rows > 0)
        memcpy(*out, old->ids, old->rows * sizeof **out);
    memcpy(*out + old->rows, addition->ids, added * sizeof **out);
    return VREC_OK;
}

/* An IDMap has a place for every item, and an IVF index leaves out what is near no centroid. */
static vrec_status check_listed(const vr_faiss_index *index, vrec_error *err)
{
    if (index->unlisted == 0)
        return VREC_OK;
    return vr_fail_at(
        err, VREC_INVALID, vr_in("items"),
        "adding: %llu items are so large that they are near no list, and the IDMap around the "
        "lists has no way to say so; leave them out",
        (unsigned long long)index->unlisted);
}

/* The index with the new items in an IDMap, as the old one is. */
static vrec_status add_in_map(const vr_faiss_index *old, const vr_addition *addition, vr_faiss_index **out,
                              vrec_error *err)
{
    vr_addition inside = *addition;
    int64_t *ids;
    inside.ids = NULL;
    vrec_status status = join_ids(&old->base, addition, &ids, err);
    if (status != VREC_OK)
        return status;
    status = old->kind->add(old, &inside, out, err);
    if (status == VREC_OK) {
        status = check_listed(*out, err);
        if (status == VREC_OK) {
            (*out)->id_map2 = old->id_map2;
            vr_faiss_give_ids(*out, ids);
            return VREC_OK;
        }
        old->base.verbs->free(&(*out)->base);
    }
    vr_free(ids);
    return status;
}

/* Whether it came from a file, also from one that was mapped, and says so. */
static bool is_opened(const vr_index *index)
{
    for (size_t i = 0; i < index->facts.count; i++)
        if (strcmp(index->facts.list[i].key, "load") == 0)
            return true;
    return false;
}

vrec_status vr_faiss_add(const vr_index *base, const vr_addition *addition, vr_index **out, vrec_error *err)
{
    const vr_faiss_index *old = (const vr_faiss_index *)base;
    vr_faiss_index *index;
    vrec_status status = check_ids(old, addition, err);
    if (status != VREC_OK)
        return status;
    bool in_map = base->ids && !keeps_ids(old);
    status = in_map ? add_in_map(old, addition, &index, err) : old->kind->add(old, addition, &index, err);
    if (status != VREC_OK)
        return status;
    index->base.verbs = base->verbs;
    index->base.kind = base->kind;
    index->kind = old->kind;
    index->nonfinite = old->nonfinite;
    vr_faiss_note_nonfinite(index);
    if (is_opened(base))
        vr_fact(&index->base.facts, "load", "read");
    *out = &index->base;
    return VREC_OK;
}
