/* The faiss family: what its files share. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_FAISS_H
#define VR_FAISS_FAISS_H

#include "core/indexer.h"

typedef enum vr_metric { VR_METRIC_IP = 0, VR_METRIC_L2 = 1 } vr_metric; /* numbers as in the files */

/* An exact index: rows of float32, and nothing else. */
typedef struct vr_flat {
    vrec_indexer base;
    vr_metric metric;
    float *items; /* rows x dim, packed */
} vr_flat;

/* An indexer with room for rows x dim values, to be filled. */
vrec_status vr_flat_create(vr_metric metric, size_t rows, size_t dim, vr_flat **out, vrec_error *err);
void vr_flat_free(vrec_indexer *indexer);

/* Adds the facts that are the same however it was made. */
void vr_flat_describe(vr_flat *flat);

vrec_status vr_flat_query(vrec_indexer *indexer, const vr_query *query, vrec_error *err);

/* file.c: the FAISS file format. metric: NULL, or the one that the file must have. */
vrec_status vr_faiss_read(const char *path, const vr_metric *metric, size_t threads,
                          const vrec_progress *progress, vrec_indexer **out, vrec_error *err);
vrec_status vr_faiss_write(const vrec_indexer *indexer, const char *path, const vrec_progress *progress,
                           vrec_error *err);

#endif
