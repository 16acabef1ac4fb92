/* What a program of a later version asks for, in a field that the library doesn't know, is refused: it
 * would not be done. SPDX-License-Identifier: Apache-2.0 */
#include "abi/program.h"

#include <string.h>

static void refused(vrec_status status, const vrec_error *err, const char *what)
{
    check(status == VREC_INVALID && strcmp(err->subject, what) == 0 && strstr(err->message, "knows only"),
          what);
}

static void ask_for_more_of_a_query(const vrec_indexer *indexer)
{
    int64_t id;
    float distance;
    vrec_error err;
    vrec_matrix queries = vrec_matrix_f32(items, 1, DIM), more = queries;
    vrec_results results = { .struct_size = sizeof results, .ids = &id, .distances = &distance };
    vrec_progress progress = { .struct_size = sizeof progress, .later = { 0, 0, 1 } };
    vrec_query_options options = { .struct_size = sizeof options, .later = { 1, 0, 0 } };
    more.later[1] = -1;
    refused(vrec_query(indexer, &more, 1, NULL, &results, &err), &err, "queries");
    refused(vrec_query(indexer, &queries, 1, &options, &results, &err), &err, "options");
    options.later[0] = 0;
    options.progress = &progress;
    refused(vrec_query(indexer, &queries, 1, &options, &results, &err), &err, "progress");
    refused(vrec_save(indexer, "/no/such/folder/index", &progress, &err), &err, "progress");
    results.later[2] = 1;
    refused(vrec_query(indexer, &queries, 1, NULL, &results, &err), &err, "results");
}

static void ask_for_more_of_a_build(void)
{
    vrec_builder *builder;
    vrec_indexer *indexer;
    vrec_error err;
    vrec_matrix matrix = vrec_matrix_f32(items, ITEMS, DIM);
    vrec_build build = { .struct_size = sizeof build, .later = { 0, 1, 0 } };
    check(vrec_builder_factory("faiss", NULL, &builder, NULL) == VREC_OK, "a builder");
    refused(vrec_from_embeddings(builder, &matrix, &build, &indexer, &err), &err, "build");
    vrec_builder_free(builder);
}

static void ask_for_more_of_metrics(void)
{
    static const int64_t lists[] = { 0, 1 }, ks[] = { 2 };
    double mrr;
    vrec_error err;
    vrec_ranking ranking = {
        .struct_size = sizeof ranking, .ids = lists, .users = 1, .width = 2, .ks = ks, .k_count = 1
    };
    vrec_metrics means = { .struct_size = sizeof means, .mrr = &mrr, .later = { 1, 0, 0 } };
    refused(vrec_evaluate(&ranking, &means, NULL, &err), &err, "means");
    ranking.later[0] = 1;
    refused(vrec_evaluate(&ranking, &means, NULL, &err), &err, "ranking");
}

void ask_for_more(const vrec_indexer *indexer)
{
    ask_for_more_of_a_query(indexer);
    ask_for_more_of_a_build();
    ask_for_more_of_metrics();
}
