/* A program that uses every struct of the public header. It is compiled with the header of one version, and
 * run with the library of another. SPDX-License-Identifier: Apache-2.0 */
#include "abi/program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void check(int right, const char *what)
{
    if (right)
        return;
    printf("abi: %s: not as expected\n", what);
    exit(1);
}

const float items[ITEMS * DIM] = { 1, 0, 0, 1, 1, 1, -1, 0, 0, -1 };
static const int64_t ids[ITEMS] = { 50, 40, 30, 20, 10 };

static size_t reports;

static int report(void *context, const vrec_progress_report *at)
{
    check(context == &reports && at->struct_size >= sizeof(size_t) && strlen(at->phase) > 0 &&
              strlen(at->unit) > 0 && at->done <= at->total,
          "a report");
    reports++;
    return 0;
}

vrec_indexer *build_indexer(void)
{
    vrec_builder *builder;
    vrec_indexer *indexer;
    vrec_matrix matrix = vrec_matrix_f32(items, ITEMS, DIM);
    vrec_progress progress = { .struct_size = sizeof progress, .report = report, .context = &reports };
    vrec_build build = { .struct_size = sizeof build, .ids = ids, .progress = &progress };
    check(vrec_builder_factory("faiss", "metric=IP", &builder, NULL) == VREC_OK, "a builder");
    check(vrec_from_embeddings(builder, &matrix, &build, &indexer, NULL) == VREC_OK, "a build");
    check(reports > 0, "its reports");
    vrec_builder_free(builder);
    return indexer;
}

static void ask(const vrec_indexer *indexer)
{
    static const float user[DIM] = { 2, 1 };
    static const int64_t excluded[] = { 30 };
    static const uint8_t rows_0_to_2 = 7;
    int64_t found[3], count;
    float distances[3];
    vrec_matrix queries = vrec_matrix_f32(user, 1, DIM);
    vrec_results results = {
        .struct_size = sizeof results, .ids = found, .distances = distances, .counts = &count
    };
    vrec_query_options options = { .struct_size = sizeof options, .threads = 1 };
    check(vrec_query(indexer, &queries, 3, &options, &results, NULL) == VREC_OK, "a query");
    check(count == 3 && found[0] == 30 && found[1] == 50 && found[2] == 40 && distances[0] == 3.0f,
          "its answer");
    options.exclude_ids = excluded;
    options.exclude_count = 1;
    options.allow = &rows_0_to_2;
    options.allow_rows = ITEMS;
    check(vrec_query(indexer, &queries, 3, &options, &results, NULL) == VREC_OK, "a filtered query");
    check(count == 2 && found[0] == 50 && found[1] == 40 && found[2] == -1 && distances[2] == -INFINITY,
          "its answer");
}

static void inspect(const vrec_indexer *indexer)
{
    const vrec_fact *fact;
    const vrec_option *option;
    size_t facts = 0, options = 0;
    for (; (fact = vrec_info(indexer, facts)); facts++)
        check(strcmp(fact->key, "rows") != 0 || (fact->type == VREC_FACT_INTEGER && fact->integer == ITEMS),
              "a fact");
    for (; (option = vrec_backend_option("faiss", options)); options++)
        check(strlen(option->key) > 0 && strlen(option->help) > 0, "an option");
    check(facts > 0 && options > 0 && vrec_rows(indexer) == ITEMS, "what there is to know");
}

static void fail(const vrec_indexer *indexer)
{
    struct {
        vrec_error err;
        char guard[64];
    } room;
    vrec_matrix queries = vrec_matrix_f32(items, 1, DIM);
    vrec_results results = { .struct_size = sizeof results };
    memset(&room, 0x5a, sizeof room);
    check(vrec_query(indexer, &queries, 0, NULL, &results, &room.err) == VREC_INVALID, "a refusal");
    check(room.err.status == VREC_INVALID && strcmp(room.err.subject, "top_k") == 0 && room.err.row == -1 &&
              strlen(room.err.message) > 10,
          "its error");
    for (size_t i = 0; i < sizeof room.guard; i++)
        check(room.guard[i] == 0x5a, "what stands behind an error");
}

static void evaluate(void)
{
    static const int64_t lists[] = { 0, 1 }, offsets[] = { 0, 1 }, truth[] = { 1 }, ks[] = { 2 };
    double mrr = 0;
    vrec_ranking ranking = { .struct_size = sizeof ranking,
                             .ids = lists,
                             .users = 1,
                             .width = 2,
                             .truth_offsets = offsets,
                             .truth_ids = truth,
                             .truth_count = 1,
                             .ks = ks,
                             .k_count = 1 };
    vrec_metrics means = { .struct_size = sizeof means, .mrr = &mrr };
    check(vrec_evaluate(&ranking, &means, NULL, NULL) == VREC_OK && mrr == 0.5, "metrics");
}

int main(void)
{
    check(vrec_abi() >= VREC_ABI, "the version of the interface");
    vrec_indexer *indexer = build_indexer();
    ask(indexer);
    inspect(indexer);
    fail(indexer);
    evaluate();
    ask_for_more(indexer);
    vrec_indexer_free(indexer);
    return 0;
}
