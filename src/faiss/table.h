/* The options of the faiss backend. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_TABLE_H
#define VR_FAISS_TABLE_H

#include "faiss/faiss.h"

enum {
    VR_FAISS_INDEX_TYPE,
    VR_FAISS_METRIC,
    VR_FAISS_CODES,
    VR_FAISS_THREADS,
    VR_FAISS_M,
    VR_FAISS_EF_SEARCH,
    VR_FAISS_EF_CONSTRUCTION,
    VR_FAISS_NLISTS,
    VR_FAISS_NPROBE,
    VR_FAISS_BUDGET,
    VR_FAISS_GAMMA,
    VR_FAISS_SEED,
    VR_FAISS_LOAD,
    VR_FAISS_FILL,
    VR_FAISS_TARGET_RECALL, /* which api/ turns into a setting, */
    VR_FAISS_ASKED,         /* and these with index_type=auto into a kind */
    VR_FAISS_MEMORY
};

enum { VR_FAISS_LOAD_READ, VR_FAISS_LOAD_MAP }; /* of load */

enum { VR_FAISS_CODES_AUTO, VR_FAISS_CODES_OFF, VR_FAISS_CODES_SQ4, VR_FAISS_CODES_SQ8 }; /* of codes */

extern const vr_option_table vr_faiss_options;

/* The metric that the options name. */
vr_metric vr_faiss_metric(const vr_options *options);

#endif
