/* Where the lists of an IVF index stand in a file. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_IVF_LAYOUT_H
#define VR_FAISS_IVF_LAYOUT_H

#include "faiss/format.h"

typedef struct vr_ivf_layout {
    size_t lists, dim;
    bool trained;                  /* else the arrays are NULL, and all lists are empty */
    size_t *starts;                /* as in vr_ivf */
    uint64_t *vectors_at, *ids_at; /* the byte where those of each list begin */
    uint8_t map;                   /* what the direct map is, */
    vr_span map_array, map_pairs;  /* and its elements: places, and pairs of id and place */
} vr_ivf_layout;

/* Gets memory for the lists; free it, whatever comes back. */
vrec_status vr_ivf_layout_init(vr_ivf_layout *layout, size_t lists, size_t dim, bool trained,
                               vrec_error *err);
void vr_ivf_layout_free(vr_ivf_layout *layout);

/* Reads all that follows the quantizer, and moves past it: the direct map and the lists, in the form that
 * files of this type have. There are at most rows items. */
vrec_status vr_ivf_layout_read(vr_reader *reader, const char type[5], uint64_t rows, vr_ivf_layout *layout,
                               vrec_error *err);

/* Where the vectors of a list are, in a mapped file. */
const vr_stored_f32 *vr_ivf_layout_point(const vr_reader *reader, const vr_ivf_layout *layout, size_t list);

/* Copies vectors and ids, list by list, with the opening's threads, and counts the items that hold a NaN or
 * Inf. Without vectors it copies only ids. */
vrec_status vr_ivf_layout_load(const vr_reader *reader, const vr_ivf_layout *layout,
                               const vr_faiss_opening *how, float *vectors, int64_t *ids, size_t *nonfinite,
                               vrec_error *err);

#endif
