/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/table.h"

static const vrec_option options[] = {
    [VR_FAISS_INDEX_TYPE] = { .key = "index_type",
                              .aliases = "",
                              .type = "choice",
                              .default_value = "Flat",
                              .range = "Flat",
                              .stage = "build, open",
                              .kinds = "",
                              .help =
                                  "kind of index to build; Flat compares with every item and is exact" },
    [VR_FAISS_METRIC] = { .key = "metric",
                          .aliases = "metric_type",
                          .type = "choice",
                          .default_value = "L2",
                          .range = "L2, IP",
                          .stage = "build, open",
                          .kinds = "",
                          .help = "L2: squared Euclidean distance; IP: inner product, larger is nearer" },
    [VR_FAISS_CODES] = { .key = "codes",
                         .aliases = "",
                         .type = "choice",
                         .default_value = "auto",
                         .range = "auto, off, sq4, sq8",
                         .stage = "build, open",
                         .kinds = "",
                         .help = "copies of 8 bits a value, or 4 (sq4, HNSW alone), for speed" },
    [VR_FAISS_THREADS] = { .key = "threads",
                           .aliases = "n_jobs",
                           .type = "int",
                           .default_value = "0",
                           .range = "-1..256",
                           .stage = "build, open",
                           .kinds = "",
                           .help =
                               "threads to build and load with; 0: the process default, -1: all cores" },
    [VR_FAISS_M] = { .key = "m",
                     .aliases = "M",
                     .type = "int",
                     .default_value = "32",
                     .range = "1..4096",
                     .stage = "open",
                     .kinds = "HNSW",
                     .help = "links per item; if given, a file with another number is refused" },
    [VR_FAISS_EF_SEARCH] = { .key = "efSearch",
                             .aliases = "ef_search",
                             .type = "int",
                             .default_value = "none",
                             .range = "1..2147483647",
                             .stage = "open, query",
                             .kinds = "HNSW",
                             .help = "candidates that a search keeps; none: as the file says" },
};

static const vr_hint hints[] = {
    { "metric", "cosine, cos, angular",
      "for cosine, scale items and queries to unit length and take IP, or take backend annoy with "
      "metric=angular" },
    { "metric", "euclidean", "L2 is the squared Euclidean distance" },
    { "metric", "dot, inner_product", "the inner product is IP" },
    { "", "d, dim", "the number of values per vector is that of the items, or of the file" },
};

const vr_option_table vr_faiss_options = { .backend = "faiss",
                                           .options = options,
                                           .count = sizeof options / sizeof options[0],
                                           .kind = &options[VR_FAISS_INDEX_TYPE],
                                           .hints = hints,
                                           .hint_count = sizeof hints / sizeof hints[0] };

_Static_assert(sizeof options / sizeof options[0] <= VR_OPTIONS_MAX, "core's limit");

vr_metric vr_faiss_metric(const vr_options *options)
{
    static const vr_metric metrics[] = { VR_METRIC_L2, VR_METRIC_IP }; /* as the range lists them */
    return metrics[options->value[VR_FAISS_METRIC]];
}
