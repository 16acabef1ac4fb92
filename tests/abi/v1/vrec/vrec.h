/* vrec: vector retrieval in C.
 *
 * Embeddings in, nearest items out. The sections of this header follow the data:
 *
 *     matrix -> builder -> indexer -> query -> results
 *
 * Every call that can fail returns a vrec_status and, if the caller passes a vrec_error, one sentence
 * that says what was being done, to what, and why it failed. After a failure outputs are NULL (results:
 * padding) and inputs are untouched. Nothing prints, aborts or exits.
 *
 * Structs that the caller fills start with struct_size = sizeof(the struct), so that they can grow: new
 * fields come at the end, and zero means their default. A smaller struct, of a program that was compiled
 * with an older header, is taken, and the rest is default. A larger one is taken if the bytes that this
 * version doesn't know are zero; else it asks for something that this version can't do, and is refused.
 * Structs that the library hands out grow at the end, too, and are only read through pointers.
 *
 * Once loaded, the library must not be unloaded while the process runs (it asks the system not to): its
 * threads sleep between calls and live as long as the process.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VREC_VREC_H
#define VREC_VREC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* VREC_STATIC: defined by a program that links the static library. VREC_BUILDING: by the library itself. */
#if defined(VREC_STATIC)
#define VREC_API
#elif defined(_WIN32) && defined(VREC_BUILDING)
#define VREC_API __declspec(dllexport)
#elif defined(_WIN32)
#define VREC_API __declspec(dllimport)
#elif defined(__GNUC__)
#define VREC_API __attribute__((visibility("default")))
#else
#define VREC_API
#endif

/* ---- Errors ------------------------------------------------------------------------------------- */

/* What became of a call. New codes may come: treat those that you don't know as failures. */
typedef int32_t vrec_status;
enum {
    VREC_OK = 0,
    VREC_INVALID = 1,     /* an argument, option or input value that can't be used */
    VREC_UNSUPPORTED = 2, /* a valid wish that this backend or version can't fulfil */
    VREC_NO_MEMORY = 3,   /* an allocation failed */
    VREC_IO = 4,          /* the operating system refused: missing file, no space, no permission... */
    VREC_CORRUPT = 5,     /* a file or reply that contradicts itself or isn't what it should be */
    VREC_CANCELLED = 6,   /* the progress callback asked to stop */
    VREC_UNAVAILABLE = 7, /* a server can't be reached, or failed */
    VREC_TIMEOUT = 8      /* a server didn't answer in time */
};

/* Owned by the caller, filled by the library, on failure only. Needn't be initialised. Always 512 bytes. */
typedef struct vrec_error {
    int32_t status;       /* a vrec_status */
    int32_t system_error; /* what the operating system called it: ENOENT...; 0 if it wasn't asked */
    int64_t row;          /* of the caller's matrix or list, the first that is to blame; else -1 */
    int64_t offset;       /* the byte of a file where it stands; else -1 */
    int64_t done;         /* rows or ids that a failed upsert, delete or build on a server has surely dealt
                             with, counted from the first; else -1 */
    char subject[32];     /* which argument or option is to blame: "items", "top_k", "efSearch"; else "" */
    char message[448];    /* one sentence, UTF-8, no newline */
} vrec_error;

/* "invalid argument", "out of memory"... Static text, for any value. */
VREC_API const char *vrec_status_text(vrec_status status);

/* ---- Library ------------------------------------------------------------------------------------ */

#define VREC_VERSION_MAJOR 0
#define VREC_VERSION_MINOR 1
#define VREC_VERSION_PATCH 0

/* The version of the library that is running, "0.1.0". Static text. */
VREC_API const char *vrec_version(void);

/* VREC_ABI counts what this header offers: it rises with every function, field and code that is added. A
 * program whose header has a larger number than vrec_abi(), that of the library that is running, may miss
 * something there; it compares the two when it starts. What would break programs changes the library's
 * soname instead. */
#define VREC_ABI 1
VREC_API int32_t vrec_abi(void);

/* The instruction set in use: "scalar", "avx2", "avx512", "amx" or "neon". Chosen once, on first use: the
 * best that the machine has, or a lower one named by the environment variable VREC_CPU. Static text.
 * "amx" needs leave of Linux, which the process can't give back: from then on sigaltstack() fails (ENOMEM)
 * for stacks below some 12 KiB. Where a thread has such a stack already, "avx512" is chosen. */
VREC_API const char *vrec_cpu(void);

/* How many threads a call uses when it asks for 0: -1 all cores, or 1 and up. Until it is set: what the
 * environment variable VREC_THREADS says, else -1.
 * Process-wide, one atomic: takes effect on the next call. VREC_INVALID for any other value.
 * Threads are started on first use, sleep between calls, and are started anew in a forked child. */
VREC_API vrec_status vrec_set_default_threads(int32_t threads, vrec_error *err);
VREC_API int32_t vrec_default_threads(void);

/* ---- Matrix ------------------------------------------------------------------------------------- */

typedef int32_t vrec_type;
enum {
    VREC_F32 = 0, /* the default */
    VREC_F16 = 1,
    VREC_F64 = 2,
    VREC_I8 = 3,
    VREC_U8 = 4,
    VREC_I32 = 5,
    VREC_I64 = 6
};

/* A borrowed view of rows x dim values: embeddings, one row each. Any strides, any alignment. The
 * library reads it during the call and keeps no pointer to it. Values are converted to float32. */
typedef struct vrec_matrix {
    size_t struct_size;
    const void *data;
    size_t rows;
    size_t dim;
    ptrdiff_t row_stride; /* bytes from a row to the next; 0: rows are packed */
    ptrdiff_t col_stride; /* bytes from a value to the next in a row; 0: values are packed */
    vrec_type type;
    int32_t reserved; /* 0 */
} vrec_matrix;

/* The view of a packed row-major float32 array. */
static inline vrec_matrix vrec_matrix_f32(const float *data, size_t rows, size_t dim)
{
    vrec_matrix matrix;
    matrix.struct_size = sizeof matrix;
    matrix.data = data;
    matrix.rows = rows;
    matrix.dim = dim;
    matrix.row_stride = 0;
    matrix.col_stride = 0;
    matrix.type = VREC_F32;
    matrix.reserved = 0;
    return matrix;
}

/* ---- Progress ----------------------------------------------------------------------------------- */

/* How far a call is. Texts are static. */
typedef struct vrec_progress_report {
    size_t struct_size;
    const char *phase;    /* what is being done: "copying", "searching", "saving", "connecting to
                             HOST:PORT"...;    the text is there during the call of report() */
    const char *unit;     /* of done and total: "rows", "queries", "pairs" (of a query and a row), "users",
                             "lists", "trees", "ids", "bytes", "percent", "steps", "settings" */
    uint64_t done, total; /* total 0: nobody knows how long it takes */
} vrec_progress_report;

/* Long calls report here every now and then. report() returns 0 to go on; anything else stops the call soon
 * after, which then returns VREC_CANCELLED and leaves nothing half done behind.
 * It is called on the thread that made the call, and never after the call has returned; what it was given
 * lives until it returns. It may call the library, also with the same indexer: query, save, info and all
 * that makes something new. It must not free or change what the call under way uses (vrec_indexer_free,
 * vrec_add, vrec_optimize, vrec_upsert, vrec_delete, vrec_builder_set, vrec_builder_free; the arrays), and
 * must come back by returning: an exception or a longjmp() through the library leaves its memory and its
 * threads behind.
 */
typedef struct vrec_progress {
    size_t struct_size;
    int (*report)(void *context, const vrec_progress_report *report);
    void *context;
} vrec_progress;

/* ---- Builder ------------------------------------------------------------------------------------ */

/* What one backend can be told. All text is static. */
typedef struct vrec_option {
    const char *key;
    const char *aliases;       /* other names, comma-separated; "" if none */
    const char *type;          /* "int", "uint" (64 bits), "float", "choice", "text", "secret" */
    const char *default_value; /* as an option string would say it; "none" if unset */
    const char *range;         /* "1..16384", or the choices: "L2, IP" */
    const char
        *stage; /* where it counts, comma-separated: "build", "open", "query" (one query may override it) */
    const char *help;  /* one line */
    const char *kinds; /* of index that it is for: "HNSW, IVF"; "" if for all of its backend's */
} vrec_option;

/* Name and one line about backend number i of this library, and its options; NULL past the last. */
VREC_API const char *vrec_backend_name(size_t i);
VREC_API const char *vrec_backend_summary(size_t i);
VREC_API const vrec_option *vrec_backend_option(const char *backend, size_t i);

/* The one of some words, the last of which is NULL, that another was probably meant to be: a slip or two
 * away. NULL if none is, as a wrong guess misleads. For messages; the library's own ask it, too. */
VREC_API const char *vrec_nearest_word(const char *word, const char *const *words);

/* What can be done with a backend where it is available, as a sum of these; 0 if there is none of that
 * name. */
enum {
    VREC_CAN_BUILD = 1,      /* vrec_from_embeddings() */
    VREC_CAN_SAVE = 2,       /* vrec_save() */
    VREC_CAN_OPEN = 4,       /* vrec_from_index_file(), vrec_verify(): its indexes are files */
    VREC_CAN_ATTACH = 8,     /* vrec_attach(), vrec_list(), vrec_drop(): its indexes are on a server */
    VREC_CAN_CHANGE = 16,    /* vrec_upsert(), vrec_delete() */
    VREC_CAN_AVAILABLE = 32, /* it is built in, and what it needs at run time is there */
    VREC_CAN_ADD = 64,       /* vrec_add(), at least to some kinds of index */
    VREC_CAN_OPTIMIZE = 128  /* vrec_optimize(), at least some kinds of index */
};
VREC_API uint32_t vrec_backend_can(const char *backend);

/* The configuration of one backend: validated options. One builder may make any number of indexers;
 * it may be shared between threads as long as none of them sets an option. */
typedef struct vrec_builder vrec_builder;

/* Makes a builder. backend: "annoy", "faiss" or "milvus". options: "key=value,key=value" or NULL; a value
 * that contains a comma, an equals sign or quotes stands in double quotes, in which a quote is doubled;
 * values other than texts are case-insensitive; "none" means unset. A secret, which no message repeats, is
 * given as itself, as "env:NAME" (an environment variable) or as "file:PATH" (the first line of a file). An
 * unknown backend or key is an error that names the nearest valid one. *out is the caller's, to free with
 * vrec_builder_free(). Errors: VREC_INVALID, VREC_UNSUPPORTED (no such backend, or not built in),
 * VREC_NO_MEMORY. */
VREC_API vrec_status vrec_builder_factory(const char *backend, const char *options, vrec_builder **out,
                                          vrec_error *err);

/* Sets one option, over what was set before. A failed call changes nothing. Errors: VREC_INVALID; for a
 * secret from a file also VREC_IO. */
VREC_API vrec_status vrec_builder_set(vrec_builder *builder, const char *key, const char *value,
                                      vrec_error *err);

VREC_API void vrec_builder_free(vrec_builder *builder); /* NULL is fine */

/* What is to be built: so many items of so many values. */
typedef struct vrec_plan {
    size_t struct_size;
    size_t rows; /* 0: those of items */
    size_t dim;  /* likewise */

    /* The items (n x dim), or some that are like them: the trial is made with these. NULL: with some that
     * are drawn at random, around each other and of different lengths, as embeddings are. */
    const vrec_matrix *items;
    int32_t own_ids;               /* 1: they have ids of their own */
    int32_t reserved;              /* 0 */
    const vrec_progress *progress; /* or NULL */
} vrec_plan;

/* What it is going to take, in bytes: within 15 % of what it then takes, if near items of a forest lie no
 * stranger than in the trial. */
typedef struct vrec_forecast {
    size_t struct_size;   /* set it to sizeof(vrec_forecast); all else is filled by the call */
    uint64_t file_bytes;  /* of the file, without FILE.ids; faiss: to the byte */
    uint64_t index_bytes; /* of memory that the index has: with codes that are made when it is made */
    uint64_t codes_bytes; /* and what queries add to it, once that pays (option "codes") */
    uint64_t peak_bytes;  /* at the most while it is built; the caller's items don't count */
    double seconds;       /* of the build, as fast as this machine is now: within a factor of 1.5 */
    uint64_t trial_rows;  /* items of the largest trial that this follows from */

    /* What an index takes that is opened from its file, as the option "load" says: memory that it has for
     * itself, and what it uses of the file where that stands, mapped, which processes share and the system
     * takes back where memory is short; 0 if the file is read. Queries add codes_bytes. */
    uint64_t opened_bytes;
    uint64_t mapped_bytes;
} vrec_forecast;

/* Says what an index would take, before it is built: sizes by what is known of its kind, seconds by
 * building some small ones with the builder's options, for a second at most, in 64 MiB. Names aren't
 * counted, nor is what a sample of queries takes, nor tuning. Inner products (faiss HNSW) without items are
 * thought to be of items whose lengths differ, for which a build takes more. Errors: VREC_INVALID (also:
 * options of no index), VREC_UNSUPPORTED (on a server), VREC_NO_MEMORY, VREC_CANCELLED. */
VREC_API vrec_status vrec_estimate(const vrec_builder *builder, const vrec_plan *plan,
                                   vrec_forecast *forecast, vrec_error *err);

/* ---- Indexer ------------------------------------------------------------------------------------ */

/* An index that answers queries. Queries never change it: any number of threads may query, save and
 * inspect one indexer at the same time. Free it when no call is under way. */
typedef struct vrec_indexer vrec_indexer;

/* What a build, or an addition, may be told besides its items. */
typedef struct vrec_build {
    size_t struct_size;

    /* The items' ids, one for each row, in any order, each at most once; -1 is no id. From then on the
     * index knows its items by them: in results and exclusions. faiss saves them in an IDMap around Flat
     * and HNSW, and in the lists of an IVF; annoy, in FILE.ids beside FILE; milvus has them as the primary
     * key. NULL: row i becomes item id i. */
    const int64_t *ids;

    /* Examples (m x d) of the queries that are to come, such as users, from which a graph (faiss HNSW)
     * learns which items belong together, and on which a build with target_recall tunes; or NULL. Some
     * thousands are enough; of more than 32768 as many are used, evenly spread. A NaN or Inf in those (with
     * target_recall: in any) is refused; rows of zeros tell nothing of inner products and are left out.
     * Cost: each is compared with every item, and while the index is built 320 bytes for each, and for each
     * item d + 16 bytes, rounded up to 64, 4 m + 21 (of m at most 128), and 8 for each thread. Without
     * target_recall, others can't use a sample. */
    const vrec_matrix *queries;

    const vrec_progress *progress; /* or NULL */

    /* The items' names, in place of ids: names_size bytes of UTF-8, a line for each row that ends with a
     * newline (the last one's may be missing), none empty or there twice. Queries know the rows as ids;
     * vrec_name() and vrec_find() lead from one to the other. Saved in FILE.ids beside FILE. milvus takes
     * none. NULL: items have no names. */
    const char *names;
    size_t names_size;
} vrec_build;

/* Builds an index over items (n x d, any vrec_type); row i becomes item id i, unless build says otherwise.
 * The values are copied once, as float32. Zero rows, zero dim, NaN and Inf are refused (the message names
 * row and column). build may be NULL. *out is the caller's, to free with vrec_indexer_free().
 * Cost for faiss Flat: one pass over the items, 4 * n * d bytes. annoy: the items, and n_trees trees of
 * about n * log2(n / d) * d steps each; while it builds, the items twice and the trees.
 *
 * faiss with index_type=auto and target_recall: builds Flat, IVF or HNSW, whichever answers fastest here
 * with that recall of 10 results (option "asked": in batches, or one by one; "memory": within so many MB),
 * and tunes it: to build's queries, or to items of its own. The facts "chosen", an option string that
 * repeats it, and "because" say what and why. Times decide, so the same seed may give another file another
 * time. Cost: exact search of all items, tried for some tenths of a second (of 64 million values, if they
 * have more), and lists and a graph of 2500 items, tuned; where two kinds come near each other, those once
 * more of a 32nd of the items, at most 20000. That is up to a seventh of the build of 100 000 items, and
 * half of that of 10 000. Then the build, and a tuning.
 *
 * Another kind with target_recall is tuned, too, when it is built, to that recall of 10 results: on
 * build's queries, a graph on half of them, 1000 at most, which it then doesn't learn from, or on items of
 * its own, as vrec_tune() does. Its queries go by the setting that was found, unless they name another. The
 * fact "tuned" says which, and the recall that was measured; a saved file of faiss holds that of
 * vrec_tuning.file_options. But for it, the index is what it would be without target_recall. The cost is
 * that of vrec_tune(). Where the recall is out of reach, the index has the setting with the most, and a
 * fact "shortfall"; auto builds the next kind, at last Flat, if memory allows, also where its choice takes
 * three times as long as another would. A setting that the builder names beside target_recall is an error.
 *
 * milvus: makes a collection on the server, named by the option "collection" (one that exists is refused)
 * or after option "name" (dropped when the indexer is freed). Takes batch_bytes of memory per connection.
 * After a failure a collection with a made-up name is dropped, a named one is kept, and the message says
 * which rows are in.
 *
 * Errors: VREC_INVALID, VREC_UNSUPPORTED (more rows than the backend counts; ids or queries where this
 * backend or version can't use them), VREC_NO_MEMORY, VREC_CANCELLED; milvus: also VREC_UNAVAILABLE,
 * VREC_TIMEOUT, VREC_CORRUPT (a reply that contradicts itself). */
VREC_API vrec_status vrec_from_embeddings(const vrec_builder *builder, const vrec_matrix *items,
                                          const vrec_build *build, vrec_indexer **out, vrec_error *err);

/* Opens a saved index: the backend library's own format (faiss: what write_index wrote). Options that
 * were set on the builder and contradict the file are an error; those not set come from the file.
 * The file is checked before memory is taken or a pointer followed. If there is a table of ids or names
 * beside it, FILE.ids, it is opened, too; one that belongs to another file is VREC_CORRUPT.
 * faiss: it is read, and not needed after the call; with load=map, vectors and links are used where they
 * stand in the mapped file, for the same answers. annoy: it is mapped (unless load=read), in microseconds;
 * it doesn't say its d and metric, which the builder must; every node is checked again when a query visits
 * it. A mapped file must not be cut short or changed while the indexer lives, else a query may
 * end in SIGBUS; replacing it by rename, as vrec_save() does, is safe. Options of a build (n_trees, seed,
 * stream) mean nothing here. Errors: VREC_IO, VREC_CORRUPT (the message says where), VREC_UNSUPPORTED (a
 * kind of index that this version doesn't read), VREC_INVALID (contradiction), VREC_NO_MEMORY,
 * VREC_CANCELLED. */
VREC_API vrec_status vrec_from_index_file(const vrec_builder *builder, const char *path,
                                          const vrec_progress *progress, vrec_indexer **out,
                                          vrec_error *err);

/* Opens an index where it is, on a server: the one that the builder's options name (milvus: "collection").
 * Options that were set on the builder and contradict it are an error. It is loaded if it isn't yet, and
 * never dropped. Its rows are counted now; others may change them at any time.
 * Errors: VREC_UNSUPPORTED (a backend that keeps its indexes in files; a collection without an index, or
 * whose ids aren't int64), VREC_INVALID (no such collection, contradiction), VREC_UNAVAILABLE,
 * VREC_TIMEOUT, VREC_CORRUPT, VREC_NO_MEMORY, VREC_CANCELLED. */
VREC_API vrec_status vrec_attach(const vrec_builder *builder, const vrec_progress *progress,
                                 vrec_indexer **out, vrec_error *err);

/* Names every index on the server that the builder's options name, in alphabetical order, by calls of
 * name() on the calling thread: also those that killed processes have left (milvus:
 * "rechub_PROCESS_RANDOM", or what option "name" begins them with). The text is there during the call.
 * Errors: as vrec_attach(). */
VREC_API vrec_status vrec_list(const vrec_builder *builder, void (*name)(void *context, const char *name),
                               void *context, const vrec_progress *progress, vrec_error *err);

/* Deletes the index that the builder's options name from its server, with all items. There is no way back.
 * Errors: as vrec_attach(). */
VREC_API vrec_status vrec_drop(const vrec_builder *builder, const vrec_progress *progress, vrec_error *err);

/* Checks all of a saved index, also what vrec_from_index_file() leaves for later because a mapped file
 * is opened without being read; and that FILE.ids, if it is there, belongs to all of it. Errors: as there.
 * Cost: reads the whole file. */
VREC_API vrec_status vrec_verify(const vrec_builder *builder, const char *path,
                                 const vrec_progress *progress, vrec_error *err);

/* Writes the index in the backend library's own format, byte for byte what that library writes. Atomic
 * and durable: a temporary file beside it is written, synced and renamed, so that after a crash or a
 * full disk path is either the old file or the new one. A symbolic link is followed, not replaced.
 * Names, and ids that the format has no room for, go to PATH.ids, in a way that a crash doesn't part them
 * from the index; a PATH.ids of the index before is taken away.
 * Errors: VREC_IO, VREC_NO_MEMORY, VREC_CANCELLED. */
VREC_API vrec_status vrec_save(const vrec_indexer *indexer, const char *path, const vrec_progress *progress,
                               vrec_error *err);

/* Adds items (m x d, any vrec_type, d as the index's; m may be 0) behind those that an index has. build,
 * which may be NULL, gives them ids or names, and takes progress. Without, they get the next rows for ids.
 * Where items have ids of their own, or names, the new ones need theirs, none of which the index has
 * already. A call under way (a query, a save) goes on with the items that there were when it began; calls
 * that begin after this one has returned see all. None of them waits or fails because of it; other calls
 * that change the indexer wait for their turn. After a failure the index is as it was. A bitmap of allowed
 * rows from before allows none of the new items; in an IVF whose items have ids of their own rows are in
 * the order of ids, and it has to be made anew. A child that is forked meanwhile may query the indexer, not
 * change it.
 *
 * Flat and IVF are then what FAISS makes of them, byte for byte; an IVF isn't trained anew, so build it
 * anew when it has become several times as large. In an HNSW, new items are linked among each other and
 * with those there are, by the options that it was built with, as its file says them, so that it finds as
 * much as one that was built at once, and every item can be reached, also in a graph that FAISS built; what
 * a sample of queries told it (vrec_build) is told of the old items alone. A tuning ends with it: see
 * vrec_optimize().
 *
 * Cost: the index is copied, and takes its memory twice while that lasts, so add many items at a time;
 * codes that queries had made are made again by later ones. IVF: each new item is compared with every
 * centroid. HNSW: as much time for each new item as a build, a pass over all items, and the memory of a
 * build. Errors: VREC_UNSUPPORTED (annoy and milvus, an IVF that isn't trained; the message says what to do
 * instead; also: a sample of queries; too many rows), VREC_INVALID, VREC_NO_MEMORY, VREC_CANCELLED. */
VREC_API vrec_status vrec_add(vrec_indexer *indexer, const vrec_matrix *items, const vrec_build *build,
                              vrec_error *err);

/* Makes searches of a graph (faiss HNSW) faster, and finds more, where FAISS or an earlier build made it:
 * its links are made anew, as a build with the same m and efConstruction makes them, so that all items can
 * be reached. Items, ids, names, levels, m and efSearch stay. What it is saved to has the size that it had,
 * and FAISS is faster with it, too; the same index becomes the same file for any number of threads
 * (the indexer's option "threads") and on every processor. queries: as those of vrec_build, or NULL; with
 * the metric IP users help most. A call under way goes on with the old graph, and none waits or fails;
 * other calls that change the indexer wait for their turn. After a failure it is as it was. As after
 * vrec_add(), what vrec_tune() measured before doesn't count for target_recall any more, and the facts
 * "tuned", "chosen" and "because" are gone; a setting that the index has stays.
 *
 * Cost: a build's time and memory (for each item of 100 values, m=16, some 100 CPU microseconds and 1 kB
 * with efConstruction 40; 200 and 1.5 kB with 200), and the index twice while that lasts; codes that
 * queries had made are made again.
 * Errors: VREC_UNSUPPORTED (another kind of index, with why there is nothing to gain; items with a NaN or
 * Inf, or of more than 8192 values), VREC_INVALID, VREC_NO_MEMORY, VREC_CANCELLED. */
VREC_API vrec_status vrec_optimize(vrec_indexer *indexer, const vrec_matrix *queries,
                                   const vrec_progress *progress, vrec_error *err);

/* Adds items under ids of the caller's (as many as there are rows, each at most once), in place of those
 * that had the same ids. Queries of this indexer that start afterwards see them. Queries may run at the
 * same time; other calls that change the indexer wait. vrec_rows() stays as it was.
 * Errors: VREC_UNSUPPORTED (a backend, or a collection, that can't), VREC_INVALID, VREC_UNAVAILABLE,
 * VREC_TIMEOUT, VREC_CORRUPT, VREC_NO_MEMORY, VREC_CANCELLED; the message says which rows are in. */
VREC_API vrec_status vrec_upsert(vrec_indexer *indexer, const int64_t *ids, const vrec_matrix *items,
                                 const vrec_progress *progress, vrec_error *err);

/* Takes the items with these ids out; an id that isn't there is no error. Else as vrec_upsert(). */
VREC_API vrec_status vrec_delete(vrec_indexer *indexer, const int64_t *ids, size_t count,
                                 const vrec_progress *progress, vrec_error *err);

VREC_API size_t vrec_rows(const vrec_indexer *indexer); /* items; 0 for NULL */
VREC_API size_t vrec_dim(const vrec_indexer *indexer);  /* values per item; 0 for NULL */

/* 1 if a larger distance is nearer (inner product), 0 if a smaller one is (L2). */
VREC_API int vrec_larger_is_nearer(const vrec_indexer *indexer);

/* One thing that there is to know about an indexer. */
enum {
    VREC_FACT_TEXT = 0,
    VREC_FACT_INTEGER = 1,
    VREC_FACT_REAL = 2,
    VREC_FACT_TRUTH = 3 /* integer is 1 or 0, text "yes" or "no" */
};
typedef struct vrec_fact {
    const char *key;  /* "metric", "rows"; static */
    const char *text; /* what a person reads, whatever the type: "L2", "1000000" */
    int64_t integer;  /* of an integer or a truth */
    double real;      /* of a real */
    int32_t type;
    int32_t reserved;
} vrec_fact;

/* Fact number i, which lives with the indexer; NULL past the last. There may be several of key "note": they
 * tell what is odd but readable. Those that take time to find out come last, and are found out, once, when
 * one of them is asked for: faiss HNSW, of level 0 of its graph, "degree_min", "degree_mean", "degree_max"
 * (links of an item), "reach_entry" and "reach_upper" (the share of items that links lead to from the entry
 * point, or from any item of a higher level). Cost: every link once, .2 s for a million items of 32. */
VREC_API const vrec_fact *vrec_info(const vrec_indexer *indexer, size_t i);

/* The ids of count rows, from row first on; -1 for a row that is no item (annoy: an id that nobody added;
 * faiss: a row whose id in the file is -1). Errors: VREC_INVALID, VREC_UNSUPPORTED (milvus: ask the
 * server). */
VREC_API vrec_status vrec_ids(const vrec_indexer *indexer, size_t first, size_t count, int64_t *ids,
                              vrec_error *err);

/* The name of the item with that id; NULL if no item has it, or items have no names. It lives with the
 * indexer. */
VREC_API const char *vrec_name(const vrec_indexer *indexer, int64_t id);

/* The id of the item with that name; -1 if no item has it, or items have no names. */
VREC_API int64_t vrec_find(const vrec_indexer *indexer, const char *name);

/* Copies the vectors of items, by their ids: vectors is count x vrec_dim() float32, packed, one row for
 * each of ids, which may come in any order, also twice. Of an id that several rows have it is the first's.
 * Cost: the copy; where items have ids of their own also one pass over all of them, for IVF another.
 * Errors: VREC_INVALID (row says which of ids no item has; vectors then holds nothing), VREC_UNSUPPORTED
 * (milvus: ask the server), VREC_NO_MEMORY. */
VREC_API vrec_status vrec_vectors(const vrec_indexer *indexer, const int64_t *ids, size_t count,
                                  float *vectors, vrec_error *err);

/* NULL is fine. A collection that from_embeddings gave a made-up name is dropped from its server, which
 * takes 5 seconds at the most, and isn't if the server is gone, or by a forked child. */
VREC_API void vrec_indexer_free(vrec_indexer *indexer);

/* ---- Query and results -------------------------------------------------------------------------- */

#define VREC_MAX_TOP_K 16384

/* How what a user's interests find becomes one answer. */
typedef int32_t vrec_merge;
enum {
    VREC_MERGE_BEST = 0,       /* by the distance to the nearest interest */
    VREC_MERGE_SUM = 1,        /* by the sum of the distances to all valid interests, which is reported */
    VREC_MERGE_ROUND_ROBIN = 2 /* each interest's next item in turn, with the distance to it */
};

/* How a call is answered, and who may be in its answers. */
typedef struct vrec_query_options {
    size_t struct_size;
    int32_t threads;  /* 0: the process default, -1: all cores, n: n. The answer never depends on it */
    vrec_merge merge; /* of interests */

    /* Options whose stage is "query", for this call only: "searchk=5000"; or NULL. */
    const char *overrides;

    const vrec_progress *progress; /* or NULL */

    /* Items that a query must not get (already seen, out of stock), by id: exclude_count ids. As CSR, query
     * i excludes exclude_ids[exclude_offsets[i]] up to before exclude_ids[exclude_offsets[i + 1]];
     * exclude_offsets has one more element than there are queries, starts with 0 and ends with
     * exclude_count. With exclude_offsets NULL, every query excludes all of exclude_ids. The ids of a query
     * ascend. An id that no item has excludes nobody. */
    const int64_t *exclude_offsets;
    const int64_t *exclude_ids;
    size_t exclude_count;

    /* Items that a query may get, by row of the index: the row that they had in the build's items (in an
     * IVF whose items have ids of their own: their place in the order of ids). A query may get row r if bit
     * r % 8 of byte r / 8 of its bitmap is set. Query i's bitmap begins at byte i * allow_stride of allow;
     * with allow_stride 0 there is one bitmap for all queries. A bitmap has allow_rows bits, at most as
     * many as the index has rows; rows beyond aren't allowed. NULL: every item is allowed. */
    const uint8_t *allow;
    size_t allow_rows;
    size_t allow_stride;

    /* Several vectors per user, as MIND and ComiRec make them: so many rows of queries are one user's, row
     * u * interests + i being interest i of user u; results, exclusions and bitmaps are then of users. 0:
     * each row is a user. interest_counts: how many interests of each user are valid, the first ones; NULL:
     * all. Every valid interest is searched to top_k, an item that several find is returned once, and the
     * answer has top_k again. Of items as near as each other the smaller id comes first. */
    size_t interests;
    const int64_t *interest_counts;

    /* Items that a query may get, and no others, by id: as exclusions, as CSR or, with allow_offsets NULL,
     * one list for all queries; not together with allow. An id that no item has allows nobody; an empty
     * list, nobody at all. Both NULL: every item is allowed. */
    const int64_t *allow_offsets;
    const int64_t *allow_ids;
    size_t allow_count;
} vrec_query_options;

/* Where the answers go: arrays of the caller's, for nq queries. */
typedef struct vrec_results {
    size_t struct_size;
    int64_t *ids;     /* nq x top_k, row-major; nearest first, ties by smaller row (annoy: as Annoy has it;
                         milvus: as the server has it) */
    float *distances; /* nq x top_k, beside the ids */
    int64_t *counts;  /* nq: how many slots of each row are filled; or NULL */
} vrec_results;

/* Finds the top_k nearest items for every row of queries (nq x d, d as the index's; nq may be 0; with
 * option interests, nq below is the number of users).
 * top_k is 1..VREC_MAX_TOP_K. options may be NULL.
 *
 * Unused slots hold id -1 and distance +INFINITY (-INFINITY where larger is nearer): where fewer items are
 * left, for a query with a NaN or Inf, and for items whose distance isn't finite. A failed call leaves only
 * unused slots, or doesn't touch the arrays if it can't tell their size.
 *
 * Distances, as the backend library reports them:
 *     faiss   L2         squared Euclidean distance
 *             IP         inner product, larger is nearer
 *     annoy   angular    sqrt(2 - 2 cos)
 *             euclidean  Euclidean distance
 *             dot        inner product, larger is nearer
 *     milvus  L2         squared Euclidean distance
 *             IP         inner product, larger is nearer
 *             COSINE     cosine, larger is nearer
 * They have the same bits at any batch size and thread count, but for a server's.
 *
 * Who may be returned. faiss Flat: the answer is that of an index without the other items. The approximate
 * kinds look further, until as many items that may be returned have been found as else of all (annoy:
 * searchk and k, HNSW: efSearch, IVF: k), or compare with all of them where they are few. Without
 * exclusions and allowance they may find fewer than there are; option "fill" ("fill=yes") has them compare
 * with all items then. milvus: exclusions and allowance by id. What all of several queries exclude, and
 * what may be returned, goes to the server as a filter; what one query excludes is asked for beyond top_k,
 * and dropped, as long as both together are at most VREC_MAX_TOP_K. A filter has at most 1 MiB: some 100
 * 000 ids; more are VREC_UNSUPPORTED.
 *
 * Cost. A call allocates only when it needs more scratch memory than any before it; the scratch stays with
 * the indexer for the next call (interests: some 64 MiB more, freed at the end). Once, a call also makes
 * the 8-bit codes that later ones are faster with (option "codes"): faiss Flat after some 32 queries, IVF
 * after as many for each list; annoy after some 2 candidates per item, if a query looks at more than four
 * for every result. All exclude_ids and allow_ids are read once, to see that they ascend; allow_ids become
 * bitmaps, of some users at a time (64 MiB). milvus: queries whose filters differ are asked one by one.
 *
 * Errors: VREC_INVALID, VREC_NO_MEMORY, VREC_CANCELLED; annoy: also VREC_CORRUPT (a damaged node, of a file
 * that was checked by sample when it was opened); milvus: also VREC_UNAVAILABLE, VREC_TIMEOUT,
 * VREC_UNSUPPORTED, VREC_CORRUPT. */
VREC_API vrec_status vrec_query(const vrec_indexer *indexer, const vrec_matrix *queries, size_t top_k,
                                const vrec_query_options *options, const vrec_results *results,
                                vrec_error *err);

/* ---- Tuning ------------------------------------------------------------------------------------- */

#define VREC_TUNING_STEPS   48
#define VREC_TUNING_QUERIES 100000

/* What an approximate index is to reach. */
typedef struct vrec_tuning_options {
    size_t struct_size;
    double recall; /* share of the truly nearest that a query is to find, on average: above 0, below 1 */
    size_t top_k;  /* of so many nearest; 0: 10 */

    /* Examples (m x d, m up to VREC_TUNING_QUERIES; 1000 are enough) of the queries that are to come. NULL:
     * up to 1000 of the items, each as if the index didn't have it. Queries that are distributed otherwise,
     * such as users, mostly find less: give some if you have any. A graph on a server can't leave the item
     * out, and finds more for it than for strangers. */
    const vrec_matrix *queries;

    int32_t
        threads; /* for the exact answers and for what is timed; 0: the process default, -1: all cores */
    int32_t reserved;              /* 0 */
    const vrec_progress *progress; /* or NULL */

    /* Of an index on a server, which has them and doesn't give them back: all its items (n x d), and their
     * ids; NULL: row i is item i. NULL for an index that is here. */
    const vrec_matrix *items;
    const int64_t *item_ids;
} vrec_tuning_options;

/* One setting that was tried. */
typedef struct vrec_tuning_step {
    char options[32]; /* "efSearch=57": for a builder, and for vrec_query_options.overrides */
    double recall;    /* mean over the queries; of items as near as the k-th any will do */
    double error;     /* standard error of that mean */
    double queries_per_second;
    double distances; /* computed for a query, on average: what it costs on any machine; on a server, 0 */
} vrec_tuning_step;

typedef struct vrec_tuning {
    size_t struct_size;    /* set it to sizeof(vrec_tuning); all else is filled by the call */
    char options[32];      /* the cheapest setting whose recall, less its error, is as wanted */
    char file_options[32]; /* the efSearch or nprobe with which FAISS itself reaches it: for a saved index;
                              annoy: options */
    double recall, error, queries_per_second, distances; /* of options */
    double exact_queries_per_second;                     /* of comparing with every item */

    /* Share of the pairs of a query and an item in which the query's nearest item is farther than the
     * item's nearest other one (IP: has the smaller product per length): .5 where queries are distributed
     * as items are, or are items. Below .3 and above .7 they are of another kind, and tuning on items would
     * mislead.
     */
    double farther;

    int64_t queries;  /* how many were asked */
    int32_t of_items; /* 1 if they were items of the index */
    int32_t step_count;
    vrec_tuning_step steps[VREC_TUNING_STEPS]; /* all that was tried, in its order */
} vrec_tuning;

/* Finds the cheapest setting of an index that reaches a recall: efSearch or gamma of HNSW, whichever
 * computes fewer distances; nprobe or budget of IVF, which has to compute a quarter fewer, as it costs
 * something beside them; searchk of annoy; ef of HNSW and nprobe of IVF on a server (milvus), the least
 * that reaches it, by the items that the caller gives. What a server reports may be distances of codes, so
 * its answers are judged by their ids. The caller gives the setting to queries or to a builder; or gives
 * queries of the same top_k the option "target_recall", up to the recall that was asked for, which takes
 * what this call found, until items are added or the index is optimized (not: until those on a server
 * change, which others do, too): it is an error then, until the next tuning. Nothing else of the indexer
 * changes, and queries may run meanwhile. Settings are tried as on an index that was opened with none of
 * them. What is named depends on the index and the queries alone; how fast it is, on the machine. Cost: the
 * items once more in memory; all queries compared with all of them; some 20 settings, each tried on all
 * queries. Errors: VREC_INVALID (also: the recall is out of reach), VREC_UNSUPPORTED (exact already; on a
 * server), VREC_NO_MEMORY, VREC_CANCELLED.
 */
VREC_API vrec_status vrec_tune(const vrec_indexer *indexer, const vrec_tuning_options *options,
                               vrec_tuning *tuning, vrec_error *err);

/* ---- Evaluation --------------------------------------------------------------------------------- */

/* Under one name, libraries compute different numbers. A convention says whose are meant: "rechub" (the
 * default; Torch-RecHub's topk_metrics, which rounds them to four places), "recbole", "comirec" or
 * "recommenders". Name and one line about convention number i; NULL past the last. Static text. */
VREC_API const char *vrec_convention_name(size_t i);
VREC_API const char *vrec_convention_summary(size_t i);

/* Ranked lists, and what they are to be compared with. Nothing of it is changed or kept. */
typedef struct vrec_ranking {
    size_t struct_size;
    const int64_t *ids; /* users x width, row-major: a user's list, best first. -1 is no item: a miss */
    size_t users, width;

    /* What each user went on to take, as CSR in any order: user u's items are truth_ids[truth_offsets[u]]
     * up to before truth_ids[truth_offsets[u + 1]]; offsets ascend from 0 to truth_count, and have one more
     * element than there are users. Items that no list could hold count as not found; -1 is refused. */
    const int64_t *truth_offsets, *truth_ids;
    size_t truth_count;

    const int64_t *ks; /* metrics are of the first k ids: of k_count many k, each 1..width, in any order */
    size_t k_count;
    const char *convention; /* its name; NULL: "rechub" */

    /* For coverage, diversity and novelty, which want ids that are rows of a catalogue of so many items. */
    size_t items;
    const double *popularity;      /* of each item, its share of all interactions, 0..1: for novelty */
    const vrec_matrix *embeddings; /* items x any dim: for diversity */

    int32_t threads;  /* 0: the process default, -1: all cores, n: n. No number depends on it */
    int32_t reserved; /* 0 */
    const vrec_progress *progress; /* or NULL */
} vrec_ranking;

/* Where metrics go: arrays of the caller's, of k_count values each, for ks[0], ks[1]...; NULL: not wanted.
 * docs/metrics.md has the formulas, and what each convention makes of them. */
typedef struct vrec_metrics {
    size_t struct_size;
    double *ndcg, *mrr, *recall, *hit, *precision; /* want truth */
    double *coverage; /* share of the catalogue that is in at least one list; wants items */
    double
        *diversity;  /* cosine distance between the items of a list, on average; wants items, embeddings */
    double *novelty; /* -log2 of an item's popularity, on average; wants items, popularity */
} vrec_metrics;

/* Computes them, all in one pass. means: over the users, as the convention counts. per_user: the numbers
 * they are means of, k_count x users each (those for ks[0] first), for tests of significance; NULL: not
 * wanted. There a user who isn't counted has NaN, Hit is the number of hits where the convention adds those
 * up, and else 1 or 0, and coverage must be NULL, as it is nobody's own. Full double precision, added up in
 * the order of the users, whatever the threads.
 * Cost: about 2 ns for each id and each item of truth; diversity adds items * dim steps per list.
 * Errors: VREC_INVALID (the message names the first user or item that is wrong; also: no user has truth),
 * VREC_NO_MEMORY, VREC_CANCELLED. The arrays' values after a failure mean nothing. */
VREC_API vrec_status vrec_evaluate(const vrec_ranking *ranking, vrec_metrics *means, vrec_metrics *per_user,
                                   vrec_error *err);

/* What an index found for each user, and what an exact search of the same vectors found: ids as
 * vrec_query() gives them, -1 at the end of a row that is short. */
typedef struct vrec_comparison {
    size_t struct_size;
    const int64_t *found, *exact; /* users x width, users x exact_width, row-major */
    size_t users, width, exact_width;
    const int64_t *ks; /* k_count many, each 1 up to the smaller width */
    size_t k_count;

    /* With these, a found item also counts that isn't among the exact ones but as near as the last of them
     * (within what float32 rounds), in place of one that is no nearer. Ids are rows of items then. NULL:
     * ids alone count. */
    const vrec_matrix *queries, *items; /* users x dim, n x dim */
    const char *metric;                 /* as vrec_info() says it: "L2", "IP", "angular"... */

    int32_t threads;  /* 0: the process default, -1: all cores, n: n. No number depends on it */
    int32_t reserved; /* 0 */
    const vrec_progress *progress; /* or NULL */
} vrec_comparison;

/* The share of the k nearest that was found: recall, of each of the ks, the mean over users for whom there
 * is something to find (NaN without any); per_user: of every user, k_count x users, NaN for the others; or
 * NULL. What an index loses of what a model finds.
 * Errors: VREC_INVALID, VREC_NO_MEMORY, VREC_CANCELLED. */
VREC_API vrec_status vrec_compare(const vrec_comparison *comparison, double *recall, double *per_user,
                                  vrec_error *err);

/* ---- Data files --------------------------------------------------------------------------------- */

/* A file of vectors, mapped: .npy (versions 1 to 3; f2 f4 f8 i1 u1 i4 i8, C and Fortran order), .fvecs
 * .bvecs .ivecs, .fbin .u8bin .i8bin .ibin. The name's ending says which. Sizes are checked on opening.
 * A one-dimensional .npy of n values is n rows of dim 1. Rows of no values are refused; a .npy or .fbin
 * and its kin may have no rows. Opening .fvecs and its kin reads the file once: every row names its dim. */
typedef struct vrec_data vrec_data;

/* *out is the caller's, to close with vrec_data_close().
 * Errors: VREC_IO, VREC_CORRUPT (with the byte offset), VREC_UNSUPPORTED, VREC_INVALID (a NULL argument),
 * VREC_NO_MEMORY. */
VREC_API vrec_status vrec_data_open(const char *path, vrec_data **out, vrec_error *err);

/* The view of the file's values, with its strides written out; valid until vrec_data_close(). If somebody
 * cuts the file short while it is open, reading the view ends in SIGBUS, as with any mapped file. */
VREC_API const vrec_matrix *vrec_data_matrix(const vrec_data *data);

/* 1 if the file has one dimension: a .npy of n values, which the view shows as n rows of one. A list of ids
 * is such; vectors are not, and whoever wants vectors should ask. Else 0. */
VREC_API int vrec_data_is_list(const vrec_data *data);

VREC_API void vrec_data_close(vrec_data *data); /* NULL is fine */

/* Writes a matrix to .npy (any type), .fvecs .fbin (float32; float16, i8 and u8 are converted, float64 is
 * rounded), .ivecs .ibin (i32, i64, i8, u8 whose values fit int32), .bvecs .u8bin (u8) or .i8bin (i8), as
 * the name's ending says; atomic and durable like vrec_save(). Errors: VREC_INVALID (a value or type that
 * the format can't hold, a NULL argument), VREC_UNSUPPORTED (no such ending), VREC_IO, VREC_NO_MEMORY. */
VREC_API vrec_status vrec_data_save(const char *path, const vrec_matrix *matrix, vrec_error *err);

#ifdef __cplusplus
}
#endif

#endif
