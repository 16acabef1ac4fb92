/* What queries found: held, printed, saved. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BLOCK_QUERIES = 4096,  /* enough to keep every thread busy */
    BLOCK_SLOTS = 4 << 20, /* results in memory, unless all are kept: 48 MiB */
};

int cli_results_create(cli_results *results, size_t queries, size_t top_k, bool keep)
{
    size_t block = BLOCK_SLOTS / top_k < BLOCK_QUERIES ? BLOCK_SLOTS / top_k : BLOCK_QUERIES;
    size_t held = keep || queries < block ? queries : block;
    size_t room = held > 0 ? held : 1; /* calloc(0) may return NULL */
    *results = (cli_results){ .top_k = top_k, .queries = queries, .block = block, .keep = keep };
    results->ids = calloc(room, top_k * sizeof *results->ids);
    results->distances = calloc(room, top_k * sizeof *results->distances);
    results->counts = calloc(block, sizeof *results->counts);
    if (!results->ids || !results->distances || !results->counts)
        return cli_fail("out of memory: could not get room for %zu x %zu results", held, top_k);
    return 0;
}

void cli_results_free(cli_results *results)
{
    free(results->ids);
    free(results->distances);
    free(results->counts);
}

size_t cli_results_at(const cli_results *results, size_t first)
{
    return results->keep ? first * results->top_k : 0;
}

/* %.9g is enough for every float32 to be read back as it was. */

static void print_id(const cli_names *names, int64_t id)
{
    const char *name = cli_name_of(names, id);
    if (name)
        cli_put(stdout, name);
    else
        printf("%" PRId64, id);
}

void cli_print_text(const cli_results *results, const cli_names *names, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = cli_results_at(results, first) + i * results->top_k;
        for (size_t rank = 0; rank < (size_t)results->counts[i]; rank++) {
            printf("%zu\t%zu\t", first + i, rank + 1);
            print_id(names, results->ids[at + rank]);
            printf("\t%.9g\n", (double)results->distances[at + rank]);
        }
    }
}

/* An item without a name, where others have some, is null. */
static void print_names(const cli_names *names, const int64_t *ids, size_t count)
{
    fputs("],\"names\":[", stdout);
    for (size_t rank = 0; rank < count; rank++) {
        const char *name = cli_name_of(names, ids[rank]);
        fputs(rank > 0 ? "," : "", stdout);
        if (name)
            cli_put_json(name);
        else
            fputs("null", stdout);
    }
}

void cli_print_json(const cli_results *results, const cli_names *names, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t at = cli_results_at(results, first) + i * results->top_k;
        printf("{\"query\":%zu,\"ids\":[", first + i);
        for (size_t rank = 0; rank < (size_t)results->counts[i]; rank++)
            printf("%s%" PRId64, rank > 0 ? "," : "", results->ids[at + rank]);
        if (names->named)
            print_names(names, results->ids + at, (size_t)results->counts[i]);
        fputs("],\"distances\":[", stdout);
        for (size_t rank = 0; rank < (size_t)results->counts[i]; rank++)
            printf("%s%.9g", rank > 0 ? "," : "", (double)results->distances[at + rank]);
        fputs("]}\n", stdout);
    }
}

static vrec_status save(const char *path, const void *data, int32_t type, const cli_results *results,
                        vrec_error *err)
{
    vrec_matrix matrix = { .struct_size = sizeof matrix,
                           .data = data,
                           .rows = results->queries,
                           .dim = results->top_k,
                           .type = type };
    return path ? vrec_data_save(path, &matrix, err) : VREC_OK;
}

int cli_results_save(const cli_results *results, const char *ids, const char *distances)
{
    vrec_error err;
    vrec_status status = save(ids, results->ids, VREC_I64, results, &err);
    if (status == VREC_OK)
        status = save(distances, results->distances, VREC_F32, results, &err);
    return status == VREC_OK ? 0 : cli_fail_library(&err);
}
