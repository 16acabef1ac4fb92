/* What an index knows of its rows, whatever its kind. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_ROWS_H
#define VR_FAISS_ROWS_H

#include "faiss/faiss.h"

/* Gives its rows ids of their own, which the index will free. */
void vr_faiss_give_ids(vr_faiss_index *index, int64_t *ids);

/* Says of how many rows a NaN or Inf keeps queries away. */
void vr_faiss_note_nonfinite(vr_faiss_index *index);

#endif
