/* Opening a FAISS file: which kind of index it holds, and who reads it. SPDX-License-Identifier: Apache-2.0
 */
#ifndef VR_FAISS_FILE_H
#define VR_FAISS_FILE_H

#include "core/indexer.h"

vrec_status vr_faiss_open(const vr_options *options, const char *path, const vrec_progress *progress,
                          vrec_indexer **out, vrec_error *err);

#endif
