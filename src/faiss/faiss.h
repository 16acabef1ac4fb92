/* The faiss family: what its kinds of index share. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_FAISS_H
#define VR_FAISS_FAISS_H

#include "base/reader.h"
#include "core/indexer.h"
#include "core/metric.h"

typedef struct vr_faiss_index vr_faiss_index;
typedef struct vr_faiss_writer vr_faiss_writer;

/* How an index is opened. */
typedef struct vr_faiss_opening {
    const vr_options *options;
    size_t threads;
    const vrec_progress *progress;
} vr_faiss_opening;

/* A kind of index: how it is made, and how it stands in a file. build() and read() leave it to their caller
 * to say which kind an index is of (vr_faiss_adopt). */
typedef struct vr_faiss_kind {
    const char *name;  /* as the option index_type has it */
    const char *types; /* the types of the files that it reads: "IxF2, IxFI" */
    bool takes_ids;    /* its rows may have ids of their own */
    const vr_indexer_verbs *verbs;
    vrec_status (*build)(const vr_options *options, const vrec_matrix *items, const vrec_progress *progress,
                         vr_faiss_index **out, vrec_error *err);
    /* Reads the index that begins, with its type, where the reader is, and moves past it. */
    vrec_status (*read)(vr_reader *reader, const vr_faiss_opening *how, vr_faiss_index **out,
                        vrec_error *err);
    vrec_status (*write)(const vr_faiss_index *index, vr_faiss_writer *writer, vrec_error *err);
} vr_faiss_kind;

/* Every indexer of the family begins with this. */
struct vr_faiss_index {
    vrec_indexer base;
    const vr_faiss_kind *kind;
    vr_metric metric;
    size_t hidden; /* rows whose id is -1: they are never returned */
    bool id_map2;  /* its ids came in an IDMap2, and are saved in one; else in an IDMap */
};

#endif
