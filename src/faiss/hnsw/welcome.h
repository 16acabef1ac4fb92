/* Linking the nodes of a graph to new ones. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_WELCOME_H
#define VR_FAISS_HNSW_WELCOME_H

#include "faiss/hnsw/reverse.h"

/* Chooses anew the links of every node of the building's old graph that new nodes on this level link to:
 * among those that it has, and those that link to it. by_product: who links to whom by inner product, where
 * the building has products; else it is empty. room: for as many ids as the old graph has nodes. */
vrec_status vr_hnsw_welcome(vr_hnsw_building *b, size_t level, const vr_hnsw_sources *by_distance,
                            const vr_hnsw_sources *by_product, uint32_t *room, vrec_error *err);

#endif
