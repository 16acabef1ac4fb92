/* The faiss backend: its options, and from what an indexer is made. SPDX-License-Identifier: Apache-2.0 */
#include "faiss/backend.h"

#include "base/threads.h"
#include "core/items.h"
#include "faiss/flat/flat.h"

enum { INDEX_TYPE, METRIC, CODES, THREADS };

static const vrec_option options[] = {
    [INDEX_TYPE] = { .key = "index_type",
                     .aliases = "",
                     .type = "choice",
                     .default_value = "Flat",
                     .range = "Flat",
                     .stage = "index",
                     .help = "kind of index; Flat compares with every item and is exact" },
    [METRIC] = { .key = "metric",
                 .aliases = "metric_type",
                 .type = "choice",
                 .default_value = "L2",
                 .range = "L2, IP",
                 .stage = "index",
                 .help = "L2: squared Euclidean distance; IP: inner product, larger is nearer" },
    [CODES] = { .key = "codes",
                .aliases = "",
                .type = "choice",
                .default_value = "auto",
                .range = "auto, off",
                .stage = "index",
                .help = "8-bit copies: faster exact search once that pays, dim + 16 bytes each" },
    [THREADS] = { .key = "threads",
                  .aliases = "n_jobs",
                  .type = "int",
                  .default_value = "0",
                  .range = "-1..256",
                  .stage = "index",
                  .help = "threads to build and load with; 0: the process default, -1: all cores" },
};

static const vr_option_table table = { .backend = "faiss",
                                       .options = options,
                                       .count = sizeof options / sizeof options[0] };

static const vr_metric metrics[] = { VR_METRIC_L2, VR_METRIC_IP }; /* as the option's range lists them */

static vrec_status from_embeddings(const vr_options *given, const vrec_matrix *items,
                                   const vrec_progress *progress, vrec_indexer **out, vrec_error *err)
{
    vr_flat *flat;
    vrec_status status = vr_flat_create(metrics[given->value[METRIC]], items->rows, items->dim, &flat, err);
    if (status != VREC_OK)
        return status;
    status = vr_copy_items(items, vr_thread_count((int32_t)given->value[THREADS]), progress, flat->items,
                           items->dim * sizeof(float), err);
    if (status != VREC_OK) {
        vr_flat_free(&flat->base);
        return status;
    }
    flat->wants_codes = given->value[CODES] == 0;
    vr_flat_describe(flat);
    *out = &flat->base;
    return VREC_OK;
}

static vrec_status from_index_file(const vr_options *given, const char *path, const vrec_progress *progress,
                                   vrec_indexer **out, vrec_error *err)
{
    const vr_metric *metric = given->given[METRIC] ? &metrics[given->value[METRIC]] : NULL;
    size_t threads = vr_thread_count((int32_t)given->value[THREADS]);
    return vr_faiss_read(path, metric, given->value[CODES] == 0, threads, progress, out, err);
}

const vr_backend vr_faiss_backend = { .name = "faiss",
                                      .summary = "exact search; reads and writes FAISS's files",
                                      .options = &table,
                                      .from_embeddings = from_embeddings,
                                      .from_index_file = from_index_file };
