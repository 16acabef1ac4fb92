/* FAISS's file format, little-endian and packed, as write_index() writes it and read_index() reads it: what
 * all kinds of index have in common.
 *
 * An index is 4 letters that name its type, a header, and a body of values, vectors and other indexes, each
 * of which begins with its own 4 letters. After the type the header says:
 *
 *     d             int32
 *     rows          int64
 *     unused        int64, twice: 2^20
 *     is_trained    1 byte: 0 or 1
 *     metric        int32
 *     metric_arg    float32, only where metric > 1
 *
 * A vector is the number of its elements (uint64) and the elements.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_FORMAT_H
#define VR_FAISS_FORMAT_H

#include "faiss/faiss.h"

enum { VR_FAISS_DIM_MAX = 1 << 20 };

typedef struct vr_faiss_header {
    uint64_t at; /* the byte where the index begins */
    char type[5];
    uint64_t rows; /* as the file says: no memory has been taken for them */
    size_t dim;
    bool trained;
    vr_metric metric;
} vr_faiss_header;

/* ---- Reading ---- */

/* The type of the index that begins where the reader is, which stays there. Any bytes, and a 0. */
vrec_status vr_faiss_get_type(const vr_reader *reader, char type[5], vrec_error *err);

/* Reads type and header. VREC_UNSUPPORTED for a metric other than L2 and IP. */
vrec_status vr_faiss_get_header(vr_reader *reader, vr_faiss_header *out, vrec_error *err);

/* Hands out a vector of elements of size bytes. */
vrec_status vr_faiss_get_vector(vr_reader *reader, size_t size, const char *what, vr_span *out,
                                vrec_error *err);

/* float32 values where they stand; NULL if the file isn't mapped, and they are to be loaded. */
static inline const vr_stored_f32 *vr_faiss_point(const vr_reader *reader, const vr_span *values)
{
    return (const vr_stored_f32 *)(const void *)vr_reader_point(reader, values);
}

/* Copies a span, with the opening's threads, and reports how far into the file it is. */
vrec_status vr_faiss_load(const vr_reader *reader, const vr_span *span, const vr_faiss_opening *how,
                          void *out, vrec_error *err);

/* The same for an index's items, float32 values, row by row. Counts those that no query can find, and finds
 * the largest. Without out they are only looked at, where they stand. */
vrec_status vr_faiss_load_items(const vr_reader *reader, const vr_span *values, const vr_faiss_opening *how,
                                vr_faiss_index *index, float *out, vrec_error *err);

/* VREC_INVALID if the caller set another metric than the file has. */
vrec_status vr_faiss_check_metric(const vr_reader *reader, const vr_faiss_opening *how, vr_metric metric,
                                  vrec_error *err);

/* ---- Writing ---- */

struct vr_faiss_writer {
    vr_output *out; /* NULL: bytes are only counted */
    const vrec_progress *progress;
    uint64_t done, total; /* bytes */
    uint64_t reported;    /* what done was when the caller last heard of it */
};

/* Bytes of a header, of a metric that takes no argument. */
enum { VR_FAISS_HEADER_BYTES = 37 };

vrec_status vr_faiss_put(vr_faiss_writer *writer, const void *data, size_t length, vrec_error *err);
vrec_status vr_faiss_put_header(vr_faiss_writer *writer, const vr_faiss_header *header, vrec_error *err);
vrec_status vr_faiss_put_vector(vr_faiss_writer *writer, const void *elements, size_t count, size_t size,
                                vrec_error *err);

#endif
