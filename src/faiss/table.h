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
    VR_FAISS_EF_SEARCH
};

enum { VR_FAISS_CODES_AUTO, VR_FAISS_CODES_OFF, VR_FAISS_CODES_SQ4, VR_FAISS_CODES_SQ8 }; /* of codes */

extern const vr_option_table vr_faiss_options;

/* The metric that the options name. */
vr_metric vr_faiss_metric(const vr_options *options);

#endif
