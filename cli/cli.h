/* The vrec command: what its files share. It stands on the public header alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VREC_CLI_H
#define VREC_CLI_H

#include "vrec/vrec.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>

enum {
    CLI_FAILED = 1, /* exit code: it went wrong */
    CLI_USAGE = 2,  /* exit code: the command line makes no sense */
    CLI_TEXT = 64,  /* room for a word of the command line */
    CLI_USAGE_TEXT = 128,
    CLI_LIST_TEXT = 160, /* room for all commands, or all flags of one */
    CLI_OPERANDS_MAX = 9,
    CLI_OPTIONS_MAX = 32,
    CLI_TABLE_MAX = 64,   /* options that a backend may have */
    CLI_REPEATS_MAX = 16, /* of a flag that may be given several times */
    CLI_MODELS_MAX = 8,
    CLI_KS_MAX = 16
};

#define CLI_DEFAULT_BACKEND "faiss"      /* where a command says that it may be left out */
#define CLI_KIND_OPTION     "index_type" /* which kind of index, in every backend that has several */

/* ---- What can be said (commands.c): parser, help, man page and completion all read these tables ---- */

typedef enum cli_flag_id {
    CLI_OUTPUT,
    CLI_ROWS,
    CLI_DIM,
    CLI_OWN_IDS,
    CLI_FROM,
    CLI_LABELS,
    CLI_SAMPLE,
    CLI_LEARNED,
    CLI_TUNED,
    CLI_RECALL,
    CLI_QUERIES,
    CLI_TOP_K,
    CLI_IDS,
    CLI_DISTANCES,
    CLI_EXCLUDE,
    CLI_WITHOUT,
    CLI_ALLOW,
    CLI_NAMES,
    CLI_INTERESTS,
    CLI_VALID,
    CLI_MERGE,
    CLI_USERS, /* it, the next, and --with may be given several times */
    CLI_ITEMS,
    CLI_INDEX,
    CLI_TRUTH,
    CLI_SEEN,
    CLI_WITH,
    CLI_KS,
    CLI_CONVENTION,
    CLI_THREADS,
    CLI_SVG,
    CLI_PLOT,
    CLI_YES,
    CLI_JSON,
    CLI_QUIET,
    CLI_HELP,
    CLI_FLAGS
} cli_flag_id;

typedef struct cli_flag {
    const char *key;    /* "top_k": --top_k, --top-k */
    char letter;        /* 'k': -k; 0 if there is none */
    const char *values; /* what follows it, by name: "FILE", "OFFSETS IDS"; "" if nothing does */
    const char *help;
} cli_flag;

extern const cli_flag cli_flags[CLI_FLAGS];

struct cli_args;

typedef struct cli_command {
    const char *name;
    const char *summary;
    const char *operands; /* "BACKEND INDEX QUERIES"; those in brackets may be left out */
    const char *needs;    /* the flag that must be given if INDEX is a file, as the usage line shows it */
    uint64_t flags;       /* bit i: it takes flag i */
    const char *stages; /* where options of a backend count in it, which are flags too: "open, query"; NULL
                         * if it takes no backend. Else that is the first operand */
    bool about_all;     /* no index of a server is named */
    const char *details;
    const char *examples; /* one a line */
    int (*run)(const struct cli_args *args);
} cli_command;

enum { CLI_COMMANDS_MAX = 32 };
extern const cli_command cli_commands[];
extern const size_t cli_command_count; /* at most CLI_COMMANDS_MAX */

/* What concerns every command: a title and a text. */
typedef struct cli_topic {
    const char *title, *text;
} cli_topic;

extern const cli_topic cli_topics[];
extern const size_t cli_topic_count;

const cli_command *cli_find_command(const char *name); /* NULL if there is none */

/* ---- What was said (args.c) ---- */

typedef struct cli_args {
    const cli_command *command;
    const char *backend; /* of a command that opens one */
    bool backend_named;  /* and wasn't left out */
    const char *operands[CLI_OPERANDS_MAX];
    size_t operand_count; /* without the backend */
    bool given[CLI_FLAGS];
    const char *values[CLI_FLAGS][2];
    const char *repeated[CLI_FLAGS][CLI_REPEATS_MAX]; /* values of what may be given several times */
    size_t times[CLI_FLAGS];                          /* how often that is */
    struct {
        char key[CLI_TEXT];
        const char *value;
    } options[CLI_OPTIONS_MAX]; /* flags that aren't the command's own but a backend's */
    size_t option_count;
} cli_args;

/* Parses the words after the command's name, up to a NULL. 0, or the exit code after an error. */
int cli_parse(const cli_command *command, char **words, cli_args *args);

/* The name in "--NAME" or "--NAME=VALUE" as the tables spell it, cut to fit. Returns the value, if any. */
const char *cli_flag_key(const char *word, char key[CLI_TEXT]);

/* The command's own flag of that name, or of that letter as in "-k" and "--k"; CLI_FLAGS if it has none. */
size_t cli_find_flag(const cli_command *command, const char *key);

/* The builder that backend and options ask for. 0, or the exit code after an error. */
int cli_make_builder(const cli_args *args, vrec_builder **out);

/* The builder that one text asks for, a backend and its options: "annoy,d=64". */
vrec_status cli_builder_of(const char *setting, vrec_builder **out, vrec_error *err);

/* The value of --top_k, 10 if it isn't given. 0, or the exit code after an error. */
int cli_parse_top_k(const cli_args *args, size_t *out);

/* The value of --threads, 0 if it isn't given. */
int32_t cli_threads(const cli_args *args);

/* ---- Words (words.c) ---- */

/* Word number i of a list parted by spaces, commas or both; false past the last. */
bool cli_word(const char *list, size_t i, char out[CLI_TEXT]);
size_t cli_word_count(const char *list);

/* The option that has key as name or alias: of one backend, of any; NULL if there is none. */
const vrec_option *cli_find_option(const char *backend, const char *key);
const vrec_option *cli_find_any_option(const char *key);

/* What stands for the value of an option in its usage: "N", "NAME", "TEXT". */
const char *cli_option_value(const vrec_option *option);

bool cli_is_backend(const char *name);

/* What the command line gives for an option of the backend, by whichever of its names; NULL if nothing. */
const char *cli_given(const cli_args *args, const char *key);

/* Whether the backend's indexes are on a server: an option names one, where others have the operand INDEX,
 * and there is no file to write. */
bool cli_is_remote(const char *backend);

/* Whether an option counts in a command. */
bool cli_applies(const cli_command *command, const vrec_option *option);

/* Whether an option's alias means it in the first command that takes the option, and no flag of that. */
bool cli_alias_counts(const vrec_option *option, const char *alias);

/* The options of a backend in groups: those for the same kinds of index, at the same stages, stand
 * together, those for every kind before the rest. Returns how many there are. */
size_t cli_group_options(const char *backend, const vrec_option *out[CLI_TABLE_MAX]);
bool cli_same_group(const vrec_option *a, const vrec_option *b);

/* "To build or open an index", "To query HNSW" */
void cli_group_title(const vrec_option *option, char out[CLI_USAGE_TEXT]);

/* A setting as it may be shown, in tables and pictures: without its secret, and what follows that, which
 * may belong to it. To free(); NULL if memory is short. */
char *cli_setting_name(const char *setting);

/* Whether a setting is an index that stands already, on a server. */
bool cli_is_attached(const char *setting);

/* A word that stands by itself, as a message may repeat it: not beside a secret, which may have lost its
 * quotes. */
const char *cli_word_of(const cli_args *args, const char *word);

/* What is told about a word that means nothing where it stands: as a command, as a flag of one (backend:
 * NULL if it isn't known) or the letter of one, as a backend. No guess is made here; the library makes
 * those about its own words. Each returns the exit code. */
int cli_fail_command(const char *word);
int cli_fail_letter(const cli_command *command, char letter);
int cli_fail_flag(const cli_command *command, const char *backend, const char *word, const char *key);
int cli_fail_backend(const cli_args *args);

/* The same for an option that counts in other commands alone. */
int cli_fail_idle(const cli_command *command, const vrec_option *option);

/* ---- Messages and standard output (messages.c) ---- */

/* How many bytes of string are a character that a terminal or a picture shows; 0 if they are no UTF-8, or a
 * character that moves the cursor, ends the line or turns the direction of writing. */
size_t cli_shown_bytes(const char *string);

/* Prints what came from outside: what a terminal would obey is written out, as \x1b. */
void cli_put(FILE *out, const char *text);

/* Prints a text on standard output as JSON has it. */
void cli_put_json(const char *text);

/* Prints one line on standard error, of what doesn't make the command fail. */
void cli_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Each prints one line on standard error and returns the exit code. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int cli_fail_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_fail_library(const vrec_error *err);
int cli_fail_stopped(void); /* by a signal */

/* Writes out what standard output still holds. 0, or the exit code after an error. */
int cli_flush(void);

/* ---- Files (files.c) ---- */

/* Refuses a file of one dimension where vectors are wanted. 0, or the exit code after an error. */
int cli_check_vectors(const char *path, const vrec_data *file);

/* Refuses an output that is one of the inputs or certainly can't be written, before any work is done.
 * 0, or the exit code after an error. */
int cli_check_output(const cli_args *args, const char *output, const char *const *inputs, size_t count);

/* Whether two paths lead to the same file, or would once it exists. */
bool cli_same_file(const char *a, const char *b);

/* ---- Progress (progress.c) ---- */

/* The view on how far the library is: draws a bar where somebody can see it, and passes on signals. */
typedef struct cli_progress {
    vrec_progress report; /* for the library */
    bool wanted;          /* a bar may be drawn */
    bool drawn;           /* there is one on the screen */
    struct timespec started, last;
    char phase[CLI_USAGE_TEXT]; /* that was reported last, or its beginning */
    struct timespec phase_started;
    size_t first, count, all; /* the part of the queries that is under way: from first on, count of all; 0
                               * of 0 in other work */
} cli_progress;

/* printing: results go to standard output meanwhile, which is progress enough on a terminal. */
void cli_progress_start(cli_progress *progress, const cli_args *args, bool printing);
void cli_progress_part(cli_progress *progress, size_t first, size_t count, size_t all);
void cli_progress_end(cli_progress *progress); /* takes the bar off the screen */
double cli_progress_seconds(const cli_progress *progress);

/* ---- Indexes on a server (server.c) ---- */

/* Opens the index: the file at path, or what the options name on a server. dim: how many values a vector
 * has, for backends whose files don't say; 0 if the command doesn't know. 0, or the exit code after an
 * error. */
int cli_open_index(const cli_args *args, const char *path, size_t dim, cli_progress *progress,
                   vrec_indexer **out);

/* ---- Changing an index (change.c) ---- */

typedef struct cli_change {
    /* Changes the index. 0, or the exit code after an error, before which it has ended the progress. */
    int (*apply)(void *context, vrec_indexer *indexer, cli_progress *progress);
    /* Prints a line about what was saved. */
    void (*tell)(void *context, const vrec_indexer *indexer, const char *output, double seconds);
} cli_change;

/* Opens the index that the first operand names, changes it, and saves it as --output. That may be the index
 * itself: it is in memory by then, and its file is replaced when all is done. 0, or the exit code after an
 * error. */
int cli_change_index(const cli_args *args, const cli_change *change, void *context);

/* ---- What an index holds (contents.c) ---- */

typedef struct cli_contents {
    size_t count, dim; /* of the items */
    int64_t *ids;
    bool own_ids; /* they aren't 0, 1, 2..., and there are no names, which are the items' ids then */
    float *vectors;
    char *names; /* a line for each item; or NULL */
    size_t names_size;
} cli_contents;

/* Copies the items of an index, without rows that are none; finite: nor items with a NaN or Inf, which no
 * search finds. VREC_UNSUPPORTED where they are on a server. cli_contents_free() is due either way. */
vrec_status cli_contents_read(const vrec_indexer *indexer, bool finite, cli_contents *out, vrec_error *err);
void cli_contents_free(cli_contents *contents);

/* ---- Lists of integers (list.c) ---- */

typedef struct cli_list {
    vrec_data *file;
    const char *data;
    size_t count;
    ptrdiff_t stride;
    bool wide; /* int64, else int32 */
} cli_list;

/* user: what needs it, for messages. 0, or the exit code after an error; cli_list_close() is due either
 * way. */
int cli_list_open(const char *path, const char *user, cli_list *out);
void cli_list_close(cli_list *list);
int64_t cli_list_at(const cli_list *list, size_t i);

/* All numbers of a file, to be freed with free() either way. 0, or the exit code after an error. */
int cli_list_read(const char *path, const char *user, int64_t **out, size_t *count);

/* ---- Ids and names of items (names.c) ---- */

/* Whether a name's ending is that of no file of numbers. */
bool cli_is_text(const char *path);

/* All of a file, with a 0 behind it, to be freed with free() either way. 0, or the exit code after an
 * error.
 */
int cli_text_read(const char *path, char **text, size_t *size);

/* What items that are built are to be called: by numbers, or by names, a line each. */
typedef struct cli_labels {
    const char *path; /* of the file that says it; NULL: nothing does */
    int64_t *ids;
    size_t count;
    char *names;
    size_t names_size;
} cli_labels;

/* Each 0, or the exit code after an error. cli_labels_free() is due either way. */
int cli_labels_read(const char *path, cli_labels *out);
int cli_labels_give(const cli_labels *labels, size_t rows, vrec_build *build);
int cli_labels_fail(const cli_labels *labels, const vrec_error *err);
void cli_labels_free(cli_labels *labels);

typedef struct cli_row cli_row;

/* Names of the items of an index: its own, or a file's. */
typedef struct cli_names {
    const vrec_indexer *named; /* who knows them by row; NULL: nobody */
    vrec_indexer *table;       /* made of the file */
    cli_row *rows;             /* by id; NULL where ids are rows */
    size_t count;
} cli_names;

/* path: a file with a line for each row, in place of the index's own names; NULL: there is none. indexer:
 * whose items they are; NULL for an index that is still to be built. rows: how many, 0 if nobody knows. 0,
 * or the exit code after an error; cli_names_close() is due either way. */
int cli_names_open(const char *path, const vrec_indexer *indexer, size_t rows, cli_names *out);
void cli_names_close(cli_names *names);

/* NULL if the item has none. */
const char *cli_name_of(const cli_names *names, int64_t id);

/* False if no item has that name. */
bool cli_find_name(const cli_names *names, const char *name, int64_t *id);

/* The ids of a list of names, a line each, to be freed with free() either way. 0, or the exit code after an
 * error. */
int cli_names_list(const char *path, const cli_names *names, int64_t **ids, size_t *count);

/* ---- Results (results.c) and exclusions (exclude.c) of a query that runs in blocks ---- */

typedef struct cli_results {
    size_t top_k;
    size_t queries; /* in all */
    size_t block;   /* how many are searched at a time */
    bool keep;      /* hold the results of all queries, not of one block */
    int64_t *ids;
    float *distances;
    int64_t *counts; /* of one block */
} cli_results;

/* 0, or the exit code after an error. cli_results_free() is due either way. */
int cli_results_create(cli_results *results, size_t queries, size_t top_k, bool keep);
void cli_results_free(cli_results *results);

/* Where the results of the block of queries that starts at first begin. */
size_t cli_results_at(const cli_results *results, size_t first);

void cli_print_text(const cli_results *results, const cli_names *names, size_t first, size_t count);
void cli_print_json(const cli_results *results, const cli_names *names, size_t first, size_t count);

/* Writes what was kept; NULL for a file that isn't wanted. 0, or the exit code after an error. */
int cli_results_save(const cli_results *results, const char *ids, const char *distances);

/* Who took what, or has seen what (pairs.c). */
typedef struct cli_pairs {
    int64_t *offsets, *ids; /* CSR: of each user the items, ascending */
    size_t count;
} cli_pairs;

typedef struct cli_exclusions {
    cli_list all_offsets, all_ids; /* without files: nothing is excluded */
    cli_pairs pairs;               /* of a table, in place of them; without offsets: there is none */
    int64_t *offsets, *ids;        /* of one block */
    size_t offsets_room, ids_room;
} cli_exclusions;

/* What all queries have in common (shared.c); zeroed is nothing. */
typedef struct cli_shared {
    int64_t *without, *allow; /* ids in order; NULL if the flag isn't given */
    size_t without_count, allow_count;
} cli_shared;

/* Reads the lists; then, when the index is open, those that are of names. 0, or the
 * exit code after an error. cli_shared_free() is due either way. */
int cli_shared_read(cli_shared *shared, const cli_args *args);
int cli_shared_find(cli_shared *shared, const cli_args *args, const cli_names *names);
void cli_shared_free(cli_shared *shared);
void cli_shared_set(const cli_shared *shared, vrec_query_options *options);

/* Several vectors per user (interests.c); zeroed is one. */
typedef struct cli_interests {
    size_t each;    /* rows of queries that are one user's; 0: each is a user */
    int64_t *valid; /* how many of each user's are valid; NULL: all */
    vrec_merge merge;
} cli_interests;

/* Reads the flags; then, when the queries are open, says how many users there are. 0, or the exit code
 * after an error. cli_interests_free() is due either way. */
int cli_interests_parse(const cli_args *args, cli_interests *out);
int cli_interests_open(cli_interests *interests, const cli_args *args, size_t rows, size_t *users);
void cli_interests_free(cli_interests *interests);
/* For users from first on. */
void cli_interests_set(const cli_interests *interests, size_t first, vrec_query_options *options);

/* Opens the two files and checks all of them. 0, or the exit code after an error.
 * cli_exclusions_close() is due either way. */
int cli_exclusions_open(cli_exclusions *exclusions, const char *offsets, const char *ids, size_t queries);
/* Reads a table, where that was given in place of the two; names are of the index, which is open. */
int cli_exclusions_find(cli_exclusions *exclusions, const char *const paths[2], size_t queries,
                        const cli_names *names);
void cli_exclusions_close(cli_exclusions *exclusions);

/* Sets what a block of queries excludes. 0, or the exit code after an error. */
int cli_exclusions_block(cli_exclusions *exclusions, size_t first, size_t count,
                         vrec_query_options *options);

/* ---- Who took what (pairs.c) ---- */

/* Whether a path is that of a table, .csv, which stands where else two files do. */
bool cli_is_table(const char *path);

/* Reads the two files, or the one table, that a flag names; where items have names, a table has these. 0,
 * or the exit code after an error, which names the first line or place that is wrong. cli_pairs_close() is
 * due either way, of zeros. */
int cli_pairs_open(const char *flag, const char *const paths[2], size_t users, const cli_names *names,
                   cli_pairs *out);
void cli_pairs_close(cli_pairs *pairs);

/* ---- Models that are compared (models.c) ---- */

typedef struct cli_model {
    char *name;
    const char *users_path, *items_path; /* no items: NULL */
    vrec_data *users, *items;            /* no items: NULL */
} cli_model;

typedef struct cli_models {
    cli_model all[CLI_MODELS_MAX];
    size_t count;
} cli_models;

/* What --users and --items ask for; then opens it, and checks that all is of the same users and items. Each
 * 0, or the exit code after an error. cli_models_close() is due either way, of zeros. */
int cli_models_parse(const cli_args *args, cli_models *out);
int cli_models_open(cli_models *models);
void cli_models_close(cli_models *models);

/* ---- What settings score (scores.c) ---- */

/* The numbers of a setting for each k: NDCG, MRR, recall, hit, precision; and what the index found of what
 * an exact search finds. */
enum { CLI_SCORE_RECALL = 2, CLI_SCORE_FOUND = 5, CLI_SCORES = 6 };

#define CLI_NO_EXACT SIZE_MAX

typedef struct cli_score {
    size_t model;                          /* which of the report's */
    const char *name;                      /* of the setting */
    double values[CLI_SCORES][CLI_KS_MAX]; /* NaN: not known */
    double build_seconds, query_seconds;
    size_t exact; /* the place of the exact search that it is compared with; CLI_NO_EXACT: none */
    bool remote;  /* on a server, whose items nobody knows: there is none for that */
} cli_score;

typedef struct cli_report {
    size_t users;
    const char *convention;
    int64_t ks[CLI_KS_MAX];
    size_t k_count;
    const char *models[CLI_MODELS_MAX]; /* their names, which are shown if there are several */
    size_t model_count;
    cli_score scores[CLI_MODELS_MAX * (CLI_REPEATS_MAX + 3)]; /* and exact searches by three metrics */
    size_t count;
} cli_report;

void cli_print_scores(const cli_report *report);
void cli_print_verdicts(const cli_report *report);
void cli_print_scores_json(const cli_report *report);
int cli_draw_scores(const cli_report *report, const char *path); /* 0, or the exit code after an error */

/* ---- What recall costs (curve.c) ---- */

enum { CLI_CURVES_MAX = CLI_OPERANDS_MAX - 1, CLI_CURVE_STEPS = 2 * VREC_TUNING_STEPS };

/* An index that was tuned: all that was tried, and what was chosen. */
typedef struct cli_curve {
    const char *name;
    vrec_tuning_step steps[CLI_CURVE_STEPS];
    size_t step_count;
    char options[CLI_TEXT];
    double recall, per_second; /* of these options */
} cli_curve;

typedef struct cli_curves {
    cli_curve all[CLI_CURVES_MAX];
    size_t count, top_k;
    double recall;           /* that was wanted */
    size_t rows, dim;        /* of the largest index, */
    bool differ;             /* which not all are as large as; */
    double exact_per_second; /* its exact search */
    char small_print[CLI_LIST_TEXT];
} cli_curves;

int cli_draw_curves(const cli_curves *curves, const char *path); /* 0, or the exit code after an error */

/* ---- Pictures (svg.c) ---- */

/* The colours of curves, light and dark: classes paper, ink, pale, grid and exact; of curve i, l and d with
 * i % CLI_COLOURS, for lines and dots. */
enum { CLI_COLOURS = 6 };
void cli_svg_style(FILE *out);

/* Text as it may stand in one; and a name, of which a long one loses its middle. */
void cli_svg_text(FILE *out, const char *text);
void cli_svg_name(FILE *out, const char *name);

/* Refuses a name that promises another kind of picture. 0, or the exit code after an error. */
int cli_svg_check(const cli_args *args, cli_flag_id flag);

/* Writes one. 0, or the exit code after an error. */
int cli_svg_save(const char *path, void (*draw)(FILE *out, const void *what), const void *what);

/* ---- The commands ---- */

int cli_build(const cli_args *args);
int cli_query(const cli_args *args);
int cli_eval(const cli_args *args);
int cli_info(const cli_args *args);
int cli_tune(const cli_args *args);
int cli_estimate(const cli_args *args);
int cli_optimize(const cli_args *args);
int cli_add(const cli_args *args);
int cli_verify(const cli_args *args);
int cli_upsert(const cli_args *args);
int cli_delete(const cli_args *args);
int cli_list_indexes(const cli_args *args);
int cli_drop(const cli_args *args);
int cli_version(const cli_args *args);
int cli_help(const cli_args *args);
int cli_man(const cli_args *args);
int cli_completion(const cli_args *args);

/* What could follow, or complete the last of these words, which come after "vrec"; one a line. It is asked
 * by the shells' scripts and by nobody else, so it is no command of the table. */
int cli_complete(char **words);

/* Prints how a command is used. */
void cli_print_help(const cli_command *command);

/* "vrec query BACKEND INDEX QUERIES [FLAG ...]" */
void cli_usage(const cli_command *command, char out[CLI_USAGE_TEXT]);

#endif
