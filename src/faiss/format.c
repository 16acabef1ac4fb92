/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/format.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "core/lanes.h"
#include "core/matrix.h"
#include "core/work.h"
#include "faiss/table.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

/* Where the header's fields stand, counted from the type. */
enum { AT_DIM = 4, AT_ROWS = 8, AT_UNUSED = 16, AT_TRAINED = 32, AT_METRIC = 33, HEADER = 37 };

enum {
    BLOCK = 8 << 20,       /* bytes that are read or written at a time, */
    CACHED_BLOCK = 1 << 18 /* or read and then looked at */
};

/* ---- Reading ---- */

vrec_status vr_faiss_get_type(const vr_reader *reader, char type[5], vrec_error *err)
{
    vr_reader ahead = *reader;
    type[4] = '\0';
    return vr_reader_bytes(&ahead, type, 4, "the type of an index", err);
}

static vrec_status check_header(const vr_reader *reader, const vr_faiss_header *h, int trained,
                                uint32_t metric, vrec_error *err)
{
    if (h->dim < 1 || h->dim > VR_FAISS_DIM_MAX)
        return vr_fail(err, VREC_CORRUPT, "%s: d at byte %llu is %d; 1 to %d are possible", reader->path,
                       (unsigned long long)h->at + AT_DIM, (int)h->dim, VR_FAISS_DIM_MAX);
    if (h->rows > INT64_MAX)
        return vr_fail(err, VREC_CORRUPT, "%s: the number of rows at byte %llu is negative", reader->path,
                       (unsigned long long)h->at + AT_ROWS);
    if (trained > 1)
        return vr_fail(err, VREC_CORRUPT, "%s: is_trained at byte %llu is %d; 0 and 1 are possible",
                       reader->path, (unsigned long long)h->at + AT_TRAINED, trained);
    if (metric != VR_METRIC_L2 && metric != VR_METRIC_IP)
        return vr_fail(err, VREC_UNSUPPORTED,
                       "%s: the metric at byte %llu is %u; this version reads 0 (IP) and 1 (L2)",
                       reader->path, (unsigned long long)h->at + AT_METRIC, metric);
    return VREC_OK;
}

vrec_status vr_faiss_get_header(vr_reader *reader, vr_faiss_header *out, vrec_error *err)
{
    uint8_t bytes[HEADER];
    vr_faiss_header h = { .at = reader->at };
    vrec_status status = vr_reader_bytes(reader, bytes, sizeof bytes, "the header of an index", err);
    if (status != VREC_OK)
        return status;
    memcpy(h.type, bytes, 4);
    h.dim = vr_get_u32(bytes + AT_DIM);
    h.rows = vr_get_u64(bytes + AT_ROWS);
    h.trained = bytes[AT_TRAINED];
    h.metric = (vr_metric)vr_get_u32(bytes + AT_METRIC);
    *out = h;
    return check_header(reader, &h, bytes[AT_TRAINED], vr_get_u32(bytes + AT_METRIC), err);
}

vrec_status vr_faiss_get_vector(vr_reader *reader, size_t size, const char *what, vr_span *out,
                                vrec_error *err)
{
    uint64_t count;
    vrec_status status = vr_reader_u64(reader, &count, what, err);
    return status == VREC_OK ? vr_reader_span(reader, count, size, what, out, err) : status;
}

typedef struct load {
    const vr_reader *reader;
    vr_span bytes;
    uint8_t *out;
} load;

static vrec_status load_blocks(void *context, vr_worker *me, vrec_error *err)
{
    const load *l = context;
    vrec_status status = VREC_OK;
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        status = vr_reader_copy(l->reader, &l->bytes, first, count, l->out + first, err);
    return status;
}

/* Several threads copy from the page cache faster than one. */
vrec_status vr_faiss_load(const vr_reader *reader, const vr_span *span, const vr_faiss_opening *how,
                          void *out, vrec_error *err)
{
    load l = { .reader = reader,
               .bytes = { .at = span->at, .count = span->count * span->size, .size = 1 },
               .out = out };
    vr_work work = { .threads = how->threads,
                     .count = l.bytes.count,
                     .portion = BLOCK,
                     .run = load_blocks,
                     .context = &l,
                     .progress = how->progress,
                     .phase = "loading",
                     .unit = "bytes",
                     .done_before = span->at,
                     .steps = 1,
                     .total_steps = reader->size };
    return vr_work_do(&work, err);
}

/* ---- Items ---- */

typedef struct items {
    const vr_reader *reader;
    const vr_span *values;
    float *out;              /* or NULL, */
    const vr_stored_f32 *at; /* where they are to be, or are */
    size_t dim;
    _Atomic size_t nonfinite;
    _Atomic float largest;
} items;

/* Squares that add up to a number are of numbers. */
static void look_at(items *l, size_t first, size_t count, float *largest)
{
    for (size_t i = first; i < first + count; i++) {
        float norm = vr_squares(l->at + i * l->dim, l->dim);
        if (!isfinite(norm) && vr_find_nonfinite(l->at + i * l->dim, l->dim) < l->dim)
            atomic_fetch_add(&l->nonfinite, 1);
        else if (norm > *largest)
            *largest = norm;
    }
}

static vrec_status load_rows(void *context, vr_worker *me, vrec_error *err)
{
    items *l = context;
    size_t step = vr_max(1, CACHED_BLOCK / sizeof(float) / l->dim);
    float largest = 0.0f;
    vrec_status status = VREC_OK;
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        for (size_t end = first + count; first < end && status == VREC_OK; first += count) {
            count = vr_min(step, end - first);
            if (l->out)
                status = vr_reader_copy(l->reader, l->values, first * l->dim, count * l->dim,
                                        l->out + first * l->dim, err);
            if (status == VREC_OK)
                look_at(l, first, count, &largest);
        }
    for (float known = atomic_load(&l->largest); known < largest;)
        atomic_compare_exchange_weak(&l->largest, &known, largest);
    return status;
}

vrec_status vr_faiss_load_items(const vr_reader *reader, const vr_span *values, const vr_faiss_opening *how,
                                vr_faiss_index *index, float *out, vrec_error *err)
{
    size_t row_bytes = index->base.dim * sizeof(float);
    items l = { .reader = reader,
                .values = values,
                .out = out,
                .at = out ? out : vr_faiss_point(reader, values),
                .dim = index->base.dim };
    vr_work work = { .threads = how->threads,
                     .count = index->base.rows,
                     .portion = vr_max(1, BLOCK / row_bytes),
                     .run = load_rows,
                     .context = &l,
                     .progress = how->progress,
                     .phase = "loading",
                     .unit = "bytes",
                     .done_before = values->at,
                     .steps = row_bytes,
                     .total_steps = reader->size };
    vrec_status status = vr_work_do(&work, err);
    index->nonfinite = atomic_load(&l.nonfinite);
    index->largest = atomic_load(&l.largest);
    return status;
}

vrec_status vr_faiss_check_metric(const vr_reader *reader, const vr_faiss_opening *how, vr_metric metric,
                                  vrec_error *err)
{
    vr_metric wanted = vr_faiss_metric(how->options);
    if (!how->options->given[VR_FAISS_METRIC] || wanted == metric)
        return VREC_OK;
    return vr_fail(err, VREC_INVALID, "%s was built with metric %s, but %s was asked for", reader->path,
                   vr_metric_name(metric), vr_metric_name(wanted));
}

/* ---- Writing ---- */

vrec_status vr_faiss_put(vr_faiss_writer *writer, const void *data, size_t length, vrec_error *err)
{
    vrec_status status = VREC_OK;
    for (size_t first = 0; first < length && status == VREC_OK; first += BLOCK) {
        size_t count = vr_min(BLOCK, length - first);
        writer->done += count;
        if (!writer->out)
            continue;
        status = vr_output_write(writer->out, (const uint8_t *)data + first, count, err);
        if (writer->done < writer->total && writer->done - writer->reported < BLOCK)
            continue;
        writer->reported = writer->done;
        if (status == VREC_OK)
            status = vr_report(writer->progress, "saving", "bytes", writer->done, writer->total, err);
    }
    return status;
}

vrec_status vr_faiss_put_header(vr_faiss_writer *writer, const vr_faiss_header *header, vrec_error *err)
{
    uint8_t bytes[HEADER];
    memcpy(bytes, header->type, 4);
    vr_put_u32(bytes + AT_DIM, (uint32_t)header->dim);
    vr_put_u64(bytes + AT_ROWS, header->rows);
    vr_put_u64(bytes + AT_UNUSED, 1 << 20);
    vr_put_u64(bytes + AT_UNUSED + 8, 1 << 20);
    bytes[AT_TRAINED] = header->trained;
    vr_put_u32(bytes + AT_METRIC, (uint32_t)header->metric);
    return vr_faiss_put(writer, bytes, sizeof bytes, err);
}

vrec_status vr_faiss_put_vector(vr_faiss_writer *writer, const void *elements, size_t count, size_t size,
                                vrec_error *err)
{
    uint8_t bytes[8];
    vr_put_u64(bytes, count);
    vrec_status status = vr_faiss_put(writer, bytes, sizeof bytes, err);
    return status == VREC_OK ? vr_faiss_put(writer, elements, count * size, err) : status;
}
