/* The faiss family: what its parts share. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_FAISS_H
#define VR_FAISS_FAISS_H

#include "core/indexer.h"
#include "core/metric.h"

/* The FAISS file format. metric: NULL, or the one that the file must have. */
vrec_status vr_faiss_read(const char *path, const vr_metric *metric, bool wants_codes, size_t threads,
                          const vrec_progress *progress, vrec_indexer **out, vrec_error *err);
vrec_status vr_faiss_write(const vrec_indexer *indexer, const char *path, const vrec_progress *progress,
                           vrec_error *err);

#endif
