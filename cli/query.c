/* vrec query: the nearest items for a file of queries, block by block, so that memory doesn't grow with
 * the file. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { DEFAULT_TOP_K = 10, TUNING_QUERIES = 1000 };

/* All that is open while queries run. */
typedef struct session {
    const cli_args *args;
    vrec_indexer *indexer;
    vrec_data *queries;
    cli_exclusions exclusions;
    cli_shared shared;
    cli_names names;
    cli_interests interests;
    cli_results results;
    cli_progress progress;
} session;

/* ---- Before any work ---- */

int cli_parse_top_k(const cli_args *args, size_t *out)
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
    static const cli_flag_id lists[] = { CLI_EXCLUDE, CLI_WITHOUT, CLI_ALLOW, CLI_NAMES, CLI_VALID };
    const char *inputs[12] = { args->operands[0], queries_path(args) };
    size_t input_count = 2;
    for (size_t flag = 0; flag < sizeof lists / sizeof lists[0]; flag++)
        for (size_t i = 0; args->given[lists[flag]] && i < 2 && args->values[lists[flag]][i]; i++)
            inputs[input_count++] = args->values[lists[flag]][i];
    if (args->given[CLI_EXCLUDE] && args->given[CLI_WITHOUT])
        return cli_fail_usage(args->command->name,
                              "--exclude and --without are both given; put those of --without into every "
                              "query's list");
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

/* ---- A recall in place of a setting ---- */

/* What --target_recall says, which the builder has checked; NULL if it isn't given. */
static const char *target_recall(const cli_args *args)
{
    const vrec_option *wanted = cli_find_option(args->backend, "target_recall");
    for (size_t i = 0; wanted && i < args->option_count; i++)
        if (cli_find_option(args->backend, args->options[i].key) == wanted)
            return args->options[i].value;
    return NULL;
}

/* Tunes the index on queries at even distances, for the queries that follow. */
static int tune_first(session *s, size_t top_k)
{
    const char *recall = target_recall(s->args);
    const vrec_matrix *all = vrec_data_matrix(s->queries);
    ptrdiff_t step = all->rows > TUNING_QUERIES ? (ptrdiff_t)(all->rows / TUNING_QUERIES) : 1;
    vrec_matrix some = *all;
    vrec_error err;
    if (!recall || all->rows == 0)
        return 0;
    some.rows = all->rows > TUNING_QUERIES ? TUNING_QUERIES : all->rows;
    some.row_stride *= step;
    vrec_tuning_options options = { .struct_size = sizeof options,
                                    .recall = strtod(recall, NULL),
                                    .top_k = top_k,
                                    .queries = &some,
                                    .threads = cli_threads(s->args),
                                    .progress = &s->progress.report };
    vrec_tuning tuning = { .struct_size = sizeof tuning };
    vrec_status status = vrec_tune(s->indexer, &options, &tuning, &err);
    if (status == VREC_OK || status == VREC_UNSUPPORTED) /* an exact index finds all anyway */
        return 0;
    cli_progress_end(&s->progress);
    if (err.row >= 0)
        return cli_fail("--target_recall: query %lld has a NaN or Inf; leave it out",
                        (long long)(err.row * step));
    return cli_fail_library(&err);
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
    size_t each = s->interests.each > 0 ? s->interests.each : 1;
    vrec_matrix queries = rows_of(vrec_data_matrix(s->queries), first * each, count * each);
    vrec_query_options options = { .struct_size = sizeof options,
                                   .threads = cli_threads(s->args),
                                   .progress = &s->progress.report };
    cli_shared_set(&s->shared, &options);
    cli_interests_set(&s->interests, first, &options);
    int failed = cli_exclusions_block(&s->exclusions, first, count, &options);
    if (failed)
        return failed;
    size_t at = cli_results_at(results, first);
    const vrec_results found = { .struct_size = sizeof found,
                                 .ids = results->ids + at,
                                 .distances = results->distances + at,
                                 .counts = results->counts };
    if (vrec_query(s->indexer, &queries, results->top_k, &options, &found, &err) != VREC_OK) {
        cli_progress_end(&s->progress);
        return cli_fail_library(&err);
    }
    if (s->args->given[CLI_JSON])
        cli_print_json(results, &s->names, first, count);
    else if (to_stdout(s->args))
        cli_print_text(results, &s->names, first, count);
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
    size_t queries = 0;
    int failed = cli_check_vectors(queries_path(args), s->queries);
    if (!failed)
        failed = cli_interests_open(&s->interests, args, vrec_data_matrix(s->queries)->rows, &queries);
    if (!failed && args->given[CLI_EXCLUDE])
        failed = cli_exclusions_open(&s->exclusions, args->values[CLI_EXCLUDE][0],
                                     args->values[CLI_EXCLUDE][1], queries);
    if (!failed)
        failed = cli_shared_read(&s->shared, args);
    return failed ? failed : cli_results_create(&s->results, queries, top_k, to_files(args));
}

int cli_query(const cli_args *args)
{
    size_t top_k;
    session s = { .args = args };
    int failed = cli_parse_top_k(args, &top_k);
    if (!failed)
        failed = check_outputs(args);
    if (!failed)
        failed = cli_interests_parse(args, &s.interests);
    if (failed)
        return failed;
    cli_progress_start(&s.progress, args, to_stdout(args));
    failed = open_queries(&s, top_k);
    if (!failed)
        failed = cli_open_index(args, args->operands[0], vrec_data_matrix(s.queries)->dim, &s.progress,
                                &s.indexer);
    if (!failed)
        failed = cli_names_open(args->values[CLI_NAMES][0], s.indexer,
                                cli_is_remote(args->backend) ? 0 : vrec_rows(s.indexer), &s.names);
    if (!failed)
        failed = cli_shared_find(&s.shared, args, &s.names);
    if (!failed)
        failed = cli_exclusions_find(&s.exclusions, args->values[CLI_EXCLUDE], s.results.queries, &s.names);
    if (!failed)
        failed = tune_first(&s, top_k);
    if (!failed)
        failed = run_blocks(&s);
    if (!failed)
        failed = cli_results_save(&s.results, args->values[CLI_IDS][0], args->values[CLI_DISTANCES][0]);
    if (!failed && !to_stdout(args) && !args->given[CLI_QUIET])
        printf("%zu queries x %zu, %.2f s\n", s.results.queries, top_k, cli_progress_seconds(&s.progress));
    cli_results_free(&s.results);
    cli_exclusions_close(&s.exclusions);
    cli_shared_free(&s.shared);
    cli_names_close(&s.names);
    cli_interests_free(&s.interests);
    vrec_data_close(s.queries);
    vrec_indexer_free(s.indexer);
    return failed;
}
