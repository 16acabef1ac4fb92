/* IVF in a file. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_IVF_FILE_H
#define VR_FAISS_IVF_FILE_H

#include "faiss/format.h"

/* As vr_faiss_kind's verbs are. */
vrec_status vr_ivf_read(vr_reader *reader, const vr_faiss_opening *how, vr_faiss_index **out,
                        vrec_error *err);
vrec_status vr_ivf_write(const vr_faiss_index *index, vr_faiss_writer *writer, vrec_error *err);

#endif
