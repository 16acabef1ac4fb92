/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/kind.h"

#include "faiss/add.h"
#include "faiss/ivf/add.h"
#include "faiss/ivf/build.h"
#include "faiss/ivf/estimate.h"
#include "faiss/ivf/file.h"
#include "faiss/ivf/ivf.h"
#include "faiss/ivf/search.h"
#include "faiss/save.h"
#include "faiss/table.h"

static void keep_setting(vr_index *index, const vr_options *options)
{
    vr_ivf *ivf = (vr_ivf *)index;
    if (!options->given[VR_FAISS_NPROBE])
        return;
    ivf->probes = (uint64_t)options->value[VR_FAISS_NPROBE];
    vr_fact_set_integer(&index->facts, "nprobe", options->value[VR_FAISS_NPROBE]);
}

static const vr_index_verbs verbs = { .query = vr_ivf_query,
                                      .write = vr_faiss_write,
                                      .free = vr_ivf_free,
                                      .vectors = vr_ivf_vectors,
                                      .add = vr_faiss_add,
                                      .keep_setting = keep_setting };

const vr_faiss_kind vr_ivf_kind = { .name = "IVF",
                                    .types = "IwFl, IvFl, IvFL",
                                    .takes_ids = true,
                                    .keeps_ids = true,
                                    .verbs = &verbs,
                                    .build = vr_ivf_build,
                                    .read = vr_ivf_read,
                                    .add = vr_ivf_add,
                                    .write = vr_ivf_write,
                                    .estimate = vr_ivf_estimate };
