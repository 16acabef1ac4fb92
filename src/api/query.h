/* Queries by which an index is measured. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_QUERY_H
#define VR_API_QUERY_H

#include "api/indexer.h"

typedef struct vr_trial {
    bool plain; /* as the index's own library would search it, as far as efSearch goes: see vr_query */
    const uint32_t *absent;    /* or NULL: see vr_query */
    _Atomic uint64_t compared; /* distances that were computed, exactly or from codes, to find the answers:
                                  is raised by an approximate index that is here */
} vr_trial;

/* As vrec_query(). trial: or NULL. */
vrec_status vr_query_tried(const vrec_indexer *indexer, const vrec_matrix *queries, size_t top_k,
                           const vrec_query_options *options, const vrec_results *results, vr_trial *trial,
                           vrec_error *err);

#endif
