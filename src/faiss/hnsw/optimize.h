/* Giving an index a better graph. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_OPTIMIZE_H
#define VR_FAISS_HNSW_OPTIMIZE_H

#include "core/index.h"

/* The verb of every index of the kind. The graph is the same for any number of threads, and on every
 * processor. Memory: that of a build (build.h), and of the index once more. */
vrec_status vr_hnsw_optimize(const vr_index *base, const vr_optimizing *how, vr_index **out,
                             vrec_error *err);

#endif
