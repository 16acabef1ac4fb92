/* The faiss family: what its kinds of index share. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_FAISS_H
#define VR_FAISS_FAISS_H

#include "base/bytes.h"
#include "base/reader.h"
#include "core/index.h"
#include "core/metric.h"

#include <string.h>

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
    bool takes_ids;    /* its rows may have ids of their own, in an IDMap around it */
    bool keeps_ids;    /* build() puts the ids that it is told inside; else they go around, too */
    const vr_index_verbs *verbs;
    vrec_status (*build)(const vr_options *options, const vrec_matrix *items, const vrec_build *build,
                         vr_faiss_index **out, vrec_error *err);
    /* Reads the index that begins, with its type, where the reader is, and moves past it. */
    vrec_status (*read)(vr_reader *reader, const vr_faiss_opening *how, vr_faiss_index **out,
                        vrec_error *err);
    /* The index with more items, as add()'s of core/index.h, with its facts, but for an IDMap's ids, of
     * which it is told nothing. */
    vrec_status (*add)(const vr_faiss_index *index, const vr_addition *addition, vr_faiss_index **out,
                       vrec_error *err);
    vrec_status (*write)(const vr_faiss_index *index, vr_faiss_writer *writer, vrec_error *err);
    /* As the backend's verb, but for ids and the IDMap around it. */
    vrec_status (*estimate)(const vr_options *options, const vr_plan *plan, vrec_forecast *out,
                            double *work, vrec_error *err);
} vr_faiss_kind;

/* Whether files of a kind may begin with this type, which is any four bytes and a 0. */
static inline bool vr_faiss_reads(const vr_faiss_kind *kind, const char type[5])
{
    return type[0] == 'I' && strlen(type) == 4 && strstr(kind->types, type);
}

/* Every indexer of the family begins with this. */
struct vr_faiss_index {
    vr_index base;
    const vr_faiss_kind *kind;
    vr_metric metric;
    size_t hidden;     /* rows whose id is -1: they are never returned; */
    size_t nonfinite;  /* nor are those that hold a NaN or Inf, as only a file's may; counted if all items
                          were  looked at when it was opened */
    uint64_t unlisted; /* items of an IVF that were no numbers, and so are in no list: they aren't among the
                          rows */
    float largest;     /* |x|^2 of an item, Inf if that is more than a float; of HNSW alone */
    vr_map map;        /* the file that arrays of the index are in, if it was opened with load=map */
    bool id_map2;      /* its ids came in an IDMap2, and are saved in one; else in an IDMap */
    bool ids_inside;   /* its kind keeps its ids, and writes them itself */
};

#endif
