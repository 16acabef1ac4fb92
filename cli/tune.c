/* vrec tune: the cheapest setting of an index that reaches a recall. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- What is asked ---- */

static int parse_recall(const cli_args *args, double *out)
{
    const char *text = args->given[CLI_RECALL] ? args->values[CLI_RECALL][0] : "0.95";
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end || !(*out > 0 && *out < 1))
        return cli_fail_usage(args->command->name,
                              "--recall is \"%s\"; it takes a number between 0 and 1, such as 0.95", text);
    return 0;
}

static int check_output(const cli_args *args)
{
    const char *output = args->values[CLI_TUNED][0];
    if (!output)
        return 0;
    if (args->operand_count > 1)
        return cli_fail_usage(args->command->name, "-o takes one index, and %zu are given",
                              args->operand_count);
    if (!(vrec_backend_can(args->backend) & VREC_CAN_SAVE) ||
        strcmp(args->backend, CLI_DEFAULT_BACKEND) != 0)
        return cli_fail_usage(args->command->name,
                              "a file of %s holds no setting; leave -o out, and give the option",
                              args->backend);
    return 0;
}

/* Tuning overrides these settings, so a value that is given for one would be ignored. */
static int check_settings(const cli_args *args)
{
    static const char *const found[] = { "efSearch", "gamma", "nprobe", "budget", "searchk", "ef" };
    for (size_t i = 0; i < sizeof found / sizeof found[0]; i++)
        if (cli_given(args, found[i]))
            return cli_fail_usage(args->command->name, "--%s is what tune finds by itself; leave it out",
                                  found[i]);
    return 0;
}

/* Neither output may be an input. */
static int check_outputs(const cli_args *args)
{
    const char *outputs[] = { args->values[CLI_TUNED][0], args->values[CLI_PLOT][0] };
    const char *inputs[CLI_OPERANDS_MAX + 1];
    size_t count = 0;
    int failed = cli_svg_check(args, CLI_PLOT);
    if (args->values[CLI_QUERIES][0])
        inputs[count++] = args->values[CLI_QUERIES][0];
    /* -o may be the index that is tuned, which is in memory by then */
    for (size_t i = outputs[0] && !outputs[1] ? args->operand_count : 0; i < args->operand_count; i++)
        inputs[count++] = args->operands[i];
    for (size_t i = 0; i < 2 && !failed; i++)
        failed = outputs[i] ? cli_check_output(args, outputs[i], inputs, count) : 0;
    if (failed)
        return failed;
    return outputs[0] && outputs[1] && cli_same_file(outputs[0], outputs[1])
               ? cli_fail_usage(args->command->name, "--output and --plot both go to %s", outputs[0])
               : check_output(args);
}

/* ---- What is said ---- */

static int compare_recalls(const void *a, const void *b)
{
    double one = ((const vrec_tuning_step *)a)->recall, other = ((const vrec_tuning_step *)b)->recall;
    return (one > other) - (one < other);
}

static void print_text(vrec_tuning *tuning, double wanted, size_t items)
{
    qsort(tuning->steps, (size_t)tuning->step_count, sizeof tuning->steps[0], compare_recalls);
    puts("recall  +-      queries/s  distances  setting");
    for (int32_t i = 0; i < tuning->step_count; i++) {
        const vrec_tuning_step *step = &tuning->steps[i];
        printf("%.4f  %.4f  %9.0f  ", step->recall, step->error, step->queries_per_second);
        if (step->distances > 0)
            printf("%9.0f", step->distances);
        else /* which a server doesn't tell */
            printf("%9s", "-");
        printf("  %s%s\n", step->options, strcmp(step->options, tuning->options) == 0 ? "   <-" : "");
    }
    printf("1.0000  0       %9.0f  %9zu  exact search\n\n", tuning->exact_queries_per_second, items);
    printf("%s reaches recall %.4g (%.4g +- %.2g on %lld %s)\n", tuning->options, wanted, tuning->recall,
           tuning->error, (long long)tuning->queries, tuning->of_items ? "items of the index" : "queries");
    if (tuning->queries_per_second < tuning->exact_queries_per_second)
        puts("Exact search, which finds everything, is faster here: vrec build faiss --index_type Flat.");
    if (tuning->farther > .7 || tuning->farther < .3)
        printf("The queries are of another kind than the items: %s (%.0f %% of pairs). The setting holds\n"
               "for queries like these alone; tuning on items would have misled.\n",
               tuning->farther > .5 ? "their nearest items are farther away than items are from each other"
                                    : "their nearest items are nearer than items are to each other",
               100 * (tuning->farther > .5 ? tuning->farther : 1 - tuning->farther));
    if (tuning->of_items)
        puts(strncmp(tuning->options, "ef=", 3) == 0
                 ? "A graph on a server finds more for its own items than for others: give some with "
                   "--queries."
                 : "Queries of another kind, such as users, find less: give some with --queries.");
}

static void print_json(const vrec_tuning *tuning)
{
    printf(
        "{\"options\":\"%s\",\"file_options\":\"%s\",\"recall\":%.6g,\"error\":%.6g,\"queries_per_"
        "second\":%.6g,\"distances\":%.6g,"
        "\"exact_queries_per_second\":%.6g,\"farther\":%.4g,\"queries\":%lld,\"of_items\":%s,\"steps\":[",
        tuning->options, tuning->file_options, tuning->recall, tuning->error, tuning->queries_per_second,
        tuning->distances, tuning->exact_queries_per_second, tuning->farther, (long long)tuning->queries,
        tuning->of_items ? "true" : "false");
    for (int32_t i = 0; i < tuning->step_count; i++)
        printf("%s{\"options\":\"%s\",\"recall\":%.6g,\"error\":%.6g,\"queries_per_second\":%.6g,"
               "\"distances\":%.6g}",
               i > 0 ? "," : "", tuning->steps[i].options, tuning->steps[i].recall, tuning->steps[i].error,
               tuning->steps[i].queries_per_second, tuning->steps[i].distances);
    puts("]}");
}

/* ---- The tuned file ---- */

/* The index again, with the setting in it, so that FAISS has it too. */
static int save_tuned(const cli_args *args, const char *setting, cli_progress *progress)
{
    vrec_builder *builder;
    vrec_indexer *indexer = NULL;
    vrec_error err;
    char key[CLI_TEXT];
    const char *value = strchr(setting, '=');
    snprintf(key, sizeof key, "%.*s", (int)(value - setting), setting);
    int failed = cli_make_builder(args, &builder);
    if (failed)
        return failed;
    vrec_status status = vrec_builder_set(builder, key, value + 1, &err);
    if (status == VREC_OK)
        status = vrec_from_index_file(builder, args->operands[0], &progress->report, &indexer, &err);
    if (status == VREC_OK)
        status = vrec_save(indexer, args->values[CLI_TUNED][0], &progress->report, &err);
    vrec_indexer_free(indexer);
    vrec_builder_free(builder);
    cli_progress_end(progress);
    return status == VREC_OK ? 0 : cli_fail_library(&err);
}

/* ---- The work ---- */

typedef struct session {
    const cli_args *args;
    double recall;
    size_t top_k;
    const vrec_matrix *queries; /* NULL: items of the index */
    const vrec_matrix *all;     /* the items of an index on a server; else NULL */
    int64_t *ids;               /* theirs; NULL: rows */
    cli_progress progress;
    size_t items;       /* of the index that was tuned last, */
    vrec_tuning tuning; /* and what was found */
    cli_curves curves;
} session;

static vrec_status tune_to(session *s, const vrec_indexer *indexer, double recall, vrec_tuning *out,
                           vrec_error *err)
{
    vrec_tuning_options options = { .struct_size = sizeof options,
                                    .recall = recall,
                                    .top_k = s->top_k,
                                    .queries = s->queries,
                                    .threads = cli_threads(s->args),
                                    .progress = &s->progress.report,
                                    .items = s->all,
                                    .item_ids = s->ids };
    *out = (vrec_tuning){ .struct_size = sizeof *out };
    return vrec_tune(indexer, &options, out, err);
}

/* Of a setting that was measured twice the faster time counts: what else ran on the machine made the other.
 */
static void add_steps(cli_curve *curve, const vrec_tuning *tuning)
{
    for (int32_t i = 0; i < tuning->step_count; i++) {
        const vrec_tuning_step *step = &tuning->steps[i];
        size_t at = 0;
        while (at < curve->step_count && strcmp(curve->steps[at].options, step->options) != 0)
            at++;
        if (at == curve->step_count)
            curve->steps[curve->step_count++] = *step;
        else if (step->queries_per_second > curve->steps[at].queries_per_second)
            curve->steps[at].queries_per_second = step->queries_per_second;
        if (strcmp(curve->options, step->options) == 0)
            curve->per_second = curve->steps[at].queries_per_second;
    }
}

static void print_small(session *s)
{
    char machine[CLI_LIST_TEXT / 2];
    cli_describe_machine(machine, sizeof machine);
    snprintf(s->curves.small_print, sizeof s->curves.small_print,
             "%lld %s, %zu items of %zu values; vrec %s, %s, %s", (long long)s->tuning.queries,
             s->tuning.of_items ? "items asked for" : "queries", s->curves.rows, s->curves.dim,
             vrec_version(), vrec_cpu(), machine);
}

/* There is one line of exact search: that of the largest index, and the faster time of several. */
static void add_exact(session *s, const vrec_indexer *indexer, double per_second)
{
    cli_curves *curves = &s->curves;
    size_t rows = vrec_rows(indexer), dim = vrec_dim(indexer), size = rows * dim;
    size_t largest = curves->rows * curves->dim;
    curves->differ |= largest > 0 && (rows != curves->rows || dim != curves->dim);
    if (size > largest) {
        curves->rows = rows;
        curves->dim = dim;
        curves->exact_per_second = 0;
        print_small(s);
    }
    if (rows == curves->rows && dim == curves->dim && per_second > curves->exact_per_second)
        curves->exact_per_second = per_second;
}

/* The curve of an index, as far as a tenth of what the wanted recall may miss. */
static int add_curve(session *s, const vrec_indexer *indexer, const char *name)
{
    vrec_error err;
    vrec_tuning more;
    cli_curves *curves = &s->curves;
    cli_curve *curve = &curves->all[curves->count++];
    *curve = (cli_curve){ .name = name, .recall = s->tuning.recall };
    memcpy(curve->options, s->tuning.options, sizeof s->tuning.options);
    add_steps(curve, &s->tuning);
    vrec_status status = tune_to(s, indexer, 1 - (1 - s->recall) / 10, &more, &err);
    if (status == VREC_OK)
        add_steps(curve, &more);
    add_exact(s, indexer, s->tuning.exact_queries_per_second);
    if (status == VREC_OK)
        add_exact(s, indexer, more.exact_queries_per_second);
    cli_progress_end(&s->progress);
    /* out of reach: the curve ends before */
    return status == VREC_OK || status == VREC_INVALID ? 0 : cli_fail_library(&err);
}

static void print(session *s, const char *name)
{
    if (s->args->given[CLI_JSON]) {
        print_json(&s->tuning);
    } else if (s->args->given[CLI_QUIET]) {
        puts(s->tuning.options);
    } else {
        if (s->args->operand_count > 1) {
            cli_put(stdout, name);
            puts(":");
        }
        print_text(&s->tuning, s->recall, s->items);
    }
}

static int tune(session *s, const char *name)
{
    vrec_indexer *indexer;
    vrec_error err;
    int failed = cli_open_index(s->args, name, s->queries ? s->queries->dim : 0, &s->progress, &indexer);
    if (failed)
        return failed;
    vrec_status status = tune_to(s, indexer, s->recall, &s->tuning, &err);
    cli_progress_end(&s->progress);
    if (status != VREC_OK)
        failed =
            s->args->operand_count > 1 ? cli_fail("%s: %s", name, err.message) : cli_fail_library(&err);
    else if (s->args->given[CLI_PLOT])
        failed = add_curve(s, indexer, name);
    s->items = vrec_rows(indexer);
    vrec_indexer_free(indexer);
    if (!failed)
        print(s, name);
    return failed;
}

static int check_index(const session *s, const char *name, const vrec_indexer *indexer)
{
    const vrec_fact *fact;
    for (size_t i = 0; (fact = vrec_info(indexer, i)); i++)
        if (strcmp(fact->key, CLI_KIND_OPTION) == 0 && strcmp(fact->text, "Flat") == 0)
            return cli_fail("%s: tuning: index_type=Flat is exact; there is nothing to tune; leave it out",
                            name);
    if (s->queries && s->queries->dim != vrec_dim(indexer))
        return cli_fail("%s: tuning: the queries have %zu values each, the index has %zu", name,
                        s->queries->dim, vrec_dim(indexer));
    return 0;
}

/* Of several indexes none is tuned, for minutes, before all are known to be some that can be. They are
 * opened one by one, and once more later: all of them may not fit in memory. */
static int check_indexes(session *s)
{
    int failed = 0;
    for (size_t i = 0; s->args->operand_count > 1 && i < s->args->operand_count && !failed; i++) {
        vrec_indexer *indexer;
        const char *name = s->args->operands[i];
        failed = cli_open_index(s->args, name, s->queries ? s->queries->dim : 0, &s->progress, &indexer);
        if (!failed) {
            failed = check_index(s, name, indexer);
            vrec_indexer_free(indexer);
        }
    }
    return failed;
}

static int tune_all(session *s)
{
    const cli_args *args = s->args;
    int failed = check_indexes(s);
    if (!failed)
        failed = tune(s, cli_is_remote(args->backend) ? args->backend : args->operands[0]);
    if (!failed && args->values[CLI_TUNED][0])
        failed = save_tuned(args, s->tuning.file_options, &s->progress);
    for (size_t i = 1; i < args->operand_count && !failed; i++) {
        if (!args->given[CLI_JSON] && !args->given[CLI_QUIET])
            putchar('\n');
        failed = tune(s, args->operands[i]);
    }
    return !failed && args->given[CLI_PLOT] ? cli_draw_curves(&s->curves, args->values[CLI_PLOT][0])
                                            : failed;
}

/* An index on a server doesn't give its items back. */
static int check_items(const cli_args *args)
{
    bool remote = cli_is_remote(args->backend);
    if (remote && !args->given[CLI_ITEMS])
        return cli_fail_usage(args->command->name,
                              "--items FILE is missing: the exact answers come from them");
    if (!remote && (args->given[CLI_ITEMS] || args->given[CLI_LABELS]))
        return cli_fail_usage(args->command->name, "--%s is for an index on a server; a file has its items",
                              args->given[CLI_ITEMS] ? "items" : "ids");
    return 0;
}

static int open_vectors(const char *path, vrec_data **file, const vrec_matrix **out)
{
    vrec_error err;
    if (!path)
        return 0;
    if (vrec_data_open(path, file, &err) != VREC_OK)
        return cli_fail_library(&err);
    *out = vrec_data_matrix(*file);
    return 0;
}

static int read_ids(session *s)
{
    size_t count;
    const char *path = s->args->values[CLI_LABELS][0];
    int failed = path ? cli_list_read(path, "a list of ids", &s->ids, &count) : 0;
    return path && !failed && count != s->all->rows
               ? cli_fail("%s has %zu ids, but %s has %zu items", path, count,
                          s->args->repeated[CLI_ITEMS][0], s->all->rows)
               : failed;
}

static int tune_with_files(session *s)
{
    vrec_data *queries = NULL, *items = NULL;
    int failed = open_vectors(s->args->values[CLI_QUERIES][0], &queries, &s->queries);
    if (!failed && s->args->given[CLI_ITEMS])
        failed = open_vectors(s->args->repeated[CLI_ITEMS][0], &items, &s->all);
    if (!failed)
        failed = read_ids(s);
    if (!failed) {
        cli_progress_start(&s->progress, s->args, false);
        failed = tune_all(s);
    }
    vrec_data_close(queries);
    vrec_data_close(items);
    free(s->ids);
    return failed;
}

int cli_tune(const cli_args *args)
{
    session s = { .args = args };
    int failed = parse_recall(args, &s.recall);
    if (!failed)
        failed = cli_parse_top_k(args, &s.top_k);
    if (!failed)
        failed = check_outputs(args);
    if (!failed)
        failed = check_items(args);
    if (!failed)
        failed = check_settings(args);
    s.curves.recall = s.recall;
    s.curves.top_k = s.top_k;
    return failed ? failed : tune_with_files(&s);
}
