/* The annoy backend: its options, and from what an indexer is made. SPDX-License-Identifier: Apache-2.0 */
#include "annoy/backend.h"

#include "annoy/annoy.h"
#include "base/threads.h"

enum { DIM, METRIC, TREES, THREADS, SEARCHK, SEED, STREAM, DOT_LAYOUT, LOAD, PREFAULT, CODES };

static const vrec_option options[] = {
    [DIM] = { .key = "d",
              .aliases = "dim",
              .type = "int",
              .default_value = "none",
              .range = "1..1048576",
              .stage = "index",
              .help = "values per vector; a file doesn't say, so opening one needs it" },
    [METRIC] = { .key = "metric",
                 .aliases = "",
                 .type = "choice",
                 .default_value = "angular",
                 .range = "angular, euclidean, dot",
                 .stage = "index",
                 .help = "angular: sqrt(2 - 2 cos); dot: larger is nearer; a file doesn't say" },
    [TREES] = { .key = "n_trees",
                .aliases = "",
                .type = "int",
                .default_value = "10",
                .range = "-1..1000000",
                .stage = "index",
                .help =
                    "more trees find more and take more room; -1: until they take as much as the items" },
    [THREADS] = { .key = "threads",
                  .aliases = "n_jobs",
                  .type = "int",
                  .default_value = "-1",
                  .range = "-1..256",
                  .stage = "index",
                  .help = "threads of a build; 0: the process default, -1: all cores" },
    [SEARCHK] = { .key = "searchk",
                  .aliases = "search_k",
                  .type = "int",
                  .default_value = "-1",
                  .range = "-1..2147483647",
                  .stage = "query",
                  .help = "candidates to look at, more find more; -1: n_trees * top_k" },
    [SEED] = { .key = "seed",
               .aliases = "",
               .type = "uint",
               .default_value = "1234567890987654321",
               .range = "0..18446744073709551615",
               .stage = "index",
               .help = "of the random numbers of a build; the default is Annoy's" },
    [STREAM] = { .key = "stream",
                 .aliases = "",
                 .type = "choice",
                 .default_value = "per_tree",
                 .range = "per_tree, annoy",
                 .stage = "index",
                 .help = "annoy: one random stream, the bytes of Annoy with one thread, and as serial" },
    [DOT_LAYOUT] = { .key = "dot_layout",
                     .aliases = "",
                     .type = "choice",
                     .default_value = "1.17.3",
                     .range = "1.17.3, current",
                     .stage = "index",
                     .help = "of dot files, by Annoy's version; opening one finds out unless told" },
    [LOAD] = { .key = "load",
               .aliases = "",
               .type = "choice",
               .default_value = "map",
               .range = "map, read",
               .stage = "index",
               .help = "read: copy the file to memory; map: use it where it is, shared by processes" },
    [PREFAULT] = { .key = "prefault",
                   .aliases = "",
                   .type = "choice",
                   .default_value = "no",
                   .range = "no, yes",
                   .stage = "index",
                   .help = "yes: fetch all of a mapped file when it is opened" },
    [CODES] = { .key = "codes",
                .aliases = "",
                .type = "choice",
                .default_value = "auto",
                .range = "auto, off",
                .stage = "index",
                .help = "8-bit copies: faster search once that pays, about d + 16 bytes each" },
};

static const vr_option_table table = { .backend = "annoy",
                                       .options = options,
                                       .count = sizeof options / sizeof options[0] };

int64_t vr_annoy_searchk(const vr_options *given)
{
    return given->value[SEARCHK];
}

static vr_annoy_source source_of(const vr_options *given, size_t dim)
{
    return (vr_annoy_source){ .metric = (vr_annoy_metric)given->value[METRIC],
                              .dim = dim,
                              .layout_known = given->given[DOT_LAYOUT],
                              .current = given->value[DOT_LAYOUT] == 1,
                              .read = given->value[LOAD] == 1,
                              .prefault = given->value[PREFAULT] == 1,
                              .codes = given->value[CODES] == 0 };
}

static vrec_status from_embeddings(const vr_options *given, const vrec_matrix *items,
                                   const vrec_progress *progress, vrec_indexer **out, vrec_error *err)
{
    vr_annoy *forest;
    uint8_t *image;
    size_t bytes;
    if (given->given[DIM] && (size_t)given->value[DIM] != items->dim)
        return vr_fail(err, VREC_INVALID, "annoy: d is %lld, but the items have %zu values each",
                       (long long)given->value[DIM], items->dim);
    if (items->dim > 1048576)
        return vr_fail(err, VREC_UNSUPPORTED, "annoy: %zu values per item; at most 1048576 are supported",
                       items->dim);
    if (given->value[TREES] == 0)
        return vr_fail(err, VREC_INVALID, "annoy: n_trees is 0; a forest without trees finds nothing");
    vr_annoy_source source = source_of(given, items->dim);
    source.layout_known = true;
    vr_annoy_plan plan = { .layout = vr_annoy_layout_of(source.metric, items->dim, source.current),
                           .trees = given->value[TREES],
                           .seed = (uint64_t)given->value[SEED],
                           .one_stream = given->value[STREAM] == 1,
                           .threads = vr_thread_count((int32_t)given->value[THREADS]) };
    vrec_status status = vr_annoy_build(&plan, items, progress, &image, &bytes, err);
    if (status == VREC_OK)
        status = vr_annoy_adopt(&source, "the new forest", image, bytes, &forest, err);
    if (status == VREC_OK)
        *out = &forest->base;
    return status;
}

static vrec_status open_file(const vr_options *given, const char *path, const vrec_progress *progress,
                             vr_annoy **out, vrec_error *err)
{
    if (!given->given[DIM])
        return vr_fail(err, VREC_INVALID,
                       "opening %s: Annoy's files don't say their dimension; set d (--d N)", path);
    vr_annoy_source source = source_of(given, (size_t)given->value[DIM]);
    return vr_annoy_open(&source, path, progress, out, err);
}

static vrec_status from_index_file(const vr_options *given, const char *path, const vrec_progress *progress,
                                   vrec_indexer **out, vrec_error *err)
{
    vr_annoy *forest;
    vrec_status status = open_file(given, path, progress, &forest, err);
    if (status == VREC_OK)
        *out = &forest->base;
    return status;
}

static vrec_status verify(const vr_options *given, const char *path, const vrec_progress *progress,
                          vrec_error *err)
{
    vr_annoy *forest;
    vrec_status status = open_file(given, path, progress, &forest, err);
    if (status != VREC_OK)
        return status;
    status = vr_annoy_verify(forest, path, progress, err);
    vr_annoy_free(&forest->base);
    return status;
}

const vr_backend vr_annoy_backend = { .name = "annoy",
                                      .summary = "forest of trees, mapped from disk; reads and writes "
                                                 "Annoy's files",
                                      .options = &table,
                                      .from_embeddings = from_embeddings,
                                      .from_index_file = from_index_file,
                                      .verify = verify };
