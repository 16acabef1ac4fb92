/* Flat in a file. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_FLAT_FILE_H
#define VR_FAISS_FLAT_FILE_H

#include "faiss/flat/flat.h"
#include "faiss/format.h"

/* Reads the flat index that begins where the reader is, but for its values, of which it says where they
 * are: also for indexes of other kinds, which have a flat one inside. */
vrec_status vr_flat_find(vr_reader *reader, vr_faiss_header *header, vr_span *values, vrec_error *err);

/* As vr_faiss_kind's verbs are. */
vrec_status vr_flat_read(vr_reader *reader, const vr_faiss_opening *how, vr_faiss_index **out,
                         vrec_error *err);
vrec_status vr_flat_write(const vr_faiss_index *index, vr_faiss_writer *writer, vrec_error *err);

#endif
