/* vrec eval: what models, and settings of indexes, find of what users went on to take, side by side, and
 * beside an exact search of the same vectors. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { EXACT_MAX = 3 }; /* L2, IP, angular */

/* An exact search of the items, for one way of being near. */
typedef struct exact {
    const char *name;
    int64_t *ids;
    size_t score; /* its place in the report */
} exact;

/* All that is open. */
typedef struct session {
    const cli_args *args;
    cli_models models;
    size_t model;    /* whose turn it is */
    cli_names names; /* of the items */
    cli_pairs truth, seen;
    bool read; /* are they */
    cli_progress progress;
    size_t width;            /* the largest k */
    int32_t threads;         /* of queries and metrics */
    cli_contents contents;   /* of the index, where there is no file of items */
    vrec_matrix catalogue;   /* the items of the model; no rows: not known */
    exact exacts[EXACT_MAX]; /* of the model */
    size_t exact_count;
    cli_report report;
    char *shown[CLI_REPEATS_MAX]; /* of settings, in the report */
} session;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int fail_library(session *s, const char *setting, const vrec_error *err)
{
    cli_progress_end(&s->progress);
    if (err->status == VREC_CANCELLED)
        return cli_fail_library(err);
    if (setting && s->models.count > 1)
        return cli_fail("%s with %s: %s", s->models.all[s->model].name, setting, err->message);
    return setting ? cli_fail("%s: %s", setting, err->message) : cli_fail_library(err);
}

static const vrec_matrix *users_of(const session *s)
{
    return vrec_data_matrix(s->models.all[s->model].users);
}

/* ---- What is asked for ---- */

static int parse_ks(const cli_args *args, cli_report *report)
{
    const char *text = args->values[CLI_KS][0] ? args->values[CLI_KS][0] : "10";
    while (true) {
        char *end;
        errno = 0;
        unsigned long k = strtoul(text, &end, 10);
        if (!isdigit((unsigned char)*text) || (*end && *end != ',') || errno || k < 1 || k > VREC_MAX_TOP_K)
            return cli_fail_usage(args->command->name,
                                  "--k is \"%s\"; it takes numbers of 1..%d, as 5,10,50",
                                  args->values[CLI_KS][0], VREC_MAX_TOP_K);
        if (report->k_count == CLI_KS_MAX)
            return cli_fail_usage(args->command->name, "--k has more than %d numbers", CLI_KS_MAX);
        report->ks[report->k_count++] = (int64_t)k;
        if (!*end)
            return 0;
        text = end + 1;
    }
}

static int parse_threads(const cli_args *args, int32_t *out)
{
    const char *text = args->values[CLI_THREADS][0];
    char *end;
    if (!text)
        return 0;
    errno = 0;
    long number = strtol(text, &end, 10);
    if (!*text || isspace((unsigned char)*text) || *end || errno || number < -1 || number > INT32_MAX)
        return cli_fail_usage(args->command->name, "--threads is \"%s\"; it takes -1 and up", text);
    *out = (int32_t)number;
    return 0;
}

static int check_flags(const cli_args *args)
{
    static const cli_flag_id needed[] = { CLI_USERS, CLI_TRUTH };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!args->given[needed[i]])
            return cli_fail_usage(args->command->name, "--%s %s is missing", cli_flags[needed[i]].key,
                                  cli_flags[needed[i]].values);
    if (!args->given[CLI_ITEMS] && !args->given[CLI_INDEX] && !args->given[CLI_WITH])
        return cli_fail_usage(args->command->name,
                              "--items FILE or --index FILE is missing: what is searched?");
    return 0;
}

/* The picture must be none of the inputs. */
static int check_picture(const session *s)
{
    const char *const(*values)[2] = s->args->values;
    const char *svg = values[CLI_SVG][0];
    const char *named[] = { values[CLI_TRUTH][0], values[CLI_TRUTH][1], values[CLI_SEEN][0],
                            values[CLI_SEEN][1],  values[CLI_INDEX][0], values[CLI_NAMES][0] };
    const char *inputs[sizeof named / sizeof named[0] + 2 * CLI_MODELS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < s->models.count; i++) {
        inputs[count++] = s->models.all[i].users_path;
        if (s->models.all[i].items_path)
            inputs[count++] = s->models.all[i].items_path;
    }
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        if (named[i])
            inputs[count++] = named[i];
    int failed = cli_svg_check(s->args, CLI_SVG);
    return svg && !failed ? cli_check_output(s->args, svg, inputs, count) : failed;
}

/* Who took what. indexer: the index whose items they are, which may have names; NULL: those of --items. */
static int read_pairs(session *s, const vrec_indexer *indexer)
{
    const cli_args *args = s->args;
    size_t rows = indexer ? vrec_rows(indexer) : s->catalogue.rows;
    int failed = cli_names_open(args->values[CLI_NAMES][0], indexer, rows, &s->names);
    if (!failed)
        failed = cli_pairs_open("--truth", args->values[CLI_TRUTH], s->report.users, &s->names, &s->truth);
    if (!failed && args->given[CLI_SEEN])
        failed = cli_pairs_open("--seen", args->values[CLI_SEEN], s->report.users, &s->names, &s->seen);
    s->read = true;
    return failed;
}

/* Forgets what was found by exact searches of another one. */
static void begin_model(session *s, size_t model)
{
    const vrec_data *items = s->models.all[model].items;
    for (size_t i = 0; i < s->exact_count; i++)
        free(s->exacts[i].ids);
    s->exact_count = 0;
    s->model = model;
    if (items)
        s->catalogue = *vrec_data_matrix(items);
}

static int open_inputs(session *s)
{
    int failed = cli_models_open(&s->models);
    if (failed)
        return failed;
    begin_model(s, 0);
    s->report.users = users_of(s)->rows;
    return s->args->given[CLI_INDEX] ? 0 : read_pairs(s, NULL);
}

/* ---- Searching and scoring ---- */

static vrec_status query(session *s, const vrec_indexer *indexer, int64_t *ids, float *distances,
                         vrec_error *err)
{
    vrec_query_options options = { .struct_size = sizeof options,
                                   .threads = s->threads,
                                   .progress = &s->progress.report };
    vrec_results results = { .struct_size = sizeof results, .ids = ids, .distances = distances };
    if (s->args->given[CLI_SEEN]) {
        options.exclude_offsets = s->seen.offsets;
        options.exclude_ids = s->seen.ids;
        options.exclude_count = s->seen.count;
    }
    return vrec_query(indexer, users_of(s), s->width, &options, &results, err);
}

/* The ids that an index finds for every user, the caller's. 0, or the exit code after an error. */
static int search(session *s, const vrec_indexer *indexer, const char *setting, int64_t **out,
                  double *seconds)
{
    vrec_error err;
    int failed = 0;
    size_t users = s->report.users;
    int64_t *ids = calloc(users, s->width * sizeof *ids);
    float *distances = calloc(users, s->width * sizeof *distances);
    double start = now();
    bool done = ids && distances && query(s, indexer, ids, distances, &err) == VREC_OK;
    *seconds = now() - start;
    if (!ids || !distances)
        failed = cli_fail("out of memory: could not get room for %zu x %zu results", users, s->width);
    else if (!done)
        failed = fail_library(s, setting, &err);
    free(distances);
    if (failed)
        free(ids);
    *out = failed ? NULL : ids;
    return failed;
}

static int score(session *s, const int64_t *ids, cli_score *out)
{
    vrec_error err;
    vrec_ranking ranking = { .struct_size = sizeof ranking,
                             .ids = ids,
                             .users = s->report.users,
                             .width = s->width,
                             .truth_offsets = s->truth.offsets,
                             .truth_ids = s->truth.ids,
                             .truth_count = s->truth.count,
                             .ks = s->report.ks,
                             .k_count = s->report.k_count,
                             .convention = s->report.convention,
                             .threads = s->threads };
    vrec_metrics means = { .struct_size = sizeof means,
                           .ndcg = out->values[0],
                           .mrr = out->values[1],
                           .recall = out->values[CLI_SCORE_RECALL],
                           .hit = out->values[3],
                           .precision = out->values[4] };
    vrec_status status = vrec_evaluate(&ranking, &means, NULL, &err);
    return status == VREC_OK ? 0 : fail_library(s, NULL, &err);
}

/* ---- Exact searches ---- */

static const char *metric_of(const vrec_indexer *indexer)
{
    const vrec_fact *fact;
    for (size_t i = 0; (fact = vrec_info(indexer, i)); i++)
        if (strcmp(fact->key, "metric") == 0)
            return fact->text;
    return "";
}

/* The search that is exact, by an index that looks at everything: a forest of one tree where it is angles.
 */
static void exact_options(const char *metric, size_t items, const char **backend, const char **name,
                          char options[CLI_USAGE_TEXT])
{
    bool l2 = strcasecmp(metric, "L2") == 0 || strcasecmp(metric, "euclidean") == 0;
    bool ip = strcasecmp(metric, "IP") == 0 || strcasecmp(metric, "dot") == 0;
    size_t all = items < INT32_MAX / 2 ? 2 * items + 2 : INT32_MAX;
    *backend = l2 || ip ? "faiss" : "annoy";
    *name = l2 ? "exact L2" : ip ? "exact IP" : "exact angular";
    if (l2 || ip)
        snprintf(options, CLI_USAGE_TEXT, "metric=%s", l2 ? "L2" : "IP");
    else
        snprintf(options, CLI_USAGE_TEXT, "metric=angular,n_trees=1,searchk=%zu", all);
}

static vrec_status build_exact(session *s, const char *metric, exact *out, vrec_indexer **indexer,
                               vrec_error *err)
{
    const char *backend;
    char options[CLI_USAGE_TEXT];
    vrec_builder *builder;
    vrec_build build = { .struct_size = sizeof build,
                         .ids = s->contents.own_ids ? s->contents.ids : NULL,
                         .progress = &s->progress.report };
    exact_options(metric, s->catalogue.rows, &backend, &out->name, options);
    vrec_status status = vrec_builder_factory(backend, options, &builder, err);
    if (status == VREC_OK)
        status = vrec_from_embeddings(builder, &s->catalogue, &build, indexer, err);
    vrec_builder_free(builder);
    return status;
}

static int add_exact(session *s, const char *metric, exact *out)
{
    vrec_indexer *indexer = NULL;
    vrec_error err;
    cli_score *row = &s->report.scores[s->report.count];
    double start = now();
    if (build_exact(s, metric, out, &indexer, &err) != VREC_OK)
        return fail_library(s, out->name, &err);
    *row = (cli_score){
        .model = s->model, .name = out->name, .exact = CLI_NO_EXACT, .build_seconds = now() - start
    };
    int failed = search(s, indexer, out->name, &out->ids, &row->query_seconds);
    vrec_indexer_free(indexer);
    if (failed)
        return failed;
    for (size_t k = 0; k < s->report.k_count; k++)
        row->values[CLI_SCORE_FOUND][k] = 1.0;
    out->score = s->report.count++;
    return score(s, out->ids, row);
}

/* The exact search by that metric, made when it is first wanted. 0, or the exit code after an error. */
static int find_exact(session *s, const char *metric, const exact **out)
{
    const char *backend, *name;
    char options[CLI_USAGE_TEXT];
    exact_options(metric, s->catalogue.rows, &backend, &name, options);
    for (size_t i = 0; i < s->exact_count; i++)
        if (strcmp(s->exacts[i].name, name) == 0) {
            *out = &s->exacts[i];
            return 0;
        }
    exact *made = &s->exacts[s->exact_count++];
    *out = made;
    return add_exact(s, metric, made);
}

static int compare(session *s, const int64_t *ids, const char *metric, cli_score *out)
{
    vrec_error err;
    const exact *right;
    int failed = find_exact(s, metric, &right);
    if (failed)
        return failed;
    vrec_comparison comparison = { .struct_size = sizeof comparison,
                                   .found = ids,
                                   .exact = right->ids,
                                   .users = s->report.users,
                                   .width = s->width,
                                   .exact_width = s->width,
                                   .ks = s->report.ks,
                                   .k_count = s->report.k_count,
                                   .metric = metric,
                                   .threads = s->threads };
    if (!s->contents.own_ids) { /* ids are rows, so that distances can be looked at */
        comparison.queries = users_of(s);
        comparison.items = &s->catalogue;
    }
    out->exact = right->score;
    vrec_status status = vrec_compare(&comparison, out->values[CLI_SCORE_FOUND], NULL, &err);
    return status == VREC_OK ? 0 : fail_library(s, out->name, &err);
}

/* ---- The catalogue of an index, where no file of items is given ---- */

static int read_catalogue(session *s, const vrec_indexer *indexer)
{
    vrec_error err;
    vrec_status status = cli_contents_read(indexer, true, &s->contents, &err);
    if (status != VREC_OK || s->contents.count == 0) {
        cli_contents_free(&s->contents);
        /* Of an index on a server, what it loses is told with --items. */
        return status == VREC_OK || status == VREC_UNSUPPORTED ? 0 : fail_library(s, NULL, &err);
    }
    s->catalogue = vrec_matrix_f32(s->contents.vectors, s->contents.count, s->contents.dim);
    return 0;
}

/* ---- Settings ---- */

/* An index that stands already, on a server or in a file, or one of the items. */
static vrec_status make_index(session *s, const vrec_builder *builder, bool attached, vrec_indexer **out,
                              vrec_error *err)
{
    vrec_build build = { .struct_size = sizeof build, .progress = &s->progress.report };
    if (attached)
        return vrec_attach(builder, &s->progress.report, out, err);
    if (s->args->given[CLI_INDEX])
        return vrec_from_index_file(builder, s->args->values[CLI_INDEX][0], &s->progress.report, out, err);
    return vrec_from_embeddings(builder, &s->catalogue, &build, out, err);
}

/* shown: the setting without its secrets. One that the library doesn't understand isn't repeated: nobody
 * knows what is a secret in it. */
static int open_setting(session *s, const char *setting, const char *shown, vrec_indexer **out)
{
    vrec_builder *builder;
    vrec_error err;
    bool attached = cli_is_attached(setting);
    if (!attached && !s->args->given[CLI_INDEX] && !s->args->given[CLI_ITEMS])
        return cli_fail_usage(s->args->command->name,
                              "--items FILE is missing: %s has nothing to be built of", shown);
    if (cli_builder_of(setting, &builder, &err) != VREC_OK)
        return cli_fail_usage(s->args->command->name, "--with %.*s: %s", (int)strcspn(setting, ",="),
                              setting, err.message);
    vrec_status status = make_index(s, builder, attached, out, &err);
    vrec_builder_free(builder);
    return status == VREC_OK ? 0 : fail_library(s, shown, &err);
}

/* Items of a file are known by their rows, which is no id of an index that has ids of its own. */
static int check_ids(const session *s, const vrec_indexer *indexer)
{
    const vrec_fact *fact;
    for (size_t i = 0; s->args->given[CLI_ITEMS] && (fact = vrec_info(indexer, i)); i++)
        if (strcmp(fact->key, "ids") == 0)
            return cli_fail(
                "the index knows its items by ids of its own (%s), --items by their rows; leave out "
                "--items, and the index's own items are compared",
                fact->text);
    return 0;
}

static int score_index(session *s, const vrec_indexer *indexer, cli_score *row)
{
    int failed = check_ids(s, indexer);
    if (!failed && s->catalogue.rows == 0)
        failed = read_catalogue(s, indexer);
    int64_t *ids = NULL;
    if (!failed)
        failed = search(s, indexer, row->name, &ids, &row->query_seconds);
    if (!failed)
        failed = score(s, ids, row);
    if (!failed && s->catalogue.rows > 0)
        failed = compare(s, ids, metric_of(indexer), row);
    free(ids);
    return failed;
}

static int run_setting(session *s, const char *setting, const char *shown)
{
    vrec_indexer *indexer = NULL;
    cli_score row = { .model = s->model, .name = shown, .exact = CLI_NO_EXACT };
    for (size_t k = 0; k < CLI_KS_MAX; k++)
        row.values[CLI_SCORE_FOUND][k] = NAN;
    double start = now();
    int failed = open_setting(s, setting, shown, &indexer);
    row.build_seconds = now() - start;
    if (!failed && !s->read) { /* of an index, which had to be opened first */
        cli_progress_end(&s->progress);
        failed = read_pairs(s, indexer);
    }
    if (!failed)
        failed = score_index(s, indexer, &row);
    row.remote = s->catalogue.rows == 0;
    vrec_indexer_free(indexer);
    if (!failed)
        s->report.scores[s->report.count++] = row; /* after the exact search that it is compared with */
    return failed;
}

static int print(const session *s)
{
    if (s->args->given[CLI_JSON]) {
        cli_print_scores_json(&s->report);
    } else {
        cli_print_scores(&s->report);
        if (!s->args->given[CLI_QUIET])
            cli_print_verdicts(&s->report);
    }
    return s->args->given[CLI_SVG] ? cli_draw_scores(&s->report, s->args->values[CLI_SVG][0]) : 0;
}

/* The names of settings, as they may be shown. */
static int name_settings(session *s, const char *const *settings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        s->shown[i] = cli_setting_name(settings[i]);
        if (!s->shown[i])
            return cli_fail("out of memory: could not get room for the name of a setting");
    }
    return 0;
}

static int evaluate(session *s)
{
    static const char *const plain[] = { CLI_DEFAULT_BACKEND };
    const bool given = s->args->given[CLI_WITH];
    const char *const *settings = given ? s->args->repeated[CLI_WITH] : plain;
    const size_t count = given ? s->args->times[CLI_WITH] : 1;
    int failed = open_inputs(s);
    if (!failed)
        failed = name_settings(s, settings, count);
    for (size_t k = 0; k < s->report.k_count; k++)
        s->width = (size_t)s->report.ks[k] > s->width ? (size_t)s->report.ks[k] : s->width;
    cli_progress_start(&s->progress, s->args, false);
    for (size_t model = 0; model < s->models.count && !failed; model++) {
        begin_model(s, model);
        s->report.models[s->report.model_count++] = s->models.all[model].name;
        for (size_t i = 0; i < count && !failed; i++)
            failed = run_setting(s, settings[i], s->shown[i]);
    }
    cli_progress_end(&s->progress);
    return failed ? failed : print(s);
}

int cli_eval(const cli_args *args)
{
    session s = { .args = args };
    s.report.convention = args->values[CLI_CONVENTION][0] ? args->values[CLI_CONVENTION][0] : "rechub";
    int failed = check_flags(args);
    if (!failed)
        failed = cli_models_parse(args, &s.models);
    if (!failed)
        failed = check_picture(&s);
    if (!failed)
        failed = parse_ks(args, &s.report);
    if (!failed)
        failed = parse_threads(args, &s.threads);
    if (!failed)
        failed = evaluate(&s);
    for (size_t i = 0; i < s.exact_count; i++)
        free(s.exacts[i].ids);
    for (size_t i = 0; i < CLI_REPEATS_MAX; i++)
        free(s.shown[i]);
    cli_contents_free(&s.contents);
    cli_names_close(&s.names);
    cli_pairs_close(&s.truth);
    cli_pairs_close(&s.seen);
    cli_models_close(&s.models);
    return failed;
}
