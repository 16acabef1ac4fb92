/* Linking the nodes of a graph to new ones. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_WELCOME_H
#define VR_FAISS_HNSW_WELCOME_H

#include "faiss/hnsw/reverse.h"

/* Chooses anew the links of settled nodes that new ones could be linked from: among those that they have,
 * those that link to them, and candidates (back, which may be empty). by_product: who links to whom by
 * inner product, where the building has products; else it is empty. */
vrec_status vr_hnsw_welcome(vr_hnsw_building *b, const vr_hnsw_nodes *nodes, const vr_hnsw_candidates *back,
                            const vr_hnsw_sources *by_distance, const vr_hnsw_sources *by_product,
                            vrec_error *err);

#endif
