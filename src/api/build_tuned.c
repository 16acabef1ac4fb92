/* A graph learns from the queries that it is given, and would then find these more easily than those to
 * come: so it isn't told those that it is tuned on. SPDX-License-Identifier: Apache-2.0 */
#include "api/build_tuned.h"

#include "api/indexer.h"
#include "api/tune.h"
#include "base/memory.h"
#include "core/matrix.h"

#include <stdio.h>
#include <string.h>

enum { TOP_K = 10, ASKED = 1000 /* queries to tune on; of a sample to learn from, half of it at most */ };

/* A sample in two parts. */
typedef struct parts {
    vrec_matrix asked, learned; /* to tune on, at even distances; and the others, which are copied */
    float *values;              /* theirs; NULL where nothing learns */
} parts;

static vrec_status copy_others(const vrec_matrix *sample, size_t stride, parts *p, vrec_error *err)
{
    size_t rows = sample->rows - p->asked.rows, dim = sample->dim, bytes, at = 0;
    if (!vr_mul(rows, dim * sizeof *p->values, &bytes) || !(p->values = vr_alloc(vr_max(bytes, 1), 1)))
        return vr_fail_memory(err, bytes, "a copy of the sample");
    for (size_t i = 0; i < sample->rows; i++)
        if (i % stride > 0 || i / stride >= p->asked.rows)
            vr_matrix_rows(sample, i, 1, p->values + at++ * dim);
    p->learned = vrec_matrix_f32(p->values, rows, dim);
    return VREC_OK;
}

static vrec_status divide(const vrec_matrix *sample, bool learns, parts *p, vrec_error *err)
{
    size_t most = vr_max(vr_min(learns ? sample->rows / 2 : sample->rows, ASKED), 1);
    size_t stride = sample->rows / most;
    p->asked = *sample;
    p->asked.rows = most;
    p->asked.row_stride *= (ptrdiff_t)stride;
    return learns ? copy_others(sample, stride, p, err) : VREC_OK;
}

/* Makes what tuning found the indexer's own. */
static vrec_status settle(vrec_indexer *indexer, const vrec_tuning *tuning, const char *shortfall,
                          vrec_error *err)
{
    size_t place;
    vr_options of_file;
    vr_options_init(&of_file, indexer->options.table);
    vrec_status status = vr_options_parse(&of_file, tuning->file_options, err);
    if (status == VREC_OK)
        status = vr_options_parse(&indexer->options, tuning->options, err);
    if (status != VREC_OK) {
        vr_options_free(&of_file);
        return status;
    }
    indexer->settled = true;
    vr_index *index = vr_indexer_enter(indexer, &place);
    if (index->verbs->keep_setting)
        index->verbs->keep_setting(index, &of_file);
    vr_fact(&index->facts, "tuned", "%s has recall %.4g of %d", tuning->options, tuning->recall, TOP_K);
    if (*shortfall)
        vr_fact(&index->facts, "shortfall", "%s", shortfall);
    vr_facts_copy(&index->facts, vr_indexer_facts(indexer));
    vr_indexer_leave(indexer, place);
    vr_options_free(&of_file);
    return VREC_OK;
}

static vrec_status tune(const vrec_builder *builder, vrec_indexer *indexer, const vrec_matrix *items,
                        const vrec_build *build, const vrec_matrix *queries, double recall,
                        vrec_tuning *out, char *shortfall, vrec_error *err)
{
    const vr_options *options = &builder->options;
    bool here = vr_indexer_verbs(indexer)->vectors != NULL;
    const vrec_tuning_options asked = { .struct_size = sizeof asked,
                                        .recall = recall,
                                        .top_k = TOP_K,
                                        .queries = queries,
                                        .threads =
                                            (int32_t)options->value[vr_options_place(options, "threads")],
                                        .progress = build->progress,
                                        .items = here ? NULL : items,
                                        .item_ids = here ? NULL : build->ids };
    vrec_status status = vr_tune(indexer, &asked, out, shortfall, err);
    return status == VREC_OK ? settle(indexer, out, shortfall, err) : status;
}

static vrec_status build_and_tune(const vrec_builder *builder, const vrec_matrix *items,
                                  const vrec_build *build, const parts *p, double recall,
                                  vrec_indexer **out, vrec_tuning *tuning, char *shortfall, vrec_error *err)
{
    vrec_build how = *build;
    how.queries = p->learned.rows > 0 ? &p->learned : NULL;
    vrec_status status = vrec_from_embeddings(builder, items, &how, out, err);
    if (status != VREC_OK || vr_indexer_is_exact(*out))
        return status;
    status = tune(builder, *out, items, build, p->asked.rows > 0 ? &p->asked : NULL, recall, tuning,
                  shortfall, err);
    if (status != VREC_OK) {
        vrec_indexer_free(*out);
        *out = NULL;
    }
    return status;
}

vrec_status vr_build_tuned(const vrec_builder *builder, const vrec_matrix *items, const vrec_build *build,
                           double recall, vrec_indexer **out, vrec_tuning *tuning, char *shortfall,
                           vrec_error *err)
{
    const vr_backend *backend = builder->backend;
    parts p = { .values = NULL };
    *tuning = (vrec_tuning){ .struct_size = sizeof *tuning };
    *out = NULL;
    *shortfall = '\0';
    vrec_status status = VREC_OK;
    if (build->queries)
        status = divide(build->queries, backend->learns && backend->learns(&builder->options), &p, err);
    if (status == VREC_OK)
        status = build_and_tune(builder, items, build, &p, recall, out, tuning, shortfall, err);
    vr_free(p.values);
    return status;
}

vrec_status vr_recall_of_build(const vrec_builder *builder, double *recall, vrec_error *err)
{
    int64_t value = builder->options.value[vr_options_place(&builder->options, "target_recall")];
    *recall = (double)value / VR_OPTION_ONE;
    if (*recall > 0 && *recall < 1)
        return VREC_OK;
    return vr_fail_at(err, VREC_INVALID, vr_in("target_recall"),
                      "%s: target_recall is %.6g; a build takes a number between 0 and 1, such as 0.95%s",
                      builder->backend->name, *recall, *recall >= 1 ? VR_EXACT_FINDS_ALL : "");
}

vrec_status vr_build_for_recall(const vrec_builder *builder, const vrec_matrix *items,
                                const vrec_build *build, vrec_indexer **out, vrec_error *err)
{
    vrec_builder without = *builder; /* its texts are the builder's */
    vrec_tuning tuning;
    char shortfall[VR_SHORTFALL];
    double recall;
    *out = NULL;
    vrec_status status = vr_recall_of_build(builder, &recall, err);
    if (status == VREC_OK)
        status = vr_options_set(&without.options, "target_recall", "none", err);
    return status == VREC_OK ? vr_build_tuned(&without, items, build, recall, out, &tuning, shortfall, err)
                             : status;
}
