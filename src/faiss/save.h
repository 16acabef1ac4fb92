/* Saving an index of any kind. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_SAVE_H
#define VR_FAISS_SAVE_H

#include "core/index.h"

/* The verb of every indexer of the family. */
vrec_status vr_faiss_write(const vr_index *indexer, vr_output *out, const vrec_progress *progress,
                           vrec_error *err);

#endif
