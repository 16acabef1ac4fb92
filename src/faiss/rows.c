/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/rows.h"

void vr_faiss_give_ids(vr_faiss_index *index, int64_t *ids)
{
    index->base.ids = ids;
    for (size_t i = 0; i < index->base.rows; i++)
        index->hidden += ids[i] == -1;
    vr_fact(&index->base.facts, "ids", "own, in an %s", index->id_map2 ? "IDMap2" : "IDMap");
    if (index->hidden > 0)
        vr_fact(&index->base.facts, "note", "%zu rows have the id -1 and are never returned",
                index->hidden);
}

void vr_faiss_note_nonfinite(vr_faiss_index *index)
{
    if (index->nonfinite > 0)
        vr_fact(&index->base.facts, "note", "%zu items hold a NaN or Inf, and are never returned",
                index->nonfinite);
}
