/* The vrec command: what its files share. It stands on the public header alone.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VREC_CLI_H
#define VREC_CLI_H

#include "vrec/vrec.h"

#include <stdbool.h>
#include <time.h>

enum {
    CLI_FAILED = 1, /* exit code: it went wrong */
    CLI_USAGE = 2,  /* exit code: the command line makes no sense */
    CLI_TEXT = 64,  /* room for a word of the command line */
    CLI_USAGE_TEXT = 128,
    CLI_LIST_TEXT = 160, /* room for all commands, or all flags of one */
    CLI_OPERANDS_MAX = 3,
    CLI_OPTIONS_MAX = 32,
    CLI_TABLE_MAX = 64 /* options that a backend may have */
};

#define CLI_DEFAULT_BACKEND "faiss"      /* where a command says that it may be left out */
#define CLI_KIND_OPTION     "index_type" /* which kind of index, in every backend that has several */

/* ---- What can be said (commands.c): parser, help, man page and completion all read these tables ---- */

typedef enum cli_flag_id {
    CLI_OUTPUT,
    CLI_TOP_K,
    CLI_IDS,
    CLI_DISTANCES,
    CLI_EXCLUDE,
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
    unsigned flags;       /* bit i: it takes flag i */
    const char *stages; /* where options of a backend count in it, which are flags too: "open, query"; NULL
                         * if it takes no backend. Else that is the first operand */
    const char *details;
    const char *examples; /* one a line */
    int (*run)(const struct cli_args *args);
} cli_command;

extern const cli_command cli_commands[];
extern const size_t cli_command_count;

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
    const char *operands[CLI_OPERANDS_MAX];
    size_t operand_count; /* without the backend */
    bool given[CLI_FLAGS];
    const char *values[CLI_FLAGS][2];
    struct {
        char key[CLI_TEXT];
        const char *value;
    } options[CLI_OPTIONS_MAX]; /* flags that aren't the command's own but a backend's */
    size_t option_count;
} cli_args;

/* Parses the words after the command's name, up to a NULL. 0, or the exit code after an error. */
int cli_parse(const cli_command *command, char **words, cli_args *args);

/* The builder that backend and options ask for. 0, or the exit code after an error. */
int cli_make_builder(const cli_args *args, vrec_builder **out);

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

/* Whether an option counts in a command. */
bool cli_applies(const cli_command *command, const vrec_option *option);

/* The options of a backend in groups: those for the same kinds of index, at the same stages, stand
 * together, those for every kind before the rest. Returns how many there are. */
size_t cli_group_options(const char *backend, const vrec_option *out[CLI_TABLE_MAX]);
bool cli_same_group(const vrec_option *a, const vrec_option *b);

/* "To build or open an index", "To query HNSW" */
void cli_group_title(const vrec_option *option, char out[CLI_USAGE_TEXT]);

/* What is told about a word that means nothing where it stands: as a command, as a flag of one (backend:
 * NULL if it isn't known), as a backend. No guess is made here; the library makes those about its own
 * words. Each returns the exit code. */
int cli_fail_command(const char *word);
int cli_fail_flag(const cli_command *command, const char *backend, const char *word, const char *key);
int cli_fail_backend(const cli_args *args);

/* ---- Messages and standard output (messages.c) ---- */

/* Each prints one line on standard error and returns the exit code. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int cli_fail_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_fail_library(const vrec_error *err);
int cli_fail_stopped(void); /* by a signal */

/* Writes out what standard output still holds. 0, or the exit code after an error. */
int cli_flush(void);

/* ---- Files (files.c) ---- */

/* Refuses an output that is one of the inputs or certainly can't be written, before any work is done.
 * 0, or the exit code after an error. */
int cli_check_output(const cli_args *args, const char *output, const char *const *inputs, size_t count);

/* Whether two paths lead to the same file, or would once it exists. */
bool cli_same_file(const char *a, const char *b);

/* ---- Signals and progress (progress.c) ---- */

/* From here on, a signal that asks the command to end makes the work under way stop cleanly. */
void cli_catch_signals(void);

/* The signal that asked the command to end; 0 if none did. */
int cli_stop_signal(void);

/* The view on how far the library is: draws a bar where somebody can see it, and passes on signals. */
typedef struct cli_progress {
    vrec_progress report; /* for the library */
    bool wanted;          /* a bar may be drawn */
    bool drawn;           /* there is one on the screen */
    struct timespec started, last;
    size_t first, count, all; /* the part under way: from first on, count of all */
} cli_progress;

/* printing: results go to standard output meanwhile, which is progress enough on a terminal. */
void cli_progress_start(cli_progress *progress, const cli_args *args, bool printing);
void cli_progress_part(cli_progress *progress, size_t first, size_t count, size_t all);
void cli_progress_end(cli_progress *progress); /* takes the bar off the screen */
double cli_progress_seconds(const cli_progress *progress);

/* ---- Indexes on a server (server.c) ---- */

/* Whether the backend's indexes are on a server: its option "collection" names one, where others have the
 * operand INDEX, and there is no file to write. */
bool cli_is_remote(const char *backend);

/* Opens the index: the file at path, or what the options name on a server. 0, or the exit code after an
 * error. */
int cli_open_index(const cli_args *args, const char *path, cli_progress *progress, vrec_indexer **out);

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

/* ---- Results (results.c) and exclusions (exclude.c) of a query that runs in blocks ---- */

typedef struct cli_results {
    size_t top_k;
    size_t queries; /* in all */
    size_t block;   /* how many are searched at a time */
    bool keep;      /* hold the results of all queries, not of one block */
    int64_t *ids;
    float *distances;
    size_t *counts; /* of one block */
} cli_results;

/* 0, or the exit code after an error. cli_results_free() is due either way. */
int cli_results_create(cli_results *results, size_t queries, size_t top_k, bool keep);
void cli_results_free(cli_results *results);

/* Where the results of the block of queries that starts at first begin. */
size_t cli_results_at(const cli_results *results, size_t first);

void cli_print_text(const cli_results *results, size_t first, size_t count);
void cli_print_json(const cli_results *results, size_t first, size_t count);

/* Writes what was kept; NULL for a file that isn't wanted. 0, or the exit code after an error. */
int cli_results_save(const cli_results *results, const char *ids, const char *distances);

typedef struct cli_exclusions {
    cli_list all_offsets, all_ids; /* without files: nothing is excluded */
    int64_t *offsets, *ids;        /* of one block */
    size_t offsets_room, ids_room;
} cli_exclusions;

/* Opens the two files and checks all of them. 0, or the exit code after an error.
 * cli_exclusions_close() is due either way. */
int cli_exclusions_open(cli_exclusions *exclusions, const char *offsets, const char *ids, size_t queries);
void cli_exclusions_close(cli_exclusions *exclusions);

/* Sets what a block of queries excludes. 0, or the exit code after an error. */
int cli_exclusions_block(cli_exclusions *exclusions, size_t first, size_t count,
                         vrec_query_options *options);

/* ---- The commands ---- */

int cli_build(const cli_args *args);
int cli_query(const cli_args *args);
int cli_info(const cli_args *args);
int cli_verify(const cli_args *args);
int cli_upsert(const cli_args *args);
int cli_delete(const cli_args *args);
int cli_drop(const cli_args *args);
int cli_version(const cli_args *args);
int cli_help(const cli_args *args);
int cli_man(const cli_args *args);
int cli_completion(const cli_args *args);

/* Prints how a command is used. */
void cli_print_help(const cli_command *command);

/* "vrec query BACKEND INDEX QUERIES [FLAG ...]" */
void cli_usage(const cli_command *command, char out[CLI_USAGE_TEXT]);

#endif
