/* vrec query: the nearest items for a file of queries, block by block, so that memory doesn't grow with
 * the file. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_TOP_K = 10 };

/* All that is open while queries run. */
typedef struct session {
    const cli_args *args;
    vrec_indexer *indexer;
    vrec_data *queries;
    cli_exclusions exclusions;
    cli_results results;
    cli_progress progress;
} session;

/* ---- Before any work ---- */

static int parse_top_k(const cli_args *args, size_t *out)
{
    const char *text = args->values[CLI_TOP_K][0];
    char *end;
    *out = DEFAULT_TOP_K;
    if (!text)
        return 0;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || number < 1 || number > VREC_MAX_TOP_K)
        return cli_fail_usage(args->command->name, "--top_k is \"%s\"; it takes 1..%d", text,
                              VREC_MAX_TOP_K);
    *out = number;
    return 0;
}

/* The last operand: an index on a server isn't among them. */
static const char *queries_path(const cli_args *args)
{
    return args->operands[args->operand_count - 1];
}

static int check_outputs(const cli_args *args)
{
    const char *outputs[] = { args->values[CLI_IDS][0], args->values[CLI_DISTANCES][0] };
    const char *inputs[] = { args->operands[0], queries_path(args), args->values[CLI_EXCLUDE][0],
                             args->values[CLI_EXCLUDE][1] };
    size_t input_count = args->given[CLI_EXCLUDE] ? 4 : 2;
    for (size_t i = 0; i < 2; i++) {
        int failed = outputs[i] ? cli_check_output(args, outputs[i], inputs, input_count) : 0;
        if (failed)
            return failed;
    }
    if (outputs[0] && outputs[1] && cli_same_file(outputs[0], outputs[1]))
        return cli_fail_usage(args->command->name, "--ids and --distances both go to %s", outputs[0]);
    return 0;
}

static bool to_files(const cli_args *args)
{
    return args->given[CLI_IDS] || args->given[CLI_DISTANCES];
}

static bool to_stdout(const cli_args *args)
{
    return args->given[CLI_JSON] || !to_files(args);
}

/* ---- The work ---- */

/* Rows first up to before first + count of a matrix with its strides written out. */
static vrec_matrix rows_of(const vrec_matrix *matrix, size_t first, size_t count)
{
    vrec_matrix rows = *matrix;
    rows.data = (const char *)matrix->data + (ptrdiff_t)first * matrix->row_stride;
    rows.rows = count;
    return rows;
}

static int run_block(session *s, size_t first, size_t count)
{
    vrec_error err;
    cli_results *results = &s->results;
    vrec_matrix queries = rows_of(vrec_data_matrix(s->queries), first, count);
    vrec_query_options options = { .struct_size = sizeof options,
                                   .threads = cli_threads(s->args),
                                   .progress = &s->progress.report };
    int failed = cli_exclusions_block(&s->exclusions, first, count, &options);
    if (failed)
        return failed;
    size_t at = cli_results_at(results, first);
    if (vrec_query(s->indexer, &queries, results->top_k, &options, results->ids + at,
                   results->distances + at, results->counts, &err) != VREC_OK) {
        cli_progress_end(&s->progress);
        return cli_fail_library(&err);
    }
    if (s->args->given[CLI_JSON])
        cli_print_json(results, first, count);
    else if (to_stdout(s->args))
        cli_print_text(results, first, count);
    return 0;
}

static int run_blocks(session *s)
{
    int failed = 0;
    size_t all = s->results.queries, block = s->results.block;
    for (size_t first = 0; first < all && !failed && !ferror(stdout); first += block) {
        size_t count = all - first < block ? all - first : block;
        cli_progress_part(&s->progress, first, count, all);
        failed = run_block(s, first, count);
    }
    cli_progress_end(&s->progress);
    return failed ? failed : cli_flush();
}

static int open_queries(session *s, size_t top_k)
{
    vrec_error err;
    const cli_args *args = s->args;
    if (vrec_data_open(queries_path(args), &s->queries, &err) != VREC_OK)
        return cli_fail_library(&err);
    size_t queries = vrec_data_matrix(s->queries)->rows;
    int failed = 0;
    if (args->given[CLI_EXCLUDE])
        failed = cli_exclusions_open(&s->exclusions, args->values[CLI_EXCLUDE][0],
                                     args->values[CLI_EXCLUDE][1], queries);
    return failed ? failed : cli_results_create(&s->results, queries, top_k, to_files(args));
}

int cli_query(const cli_args *args)
{
    size_t top_k;
    session s = { .args = args };
    int failed = parse_top_k(args, &top_k);
    if (!failed)
        failed = check_outputs(args);
    if (failed)
        return failed;
    cli_progress_start(&s.progress, args, to_stdout(args));
    failed = open_queries(&s, top_k);
    if (!failed)
        failed = cli_open_index(args, args->operands[0], &s.progress, &s.indexer);
    if (!failed)
        failed = run_blocks(&s);
    if (!failed)
        failed = cli_results_save(&s.results, args->values[CLI_IDS][0], args->values[CLI_DISTANCES][0]);
    cli_results_free(&s.results);
    cli_exclusions_close(&s.exclusions);
    vrec_data_close(s.queries);
    vrec_indexer_free(s.indexer);
    return failed;
}
