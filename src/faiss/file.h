/* Opening a FAISS file: which kind of index it holds, and who reads it. SPDX-License-Identifier: Apache-2.0
 */
#ifndef VR_FAISS_FILE_H
#define VR_FAISS_FILE_H

#include "core/index.h"

vrec_status vr_faiss_open(const vr_options *options, const char *path, const vrec_progress *progress,
                          vr_index **out, vrec_error *err);
vrec_status vr_faiss_verify(const vr_options *options, const char *path, const vrec_progress *progress,
                            vrec_error *err);

#endif
