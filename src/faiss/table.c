/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/table.h"

static const vrec_option options[] = {
    [VR_FAISS_INDEX_TYPE] = { .key = "index_type",
                              .aliases = "",
                              .type = "choice",
                              .default_value = "Flat",
                              .range = "Flat",
                              .stage = "index",
                              .help = "kind of index; Flat compares with every item and is exact" },
    [VR_FAISS_METRIC] = { .key = "metric",
                          .aliases = "metric_type",
                          .type = "choice",
                          .default_value = "L2",
                          .range = "L2, IP",
                          .stage = "index",
                          .help = "L2: squared Euclidean distance; IP: inner product, larger is nearer" },
    [VR_FAISS_CODES] = { .key = "codes",
                         .aliases = "",
                         .type = "choice",
                         .default_value = "auto",
                         .range = "auto, off",
                         .stage = "index",
                         .help = "8-bit copies: faster exact search once that pays, dim + 16 bytes each" },
    [VR_FAISS_THREADS] = { .key = "threads",
                           .aliases = "n_jobs",
                           .type = "int",
                           .default_value = "0",
                           .range = "-1..256",
                           .stage = "index",
                           .help =
                               "threads to build and load with; 0: the process default, -1: all cores" },
};

const vr_option_table vr_faiss_options = { .backend = "faiss",
                                           .options = options,
                                           .count = sizeof options / sizeof options[0] };

_Static_assert(sizeof options / sizeof options[0] <= VR_OPTIONS_MAX, "core's limit");
