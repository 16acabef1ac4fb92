/* Adding to an index of any kind. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_ADD_H
#define VR_FAISS_ADD_H

#include "core/index.h"

/* The verb of every index of the family whose kind has one. */
vrec_status vr_faiss_add(const vr_index *base, const vr_addition *addition, vr_index **out,
                         vrec_error *err);

#endif
