/* Who links to whom on a level, grouped by the target. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_REVERSE_H
#define VR_FAISS_HNSW_REVERSE_H

#include "faiss/hnsw/building.h"

#include <stdatomic.h>

/* Those that link to node i: counts[i] nodes from ids + starts[i] on, in any order. */
typedef struct vr_hnsw_sources {
    size_t *starts;
    atomic_uint *counts;
    uint32_t *ids;
} vr_hnsw_sources;

/* Of nodes that aren't settled the links, without the first skipped[i] of node i (NULL: none).
 * Of settled ones, candidates for links, where back (or NULL) has any. */
vrec_status vr_hnsw_sources_make(vr_hnsw_building *b, const vr_hnsw_nodes *nodes, const uint8_t *skipped,
                                 const vr_hnsw_candidates *back, vr_hnsw_sources *sources, vrec_error *err);
void vr_hnsw_sources_free(vr_hnsw_sources *sources); /* what they hold; zeroed is fine */

#endif
