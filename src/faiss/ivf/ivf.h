/* The IVF index: items in lists, each list around a centroid, and a quantizer that finds the centroids near
 * a query.
 *
 * Items stand list by list, in the order in which they were added to it. What a search calls an item is its
 * number: its place among all items sorted by id, so that among equal distances the smaller id comes first.
 * Where the ids are 0, 1, 2... the numbers are the ids; else the ids that belong to them are the indexer's.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_IVF_H
#define VR_FAISS_IVF_H

#include "core/lazy.h"
#include "faiss/faiss.h"
#include "scan/wave.h"

/* What an index says of where an id stands: nothing, by an array, or by a hash table. Nothing here uses it;
 * it is written as it was read. */
enum { VR_IVF_NO_MAP, VR_IVF_ARRAY_MAP, VR_IVF_HASH_MAP };

typedef struct vr_ivf {
    vr_faiss_index index;
    vr_faiss_index *quantizer; /* a Flat or an HNSW, whose items are the centroids; none: not trained */
    const vr_stored_f32 *centroids; /* the quantizer's */
    size_t lists;
    uint64_t probes;        /* nprobe: lists that a query looks into, unless it says otherwise */
    _Atomic double measure; /* of distances, for budgets; 0: not known yet (budget.c) */
    uint8_t map;
    size_t mapped;  /* ids, from 0 on, that an array map has places for */
    size_t *starts; /* where each list's items start, and where the last one ends; NULL: not trained */
    float *own;     /* the items, packed; or NULL, */
    const vr_stored_f32 **in_file; /* and those of each list are in a mapped file; or NULL */
    uint32_t *numbers;             /* of each item */

    bool wants_codes;
    size_t *blocks; /* where each list's blocks start, and where the last one ends; with starts */
    vr_lazy codes;  /* a vr_ivf_codes, when queries have made it */
} vr_ivf;

/* The index that a quantizer, which it owns from then on even on failure, and the ends of the lists give:
 * starts, of lists + 1, or NULL if it is untrained. There is room for the numbers of the items, and for
 * themselves; or for where those of each list are mapped. */
vrec_status vr_ivf_create(vr_metric metric, size_t dim, size_t lists, vr_faiss_index *quantizer,
                          size_t *starts, bool mapped, vr_ivf **out, vrec_error *err);
void vr_ivf_free(vr_index *indexer);

/* Numbers the items, whose ids are given in the order in which they stand. */
vrec_status vr_ivf_number(vr_ivf *ivf, const int64_t *ids, vrec_error *err);

/* The id that stands in the lists for the item at this place. */
static inline int64_t vr_ivf_id(const vr_ivf *ivf, size_t place)
{
    uint32_t number = ivf->numbers[place];
    return ivf->index.ids_inside ? ivf->index.base.ids[number] : number;
}

/* The items of a list. */
static inline const vr_stored_f32 *vr_ivf_items(const vr_ivf *ivf, size_t list)
{
    return ivf->in_file ? ivf->in_file[list] : ivf->own + ivf->starts[list] * ivf->index.base.dim;
}

/* Of things that are numbered list by list, begins[l] the first of list l: the list that has this one. */
static inline size_t vr_ivf_list_of(const size_t *begins, size_t lists, size_t number)
{
    size_t low = 0, high = lists;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (begins[middle] <= number)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* How many a list has. */
static inline size_t vr_ivf_size(const vr_ivf *ivf, size_t list)
{
    return ivf->starts ? ivf->starts[list + 1] - ivf->starts[list] : 0;
}

/* Copies the vectors of items, by their numbers. Cost: a pass over all numbers. */
vrec_status vr_ivf_vectors(const vr_index *indexer, const size_t *rows, size_t count, float *out,
                           vrec_error *err);

/* What the option codes asks of an IVF index. VREC_INVALID if it names the codes of another kind. */
vrec_status vr_ivf_wants_codes(const vr_options *options, bool *wants, vrec_error *err);

/* Adds the facts that are the same however it was made, and takes nprobe from the options. */
void vr_ivf_finish(vr_ivf *ivf, const vr_options *options);

#endif
