/* The kinds of FAISS index. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_KINDS_H
#define VR_FAISS_KINDS_H

#include "faiss/faiss.h"

/* The kind that the option index_type names. */
const vr_faiss_kind *vr_faiss_kind_wanted(const vr_options *options);

/* The kind that reads files of this type; NULL if none does. */
const vr_faiss_kind *vr_faiss_kind_of(const char type[5]);

/* Makes an index that a kind's build() or read() has made an indexer of that kind. */
void vr_faiss_adopt(vr_faiss_index *index, const vr_faiss_kind *kind);

#endif
