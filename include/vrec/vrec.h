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
 * Structs that the caller fills start with struct_size = sizeof(the struct), so that they can grow;
 * every other field may be left zero for its default.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VREC_VREC_H
#define VREC_VREC_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define VREC_API __attribute__((visibility("default")))
#else
#define VREC_API
#endif

/* ---- Errors ------------------------------------------------------------------------------------- */

typedef enum vrec_status {
    VREC_OK = 0,
    VREC_INVALID = 1,     /* an argument, option or input value that can't be used */
    VREC_UNSUPPORTED = 2, /* a valid wish that this backend or version can't fulfil */
    VREC_NO_MEMORY = 3,   /* an allocation failed */
    VREC_IO = 4,          /* the operating system refused: missing file, no space, no permission... */
    VREC_CORRUPT = 5,     /* a file or reply that contradicts itself or isn't what it should be */
    VREC_CANCELLED = 6,   /* the progress callback asked to stop */
    VREC_UNAVAILABLE = 7, /* a server can't be reached, or failed */
    VREC_TIMEOUT = 8      /* a server didn't answer in time */
} vrec_status;

/* Owned by the caller, filled by the library. Need not be initialised; set on failure only. */
typedef struct vrec_error {
    int32_t status;       /* a vrec_status */
    int32_t system_error; /* what the operating system called it: ENOENT...; 0 if it wasn't asked */
    char message[504];    /* one sentence, UTF-8, no newline */
} vrec_error;

/* "invalid argument", "out of memory"... Static text, for any value. */
VREC_API const char *vrec_status_text(int status);

/* ---- Library ------------------------------------------------------------------------------------ */

#define VREC_VERSION_MAJOR 0
#define VREC_VERSION_MINOR 1
#define VREC_VERSION_PATCH 0

/* The version of the library that is running, "0.1.0". Static text. */
VREC_API const char *vrec_version(void);

/* The instruction set in use: "scalar", "avx2", "avx512" or "neon". Chosen once, on first use: the best
 * that the machine has, or a lower one named by the environment variable VREC_CPU. Static text. */
VREC_API const char *vrec_cpu(void);

/* How many threads a call uses when it asks for 0: -1 all cores (the start value), or 1 and up.
 * Process-wide, one atomic: takes effect on the next call. VREC_INVALID for any other value.
 * Threads are started on first use, sleep between calls, and are started anew in a forked child. */
VREC_API vrec_status vrec_set_default_threads(int32_t threads);

/* ---- Matrix ------------------------------------------------------------------------------------- */

typedef enum vrec_type {
    VREC_F32 = 0, /* the default */
    VREC_F16 = 1,
    VREC_F64 = 2,
    VREC_I8 = 3,
    VREC_U8 = 4,
    VREC_I32 = 5,
    VREC_I64 = 6
} vrec_type;

/* A borrowed view of rows x dim values: embeddings, one row each. Any strides, any alignment. The
 * library reads it during the call and keeps no pointer to it. Values are converted to float32. */
typedef struct vrec_matrix {
    size_t struct_size;
    const void *data;
    size_t rows;
    size_t dim;
    ptrdiff_t row_stride; /* bytes from a row to the next; 0: rows are packed */
    ptrdiff_t col_stride; /* bytes from a value to the next in a row; 0: values are packed */
    int32_t type;         /* a vrec_type */
    int32_t reserved;     /* 0 */
} vrec_matrix;

/* The view of a packed row-major float32 array. */
VREC_API vrec_matrix vrec_matrix_f32(const float *data, size_t rows, size_t dim);

/* ---- Progress ----------------------------------------------------------------------------------- */

/* Long calls report here, on the thread that made the call: what is being done ("copying", "saving"),
 * and how far it is. report() returns 0 to go on; anything else stops the call soon after, which then
 * returns VREC_CANCELLED and leaves nothing half done behind. */
typedef struct vrec_progress {
    int (*report)(void *context, const char *what, uint64_t done, uint64_t total);
    void *context;
} vrec_progress;

/* ---- Builder ------------------------------------------------------------------------------------ */

/* What one backend can be told. All text is static. */
typedef struct vrec_option {
    const char *key;
    const char *aliases;       /* other names, comma-separated; "" if none */
    const char *type;          /* "int", "uint" (64 bits), "choice", "text", "secret" */
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

/* ---- Indexer ------------------------------------------------------------------------------------ */

/* An index that answers queries. Queries never change it: any number of threads may query, save and
 * inspect one indexer at the same time. Free it when no call is under way. */
typedef struct vrec_indexer vrec_indexer;

/* Builds an index over items (n x d, any vrec_type); row i becomes item id i. The values are copied
 * once, as float32. Zero rows, zero dim, NaN and Inf are refused (the message names row and column).
 * progress may be NULL. *out is the caller's, to free with vrec_indexer_free().
 * Cost for faiss Flat: one pass over the items, 4 * n * d bytes. annoy: the items, and n_trees trees of
 * about n * log2(n / d) * d steps each; while it builds, the items twice and the trees.
 * milvus: makes a collection on the server, named by the option "collection" (one that exists is refused)
 * or after option "name" (dropped when the indexer is freed). Takes batch_bytes of memory per connection.
 * After a failure a collection with a made-up name is dropped, a named one is kept, and the message says
 * which rows are in.
 * Errors: VREC_INVALID, VREC_UNSUPPORTED (more rows than the backend counts), VREC_NO_MEMORY,
 * VREC_CANCELLED; milvus: also VREC_UNAVAILABLE, VREC_TIMEOUT, VREC_CORRUPT (a reply that contradicts
 * itself). */
VREC_API vrec_status vrec_from_embeddings(const vrec_builder *builder, const vrec_matrix *items,
                                          const vrec_progress *progress, vrec_indexer **out,
                                          vrec_error *err);

/* Opens a saved index: the backend library's own format (faiss: what write_index wrote). Options that
 * were set on the builder and contradict the file are an error; those not set come from the file.
 * The file is checked before memory is taken or a pointer followed.
 * faiss: it is read, and not needed after the call. annoy: it is mapped (unless load=read), in
 * microseconds; it doesn't say its d and metric, which the builder must; every node is checked again when a
 * query visits it. A mapped file must not be cut short or changed while the indexer lives, else a query may
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

/* Deletes the index that the builder's options name from its server, with all items. There is no way back.
 * Errors: as vrec_attach(). */
VREC_API vrec_status vrec_drop(const vrec_builder *builder, vrec_error *err);

/* Checks all of a saved index, also what vrec_from_index_file() leaves for later because a mapped file
 * is opened without being read. Errors: as there. Cost: reads the whole file. */
VREC_API vrec_status vrec_verify(const vrec_builder *builder, const char *path,
                                 const vrec_progress *progress, vrec_error *err);

/* Writes the index in the backend library's own format, byte for byte what that library writes. Atomic
 * and durable: a temporary file beside it is written, synced and renamed, so that after a crash or a
 * full disk path is either the old file or the new one. A symbolic link is followed, not replaced.
 * Errors: VREC_IO, VREC_NO_MEMORY, VREC_CANCELLED. */
VREC_API vrec_status vrec_save(const vrec_indexer *indexer, const char *path, const vrec_progress *progress,
                               vrec_error *err);

/* Adds items under ids of the caller's (as many as there are rows, each at most once), in place of those
 * that had the same ids. Queries of this indexer that start afterwards see them. Queries may run at the
 * same time; other calls that change the indexer must not. vrec_rows() stays as it was.
 * Errors: VREC_UNSUPPORTED (a backend, or a collection, that can't), VREC_INVALID, VREC_UNAVAILABLE,
 * VREC_TIMEOUT, VREC_CORRUPT, VREC_NO_MEMORY, VREC_CANCELLED; the message says which rows are in. */
VREC_API vrec_status vrec_upsert(vrec_indexer *indexer, const int64_t *ids, const vrec_matrix *items,
                                 const vrec_progress *progress, vrec_error *err);

/* Takes the items with these ids out; an id that isn't there is no error. Else as vrec_upsert(). */
VREC_API vrec_status vrec_delete(vrec_indexer *indexer, const int64_t *ids, size_t count, vrec_error *err);

VREC_API size_t vrec_rows(const vrec_indexer *indexer); /* items; 0 for NULL */
VREC_API size_t vrec_dim(const vrec_indexer *indexer);  /* values per item; 0 for NULL */

/* 1 if a larger distance is nearer (inner product), 0 if a smaller one is (L2). */
VREC_API int vrec_larger_is_nearer(const vrec_indexer *indexer);

/* What there is to know about an indexer as text: fact number i ("metric", "L2"), 1 if it exists, else
 * 0. Keys "note" (there may be several) tell what is odd but readable. Text lives with the indexer. */
VREC_API int vrec_info(const vrec_indexer *indexer, size_t i, const char **key, const char **value);

/* NULL is fine. A collection that from_embeddings gave a made-up name is dropped from its server, which
 * takes 5 seconds at the most, and isn't if the server is gone, or by a forked child. */
VREC_API void vrec_indexer_free(vrec_indexer *indexer);

/* ---- Query and results -------------------------------------------------------------------------- */

#define VREC_MAX_TOP_K 16384

typedef struct vrec_query_options {
    size_t struct_size;
    int32_t threads;  /* 0: the process default, -1: all cores, n: n. The answer never depends on it */
    int32_t reserved; /* 0 */

    /* Items that a query must not get (already seen, out of stock), as CSR: query i excludes the ids
     * exclude_ids[exclude_offsets[i]] up to before exclude_ids[exclude_offsets[i + 1]], ascending.
     * exclude_offsets has one more element than there are queries. Both NULL: nothing is excluded.
     * faiss: the result is that of an index without these items. annoy: they are left out of what the
     * search has found, so that rows may be short; ask for more by searchk. */
    const int64_t *exclude_offsets;
    const int64_t *exclude_ids;

    const vrec_progress *progress; /* or NULL */

    /* Options whose stage is "query", for this call only: "searchk=5000"; or NULL. */
    const char *overrides;
} vrec_query_options;

/* Finds the top_k nearest items for every row of queries (nq x d, d as the index's).
 * ids, distances: nq x top_k, row-major, the caller's; nearest first, ties by smaller id. counts: nq,
 * how many slots of each row are filled; may be NULL. options may be NULL.
 * Unused slots hold id -1 and distance +INFINITY (-INFINITY where larger is nearer): when fewer items
 * exist, for a query with a NaN or Inf, and for items whose distance isn't finite. A failed call leaves
 * only unused slots, or doesn't touch the arrays if it can't tell their size. nq may be 0.
 * faiss: L2 is the squared Euclidean distance, IP the inner product. annoy: angular is sqrt(2 - 2 cos),
 * euclidean the Euclidean distance, dot the inner product; ids are those that Annoy finds with that
 * searchk. top_k: 1..VREC_MAX_TOP_K. Results have the same bits at any batch size and thread count. A call
 * allocates only when it needs more scratch memory than any before it; the scratch stays with the indexer
 * for the next call. Once, a call also makes the 8-bit codes that later ones are faster with (option
 * "codes"): faiss after some 32 queries; annoy after some 2 candidates per item, if a query looks at more
 * than four for every result. milvus: L2 as above, IP and COSINE as their names say, all as the server
 * reports them; ties in its order. Top_k and the number of a query's exclusions together are at most
 * VREC_MAX_TOP_K. Errors: VREC_INVALID, VREC_NO_MEMORY, VREC_CANCELLED; annoy: also VREC_CORRUPT (a damaged
 * node, of a file that was checked by sample when it was opened); milvus: also VREC_UNAVAILABLE,
 * VREC_TIMEOUT, VREC_UNSUPPORTED, VREC_CORRUPT. */
VREC_API vrec_status vrec_query(const vrec_indexer *indexer, const vrec_matrix *queries, size_t top_k,
                                const vrec_query_options *options, int64_t *ids, float *distances,
                                size_t *counts, vrec_error *err);

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

VREC_API void vrec_data_close(vrec_data *data); /* NULL is fine */

/* Writes a matrix to .npy (any type), .fvecs .fbin (float32; float16, i8 and u8 are converted), .ivecs
 * .ibin (i32, i64, i8, u8 whose values fit int32), .bvecs .u8bin (u8) or .i8bin (i8), as the name's ending
 * says; atomic and durable like vrec_save().
 * Errors: VREC_INVALID (a value or type that the format can't hold, a NULL argument), VREC_UNSUPPORTED
 * (no such ending), VREC_IO, VREC_NO_MEMORY. */
VREC_API vrec_status vrec_data_save(const char *path, const vrec_matrix *matrix, vrec_error *err);

#ifdef __cplusplus
}
#endif

#endif
