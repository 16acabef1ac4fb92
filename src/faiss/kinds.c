/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/kinds.h"

#include "faiss/flat/kind.h"
#include "faiss/hnsw/kind.h"
#include "faiss/ivf/kind.h"
#include "faiss/table.h"

/* In the order of index_type's range. */
static const vr_faiss_kind *const kinds[] = { &vr_flat_kind, &vr_hnsw_kind, &vr_ivf_kind };

const vr_faiss_kind *vr_faiss_kind_wanted(const vr_options *options)
{
    return kinds[options->value[VR_FAISS_INDEX_TYPE]];
}

const vr_faiss_kind *vr_faiss_kind_of(const char type[5])
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (vr_faiss_reads(kinds[i], type))
            return kinds[i];
    return NULL;
}

void vr_faiss_adopt(vr_faiss_index *index, const vr_faiss_kind *kind)
{
    index->base.verbs = kind->verbs;
    index->base.kind = kind->name;
    index->kind = kind;
}
