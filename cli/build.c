/* vrec build: embeddings into an index file. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

static void print_fact(const vrec_indexer *indexer, const char *before, const char *wanted)
{
    const vrec_fact *fact;
    for (size_t i = 0; (fact = vrec_info(indexer, i)); i++)
        if (strcmp(fact->key, wanted) == 0)
            printf("%s%s", before, fact->text);
}

/* The index is built, and worth its time, but isn't all that was asked for. */
static void warn_of_shortfall(const vrec_indexer *indexer)
{
    const vrec_fact *fact;
    for (size_t i = 0; (fact = vrec_info(indexer, i)); i++)
        if (strcmp(fact->key, "shortfall") == 0)
            cli_warn("warning: %s", fact->text);
}

static void print_summary(const vrec_indexer *indexer, const char *path, double seconds)
{
    if (path)
        cli_put(stdout, path);
    else
        print_fact(indexer, "", "collection");
    putchar(':');
    print_fact(indexer, " ", "backend");
    print_fact(indexer, " ", "index_type"); /* which not every backend has */
    print_fact(indexer, " ", "metric");
    printf(", %zu x %zu, %.2f s", vrec_rows(indexer), vrec_dim(indexer), seconds);
    print_fact(indexer, "\nchosen: ", "chosen"); /* where the library chose */
    print_fact(indexer, "\nbecause: ", "because");
    print_fact(indexer, "\ntuned: ", "tuned");
    putchar('\n');
}

static int fail(cli_progress *progress, const cli_labels *labels, const vrec_error *err)
{
    cli_progress_end(progress);
    return cli_labels_fail(labels, err);
}

/* ---- Items from a file of vectors ---- */

/* They stay mapped no longer than they are read. how: what the build is told besides items and ids. */
static int index_items(const vrec_builder *builder, vrec_data *items, const vrec_build *how,
                       const cli_labels *labels, cli_progress *progress, vrec_indexer **out)
{
    vrec_error err;
    vrec_build build = *how;
    const vrec_matrix *matrix = vrec_data_matrix(items);
    int failed = cli_labels_give(labels, matrix->rows, &build);
    if (!failed && vrec_from_embeddings(builder, matrix, &build, out, &err) != VREC_OK)
        failed = fail(progress, labels, &err);
    vrec_data_close(items);
    return failed;
}

/* ---- Items from an index ---- */

/* The builder that opens ITEMS: what --from says, or that of FAISS's files. */
static int make_opener(const cli_args *args, vrec_builder **out)
{
    vrec_error err;
    const char *from = args->values[CLI_FROM][0] ? args->values[CLI_FROM][0] : CLI_DEFAULT_BACKEND;
    vrec_status status = cli_builder_of(from, out, &err);
    return status == VREC_OK ? 0 : cli_fail_usage(args->command->name, "--from: %s", err.message);
}

/* no_vectors: why ITEMS is no file of vectors; NULL where --from says that it is an index. */
static int open_contents(const cli_args *args, const vrec_error *no_vectors, cli_progress *progress,
                         cli_contents *c)
{
    vrec_builder *opener;
    vrec_indexer *indexer;
    vrec_error err;
    int failed = make_opener(args, &opener);
    if (failed)
        return failed;
    vrec_status status = vrec_from_index_file(opener, args->operands[0], &progress->report, &indexer, &err);
    vrec_builder_free(opener);
    cli_progress_end(progress);
    if (status == VREC_CORRUPT && no_vectors)
        return cli_fail("%s; nor is it an index of FAISS, and one of Annoy wants --from annoy,d=N",
                        no_vectors->message);
    if (status != VREC_OK)
        return cli_fail_library(&err);
    if (cli_contents_read(indexer, false, c, &err) != VREC_OK)
        failed = cli_fail_library(&err);
    vrec_indexer_free(indexer);
    return failed;
}

static int index_contents(const cli_args *args, const vrec_builder *builder, const vrec_build *how,
                          const vrec_error *no_vectors, const cli_labels *labels, cli_progress *progress,
                          vrec_indexer **out)
{
    vrec_error err;
    cli_contents c = { .count = 0 };
    int failed = open_contents(args, no_vectors, progress, &c);
    if (!failed) {
        vrec_matrix items = vrec_matrix_f32(c.vectors, c.count, c.dim);
        vrec_build build = *how;
        build.ids = c.own_ids ? c.ids : NULL;
        build.names = c.names;
        build.names_size = c.names_size;
        failed = cli_labels_give(labels, c.count, &build);
        if (!failed && vrec_from_embeddings(builder, &items, &build, out, &err) != VREC_OK)
            failed = fail(progress, labels, &err);
    }
    cli_contents_free(&c);
    return failed;
}

/* ---- The build ---- */

/* A name that ends as no file of vectors does may be an index's. */
static int index_operand(const cli_args *args, const vrec_builder *builder, const vrec_build *how,
                         const cli_labels *labels, cli_progress *progress, vrec_indexer **out)
{
    vrec_data *items;
    vrec_error err;
    if (args->given[CLI_FROM])
        return index_contents(args, builder, how, NULL, labels, progress, out);
    vrec_status status = vrec_data_open(args->operands[0], &items, &err);
    if (status == VREC_UNSUPPORTED && strcmp(err.subject, "path") == 0)
        return index_contents(args, builder, how, &err, labels, progress, out);
    if (status == VREC_OK && vrec_data_is_list(items)) {
        cli_progress_end(progress);
        int failed = cli_check_vectors(args->operands[0], items);
        vrec_data_close(items);
        return failed;
    }
    return status == VREC_OK ? index_items(builder, items, how, labels, progress, out)
                             : fail(progress, labels, &err);
}

/* sample: NULL without --queries. */
static int build(const cli_args *args, const vrec_builder *builder, const vrec_data *sample)
{
    vrec_indexer *indexer = NULL;
    cli_progress progress;
    vrec_error err;
    const char *output = args->values[CLI_OUTPUT][0];
    cli_labels labels;
    cli_progress_start(&progress, args, false);
    const vrec_build how = { .struct_size = sizeof how,
                             .queries = sample ? vrec_data_matrix(sample) : NULL,
                             .progress = &progress.report };
    int failed = cli_labels_read(args->values[CLI_LABELS][0], &labels);
    if (!failed)
        failed = index_operand(args, builder, &how, &labels, &progress, &indexer);
    if (!failed && output && vrec_save(indexer, output, &progress.report, &err) != VREC_OK)
        failed = fail(&progress, &labels, &err);
    cli_labels_free(&labels);
    cli_progress_end(&progress);
    if (!failed && !args->given[CLI_QUIET])
        print_summary(indexer, output, cli_progress_seconds(&progress));
    if (!failed)
        warn_of_shortfall(indexer);
    vrec_indexer_free(indexer);
    return failed;
}

/* An index on a server needs no output. */
static int check_output(const cli_args *args)
{
    const char *inputs[] = { args->operands[0], args->values[CLI_SAMPLE][0] };
    const char *output = args->values[CLI_OUTPUT][0];
    return output ? cli_check_output(args, output, inputs, inputs[1] ? 2 : 1) : 0;
}

static int build_with_sample(const cli_args *args, const vrec_builder *builder)
{
    const char *path = args->values[CLI_SAMPLE][0];
    vrec_data *sample = NULL;
    vrec_error err;
    if (path && vrec_data_open(path, &sample, &err) != VREC_OK)
        return cli_fail_library(&err);
    int failed = sample ? cli_check_vectors(path, sample) : 0;
    if (!failed)
        failed = build(args, builder, sample);
    vrec_data_close(sample);
    return failed;
}

int cli_build(const cli_args *args)
{
    vrec_builder *builder;
    int failed = cli_make_builder(args, &builder);
    if (failed)
        return failed;
    failed = check_output(args);
    if (!failed)
        failed = build_with_sample(args, builder);
    vrec_builder_free(builder);
    return failed;
}
