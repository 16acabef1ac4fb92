/* The FAISS file format, little-endian and packed, as write_index writes it and read_index reads it.
 *
 * A flat index: 4 bytes that name the type, d (int32), rows (int64), 2^20 twice (int64, ignored),
 * is_trained (1 byte), metric (int32), the count of values (uint64), and the values, row by row.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/flat/flat.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/threads.h"

#include <stdatomic.h>
#include <string.h>

enum {
    AT_DIM = 4,
    AT_ROWS = 8,
    AT_UNUSED = 16,
    AT_TRAINED = 32,
    AT_METRIC = 33,
    AT_COUNT = 37,
    FLAT_HEADER = 45,
    DIM_MAX = 1 << 20,
    BLOCK = 8 << 20 /* bytes read or written at a time */
};

/* ---- What a file is ---- */

/* The types that FAISS users meet most, for the message that refuses them. */
static const struct {
    char fourcc[5];
    const char *what;
} known[] = {
    { "IHNf", "HNSW" },
    { "IHNs", "HNSW over scalar-quantized vectors" },
    { "IHNp", "HNSW over product-quantized vectors" },
    { "IwFl", "IVF Flat" },
    { "IvFl", "IVF Flat, old form" },
    { "IvFL", "IVF Flat, old form" },
    { "IwSq", "IVF, scalar-quantized" },
    { "IwPQ", "IVF, product-quantized" },
    { "IxSQ", "scalar-quantized" },
    { "IxPq", "product-quantized" },
    { "IxMp", "IDMap" },
    { "IxM2", "IDMap2" },
    { "IxPT", "PreTransform" },
    { "IxRF", "Refine" },
    { "IxFl", "Flat with a metric other than L2 and IP" },
};

static vrec_status refuse_type(const char *path, const uint8_t fourcc[4], vrec_error *err)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (memcmp(fourcc, known[i].fourcc, 4) == 0)
            return vr_fail(err, VREC_UNSUPPORTED,
                           "%s holds a FAISS index of type %s (%s); this version reads Flat: IxF2, IxFI",
                           path, known[i].fourcc, known[i].what);
    char text[5] = { 0 };
    for (size_t i = 0; i < 4; i++)
        text[i] = fourcc[i] >= ' ' && fourcc[i] <= '~' ? (char)fourcc[i] : '.';
    if (text[0] == 'I' && memchr("xwvHB", text[1], 5)) /* how all of FAISS's types of today start */
        return vr_fail(err, VREC_UNSUPPORTED,
                       "%s holds a FAISS index of type %s; this version reads Flat: IxF2, IxFI", path,
                       text);
    bool pointer = memcmp(fourcc, "vers", 4) == 0;
    return vr_fail(err, VREC_CORRUPT, "%s is no FAISS index: index type 0x%08x (\"%s\") not recognized%s",
                   path, vr_get_u32(fourcc), text, pointer ? "; is it a Git LFS pointer?" : "");
}

typedef struct header {
    size_t rows, dim;
    vr_metric metric;
    bool odd; /* the metric isn't the one that the type stands for */
} header;

static vrec_status parse_header(const vr_input *in, const uint8_t *bytes, header *h, vrec_error *err)
{
    uint32_t dim = vr_get_u32(bytes + AT_DIM), metric = vr_get_u32(bytes + AT_METRIC);
    uint64_t rows = vr_get_u64(bytes + AT_ROWS), count = vr_get_u64(bytes + AT_COUNT);
    if (dim < 1 || dim > DIM_MAX)
        return vr_fail(err, VREC_CORRUPT, "%s: d at byte %d is %d; 1 to %d are possible", in->path, AT_DIM,
                       (int)dim, DIM_MAX);
    if (rows > INT64_MAX)
        return vr_fail(err, VREC_CORRUPT, "%s: the number of rows at byte %d is negative", in->path,
                       AT_ROWS);
    if (bytes[AT_TRAINED] != 1)
        return vr_fail(err, VREC_CORRUPT, "%s: is_trained at byte %d is %d; a flat index has 1", in->path,
                       AT_TRAINED, bytes[AT_TRAINED]);
    if (metric != VR_METRIC_L2 && metric != VR_METRIC_IP)
        return vr_fail(err, VREC_UNSUPPORTED,
                       "%s: the metric at byte %d is %u; this version reads 0 (IP) "
                       "and 1 (L2)",
                       in->path, AT_METRIC, metric);
    uint64_t available = (in->size - FLAT_HEADER) / sizeof(float);
    if (rows > available / dim || count > available)
        return vr_fail(err, VREC_CORRUPT,
                       "%s: cut short: the header promises %llu rows of %u values, but after byte %d there "
                       "is room for %llu values",
                       in->path, (unsigned long long)rows, dim, FLAT_HEADER, (unsigned long long)available);
    if (count != rows * dim)
        return vr_fail(err, VREC_CORRUPT, "%s: the count at byte %d is %llu, not rows x d = %llu", in->path,
                       AT_COUNT, (unsigned long long)count, (unsigned long long)(rows * dim));
    uint64_t end = FLAT_HEADER + count * sizeof(float);
    if (end != in->size)
        return vr_fail(err, VREC_CORRUPT, "%s: the index ends at byte %llu, but the file has %llu bytes",
                       in->path, (unsigned long long)end, (unsigned long long)in->size);
    *h = (header){ .rows = (size_t)rows,
                   .dim = dim,
                   .metric = (vr_metric)metric,
                   .odd = (bytes[3] == 'I') != (metric == VR_METRIC_IP) };
    return VREC_OK;
}

static vrec_status read_header(const vr_input *in, header *h, vrec_error *err)
{
    uint8_t bytes[FLAT_HEADER];
    if (in->size < 4)
        return vr_fail(err, VREC_CORRUPT, "%s is no FAISS index: it has %llu bytes", in->path,
                       (unsigned long long)in->size);
    vrec_status status = vr_input_read(in, 0, bytes, 4, err);
    if (status != VREC_OK)
        return status;
    if (memcmp(bytes, "IxF2", 4) != 0 && memcmp(bytes, "IxFI", 4) != 0)
        return refuse_type(in->path, bytes, err);
    if (in->size < FLAT_HEADER)
        return vr_fail(err, VREC_CORRUPT, "%s: cut short: %llu bytes are fewer than its header's %d",
                       in->path, (unsigned long long)in->size, FLAT_HEADER);
    status = vr_input_read(in, 0, bytes, FLAT_HEADER, err);
    return status == VREC_OK ? parse_header(in, bytes, h, err) : status;
}

/* ---- Reading ---- */

/* Several threads copy from the page cache faster than one. */
typedef struct load {
    const vr_input *in;
    uint8_t *to;
    size_t bytes;
    const vrec_progress *progress;
    atomic_size_t next, done;
    atomic_bool stopped;
    atomic_flag failed; /* set by the thread that may write status and error */
    vrec_status status;
    vrec_error error;
} load;

static void load_blocks(void *context, size_t worker)
{
    load *l = context;
    while (!atomic_load(&l->stopped)) {
        vrec_error error;
        size_t first = atomic_fetch_add(&l->next, BLOCK);
        if (first >= l->bytes)
            return;
        size_t length = vr_min(BLOCK, l->bytes - first);
        vrec_status status = vr_input_read(l->in, FLAT_HEADER + first, l->to + first, length, &error);
        size_t done = atomic_fetch_add(&l->done, length) + length;
        if (status == VREC_OK && worker == 0)
            status = vr_report(l->progress, "loading", done, l->bytes, &error);
        if (status != VREC_OK && !atomic_flag_test_and_set(&l->failed)) {
            l->status = status;
            l->error = error;
            atomic_store(&l->stopped, true);
        }
    }
}

static vrec_status load_items(const vr_input *in, vr_flat *flat, size_t threads,
                              const vrec_progress *progress, vrec_error *err)
{
    load l = { .in = in,
               .to = (uint8_t *)flat->items,
               .bytes = flat->base.rows * flat->base.dim * sizeof(float),
               .progress = progress,
               .failed = ATOMIC_FLAG_INIT };
    vr_parallel(vr_min(threads, l.bytes / BLOCK + 1), load_blocks, &l);
    if (l.status != VREC_OK && err)
        *err = l.error;
    return l.status;
}

static vrec_status read_flat(const vr_input *in, const vr_metric *metric, bool wants_codes, size_t threads,
                             const vrec_progress *progress, vrec_indexer **out, vrec_error *err)
{
    header h = { 0 };
    vr_flat *flat;
    vrec_status status = read_header(in, &h, err);
    if (status != VREC_OK)
        return status;
    if (metric && *metric != h.metric)
        return vr_fail(err, VREC_INVALID, "%s was built with metric %s, but %s was asked for", in->path,
                       h.metric == VR_METRIC_L2 ? "L2" : "IP", *metric == VR_METRIC_L2 ? "L2" : "IP");
    status = vr_flat_create(h.metric, h.rows, h.dim, &flat, err);
    if (status != VREC_OK)
        return status;
    status = load_items(in, flat, threads, progress, err);
    if (status != VREC_OK) {
        vr_flat_free(&flat->base);
        return status;
    }
    flat->wants_codes = wants_codes;
    vr_flat_describe(flat);
    if (h.odd)
        vr_fact(&flat->base, "note", "the file's type and metric disagree; its metric was used");
    *out = &flat->base;
    return VREC_OK;
}

vrec_status vr_faiss_read(const char *path, const vr_metric *metric, bool wants_codes, size_t threads,
                          const vrec_progress *progress, vrec_indexer **out, vrec_error *err)
{
    vr_input in;
    vrec_status status = vr_input_open(path, &in, err);
    if (status != VREC_OK)
        return status;
    status = read_flat(&in, metric, wants_codes, threads, progress, out, err);
    vr_input_close(&in);
    return status;
}

/* ---- Writing ---- */

static vrec_status write_flat(const vr_flat *flat, vr_output *out, const vrec_progress *progress,
                              vrec_error *err)
{
    uint8_t bytes[FLAT_HEADER] = { 'I', 'x', 'F', flat->metric == VR_METRIC_L2 ? '2' : 'I' };
    size_t values = flat->base.rows * flat->base.dim, total = values * sizeof(float);
    vr_put_u32(bytes + AT_DIM, (uint32_t)flat->base.dim);
    vr_put_u64(bytes + AT_ROWS, flat->base.rows);
    vr_put_u64(bytes + AT_UNUSED, 1 << 20);
    vr_put_u64(bytes + AT_UNUSED + 8, 1 << 20);
    bytes[AT_TRAINED] = 1;
    vr_put_u32(bytes + AT_METRIC, (uint32_t)flat->metric);
    vr_put_u64(bytes + AT_COUNT, values);
    vrec_status status = vr_output_write(out, bytes, sizeof bytes, err);
    for (size_t first = 0; first < total && status == VREC_OK; first += BLOCK) {
        status =
            vr_output_write(out, (const uint8_t *)flat->items + first, vr_min(BLOCK, total - first), err);
        if (status == VREC_OK)
            status = vr_report(progress, "saving", vr_min(first + BLOCK, total), total, err);
    }
    return status;
}

vrec_status vr_faiss_write(const vrec_indexer *indexer, const char *path, const vrec_progress *progress,
                           vrec_error *err)
{
    vr_output out;
    vrec_status status = vr_output_create(path, &out, err);
    if (status == VREC_OK)
        status = write_flat((const vr_flat *)indexer, &out, progress, err);
    if (status == VREC_OK)
        status = vr_output_commit(&out, err);
    vr_output_close(&out);
    return status;
}
