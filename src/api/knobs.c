/* SPDX-License-Identifier: Apache-2.0 */
#include "api/knobs.h"

#include "base/memory.h"

#include <string.h>

enum { GAMMA_PARTS = 10000 };

#define LARGER_M "; with a larger m a graph may find more"

bool vr_is_on_server(const vrec_indexer *indexer)
{
    return !vr_indexer_verbs(indexer)->vectors;
}

static int64_t fact_of(const vrec_indexer *indexer, const char *key)
{
    const vrec_fact *fact;
    for (size_t i = 0; (fact = vrec_info(indexer, i)); i++)
        if (strcmp(fact->key, key) == 0)
            return fact->integer;
    return 0;
}

/* One number each, of which the least is the cheapest: a server says nothing of distances. */
static vrec_status choose_for_server(const vrec_indexer *indexer, size_t top_k, vr_knob *out,
                                     vrec_error *err)
{
    const char *kind = vr_indexer_kind(indexer);
    int64_t rows = (int64_t)vr_max(vrec_rows(indexer), top_k);
    if (strcmp(kind, "HNSW") == 0)
        *out = (vr_knob){ "ef", (int64_t)top_k, rows, 1, false, "", LARGER_M, 0.0 };
    else if (strncmp(kind, "IVF", 3) == 0)
        *out = (vr_knob){ "nprobe", 1, 65536, 1, false, "", "", 0.0 };
    else
        return vr_fail(err, VREC_UNSUPPORTED,
                       "tuning: on a server there is ef of HNSW and nprobe of IVF to tune, and this index "
                       "is of another kind: %s",
                       *kind ? kind : "none");
    return VREC_OK;
}

vrec_status vr_choose_knobs(const vrec_indexer *indexer, size_t top_k, vr_knob out[VR_KNOBS],
                            vrec_error *err)
{
    const char *kind = vr_indexer_kind(indexer);
    int64_t rows = (int64_t)vrec_rows(indexer), k = (int64_t)top_k, lists = fact_of(indexer, "nlists");
    out[1] = out[2] = (vr_knob){ .option = "" };
    if (vr_indexer_is_exact(indexer))
        return vr_fail(err, VREC_UNSUPPORTED, "tuning: index_type=%s is exact; there is nothing to tune",
                       kind);
    if (vr_is_on_server(indexer))
        return choose_for_server(indexer, top_k, &out[0], err);
    if (strcmp(kind, "HNSW") == 0) {
        out[0] = (vr_knob){ "efSearch", k < rows ? k : rows, rows, 1, false, "gamma", LARGER_M, 0.0 };
        out[2] = out[0];
        out[2].plain = true;
        out[1] = (vr_knob){ "gamma", GAMMA_PARTS / 128, GAMMA_PARTS - 1, GAMMA_PARTS, false, "efSearch", "",
                            0.0 };
    } else if (strcmp(kind, "IVF") == 0) {
        out[0] = (vr_knob){ "nprobe", 1, lists, 1, false, "budget", "", 0.0 };
        /* With a budget lists have to be in order, and are gone through in two passes. Measured, that takes
         * as long as a quarter of the distances, in batches and one by one. */
        out[1] =
            (vr_knob){ "budget", lists < rows ? rows / lists : 1, INT32_MAX, 1, false, "nprobe", "", 0.25 };
    } else {
        out[0] =
            (vr_knob){ "searchk", k, INT32_MAX, 1, false, "", "; with a larger n_trees a forest finds more",
                       0.0 };
    }
    return VREC_OK;
}
