/* Recommends dependencies to Debian packages, and measures how good that is.
 *
 *     recommend FOLDER INDEXES
 *
 * FOLDER is examples/debian: vectors of packages (users) and of what they depend on (items), learned from
 * the package graph with one dependency of every package held out. The program builds indexes of the items,
 * saves them in the folder INDEXES, opens them again, and asks for what a package doesn't depend on yet;
 * for what suits two packages at once; and for what is used like something else.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <vrec/vrec.h>

enum { SHOWN = 5, DEPTH = 50, MAX_DIM = 64, PATH_MAX_LENGTH = 1024 };

/* The exact one first: the others are compared with it. */
static const struct {
    const char *name, *backend, *options, *file;
} indexes[] = {
    { "faiss Flat", "faiss", "index_type=Flat,metric=IP", "debian.faiss" },
    { "faiss HNSW", "faiss", "index_type=HNSW,metric=IP,m=16,efSearch=100", "debian.hnsw" },
    { "faiss IVF", "faiss", "index_type=IVF,metric=IP,nlists=70,nprobe=16", "debian.ivf" },
    { "annoy, 10 trees", "annoy", "d=64,metric=dot,n_trees=10,searchk=1000", "debian.annoy" },
    { "annoy, 50 trees", "annoy", "d=64,metric=dot,n_trees=50,searchk=4000", "debian50.annoy" },
};

enum { INDEXES = sizeof indexes / sizeof indexes[0] };

/* Of the nearest by angle: what is used alike, however often. */
static const char likeness[] = "d=64,metric=angular,n_trees=50,searchk=4000";

static const char *const packages[] = { "wordpress", "neverball", "virt-manager", "konsole",
                                        "r-cran-shiny" };

/* ---- Input ---- */

static void check(vrec_status status, const vrec_error *err)
{
    if (status == VREC_OK)
        return;
    fprintf(stderr, "recommend: %s\n", err->message);
    exit(1);
}

static void *must(void *memory)
{
    if (!memory) {
        fprintf(stderr, "recommend: out of memory\n");
        exit(1);
    }
    return memory;
}

static const char *in_folder(const char *folder, const char *name)
{
    static char path[PATH_MAX_LENGTH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static const vrec_matrix *open_matrix(const char *folder, const char *name, vrec_data **data)
{
    vrec_error err;
    check(vrec_data_open(in_folder(folder, name), data, &err), &err);
    return vrec_data_matrix(*data);
}

/* A column of integers, as the library's exclusion lists want them. */
static int64_t *read_integers(const char *folder, const char *name, size_t *count)
{
    vrec_data *data;
    const vrec_matrix *matrix = open_matrix(folder, name, &data);
    *count = matrix->rows;
    int64_t *values = must(malloc(matrix->rows * sizeof *values));
    for (size_t i = 0; i < matrix->rows; i++)
        values[i] = matrix->type == VREC_I64 ? ((const int64_t *)matrix->data)[i]
                                             : ((const int32_t *)matrix->data)[i];
    vrec_data_close(data);
    return values;
}

static char **read_names(const char *folder, const char *name, size_t count)
{
    FILE *file = fopen(in_folder(folder, name), "r");
    if (!file) {
        perror(in_folder(folder, name));
        exit(1);
    }
    char **names = must(calloc(count, sizeof *names));
    char line[256];
    for (size_t i = 0; i < count && fgets(line, sizeof line, file); i++) {
        line[strcspn(line, "\n")] = '\0';
        names[i] = must(strdup(line));
    }
    fclose(file);
    return names;
}

typedef struct dataset {
    vrec_data *item_file, *user_file;
    const vrec_matrix *items, *users;
    char **item_names, **user_names;
    int64_t *seen_offsets, *seen_ids; /* what each user depends on, as CSR */
    int64_t *held_out;                /* and the one dependency of each that training didn't see, */
    int64_t *held_out_offsets;        /* as CSR: 0, 1, 2... */
} dataset;

static dataset read_dataset(const char *folder)
{
    dataset d;
    size_t count;
    d.items = open_matrix(folder, "items.npy", &d.item_file);
    d.users = open_matrix(folder, "users.npy", &d.user_file);
    d.item_names = read_names(folder, "items.txt", d.items->rows);
    d.user_names = read_names(folder, "users.txt", d.users->rows);
    d.seen_offsets = read_integers(folder, "seen_offsets.npy", &count);
    d.seen_ids = read_integers(folder, "seen_ids.npy", &count);
    d.held_out = read_integers(folder, "held_out.npy", &count);
    d.held_out_offsets = must(malloc((count + 1) * sizeof *d.held_out_offsets));
    for (size_t i = 0; i <= count; i++)
        d.held_out_offsets[i] = (int64_t)i;
    return d;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static void free_dataset(dataset *d)
{
    free_names(d->item_names, d->items->rows);
    free_names(d->user_names, d->users->rows);
    free(d->seen_offsets);
    free(d->seen_ids);
    free(d->held_out);
    free(d->held_out_offsets);
    vrec_data_close(d->item_file);
    vrec_data_close(d->user_file);
}

/* ---- The index ---- */

static vrec_indexer *build_save_open(const dataset *d, const char *backend, const char *options,
                                     const char *path)
{
    vrec_builder *builder;
    vrec_indexer *indexer;
    vrec_error err;
    check(vrec_builder_factory(backend, options, &builder, &err), &err);
    check(vrec_from_embeddings(builder, d->items, NULL, &indexer, &err), &err);
    check(vrec_save(indexer, path, NULL, &err), &err);
    vrec_indexer_free(indexer);
    check(vrec_from_index_file(builder, path, NULL, &indexer, &err), &err);
    vrec_builder_free(builder);
    return indexer;
}

/* ---- In words ---- */

static size_t find_name(char **names, size_t count, const char *name)
{
    size_t i = 0;
    while (i < count && strcmp(names[i], name) != 0)
        i++;
    return i;
}

/* The view of one row of a packed matrix. */
static vrec_matrix one_row(const vrec_matrix *matrix, size_t row)
{
    vrec_matrix one = *matrix;
    one.data = (const char *)matrix->data + (ptrdiff_t)row * matrix->row_stride;
    one.rows = 1;
    return one;
}

static void print_names(const dataset *d, const int64_t *ids, const float *scores, int64_t right)
{
    for (int i = 0; i < SHOWN; i++)
        printf("%s %s%s (%.2f)", i ? "," : "", d->item_names[ids[i]],
               ids[i] == right ? " [held out: right!]" : "", (double)scores[i]);
    printf("\n");
}

static void recommend(const dataset *d, const vrec_indexer *indexer, const char *name)
{
    size_t user = find_name(d->user_names, d->users->rows, name);
    if (user == d->users->rows)
        return;
    const int64_t *seen = d->seen_ids + d->seen_offsets[user];
    size_t seen_count = (size_t)(d->seen_offsets[user + 1] - d->seen_offsets[user]);
    int64_t ids[SHOWN];
    float scores[SHOWN];
    vrec_results results = { .struct_size = sizeof results, .ids = ids, .distances = scores };
    vrec_error err;
    vrec_matrix query = one_row(d->users, user);
    vrec_query_options options = { .struct_size = sizeof options,
                                   .exclude_ids = seen,
                                   .exclude_count = seen_count };
    check(vrec_query(indexer, &query, SHOWN, &options, &results, &err), &err);
    printf("%s depends on", name);
    for (size_t i = 0; i < seen_count && i < 4; i++)
        printf("%s %s", i ? "," : "", d->item_names[seen[i]]);
    printf("%s\n  and may want", seen_count > 4 ? ", ..." : "");
    print_names(d, ids, scores, d->held_out[user]);
}

static int smaller_first(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

/* What two users have seen, together; *count of them. */
static int64_t *seen_by_both(const dataset *d, size_t one, size_t other, size_t *count)
{
    const int64_t *offsets = d->seen_offsets;
    size_t first = (size_t)(offsets[one + 1] - offsets[one]);
    size_t second = (size_t)(offsets[other + 1] - offsets[other]);
    int64_t *seen = must(malloc((first + second) * sizeof *seen));
    memcpy(seen, d->seen_ids + offsets[one], first * sizeof *seen);
    memcpy(seen + first, d->seen_ids + offsets[other], second * sizeof *seen);
    qsort(seen, first + second, sizeof *seen, smaller_first);
    *count = first + second;
    return seen;
}

/* Two packages as two interests of one user: what comes next for each, in turn. */
static void recommend_to_both(const dataset *d, const vrec_indexer *indexer, const char *one,
                              const char *other)
{
    size_t first = find_name(d->user_names, d->users->rows, one);
    size_t second = find_name(d->user_names, d->users->rows, other);
    int64_t ids[SHOWN];
    float scores[SHOWN];
    vrec_error err;
    if (first >= second || second == d->users->rows) /* rows are in the order of names */
        return;
    vrec_matrix query = one_row(d->users, first);
    query.row_stride = (ptrdiff_t)(second - first) * d->users->row_stride;
    query.rows = 2;
    vrec_query_options options = { .struct_size = sizeof options,
                                   .interests = 2,
                                   .merge = VREC_MERGE_ROUND_ROBIN };
    int64_t *seen = seen_by_both(d, first, second, &options.exclude_count);
    options.exclude_ids = seen;
    vrec_results results = { .struct_size = sizeof results, .ids = ids, .distances = scores };
    check(vrec_query(indexer, &query, SHOWN, &options, &results, &err), &err);
    printf("both %s and %s\n  may want, in turn,", one, other);
    print_names(d, ids, scores, -1);
    free(seen);
}

/* Item to item: the neighbours of an item's own vector, without itself. */
static void show_alike(const dataset *d, const vrec_indexer *alike, const char *name)
{
    int64_t item = (int64_t)find_name(d->item_names, d->items->rows, name), ids[SHOWN];
    float vector[MAX_DIM], angles[SHOWN];
    vrec_error err;
    if ((size_t)item == d->items->rows || vrec_dim(alike) > MAX_DIM)
        return;
    check(vrec_vectors(alike, &item, 1, vector, &err), &err);
    vrec_matrix query = vrec_matrix_f32(vector, 1, vrec_dim(alike));
    vrec_query_options options = { .struct_size = sizeof options,
                                   .exclude_ids = &item,
                                   .exclude_count = 1 };
    vrec_results results = { .struct_size = sizeof results, .ids = ids, .distances = angles };
    check(vrec_query(alike, &query, SHOWN, &options, &results, &err), &err);
    printf("used like %s:\n ", name);
    print_names(d, ids, angles, -1);
}

/* ---- In numbers ---- */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Recommends to everybody at once, as a nightly job would: users x DEPTH items. */
static int64_t *recommend_to_all(const dataset *d, const vrec_indexer *indexer, double *time_per_query)
{
    size_t users = d->users->rows;
    int64_t *ids = must(malloc(users * DEPTH * sizeof *ids));
    float *scores = must(malloc(users * DEPTH * sizeof *scores));
    vrec_results results = { .struct_size = sizeof results, .ids = ids, .distances = scores };
    vrec_error err;
    vrec_query_options options = { .struct_size = sizeof options,
                                   .exclude_offsets = d->seen_offsets,
                                   .exclude_ids = d->seen_ids,
                                   .exclude_count = (size_t)d->seen_offsets[users] };
    double start = seconds();
    check(vrec_query(indexer, d->users, DEPTH, &options, &results, &err), &err);
    *time_per_query = (seconds() - start) / (double)users;
    free(scores);
    return ids;
}

/* How far up what was held out stands in the lists. */
typedef struct scores {
    double ndcg, mrr, hit;
} scores;

static scores score(const dataset *d, const int64_t *ids)
{
    static const int64_t depth[] = { DEPTH };
    scores s;
    vrec_error err;
    vrec_ranking ranking = { .struct_size = sizeof ranking,
                             .ids = ids,
                             .users = d->users->rows,
                             .width = DEPTH,
                             .truth_offsets = d->held_out_offsets,
                             .truth_ids = d->held_out,
                             .truth_count = d->users->rows,
                             .ks = depth,
                             .k_count = 1 };
    vrec_metrics means = { .struct_size = sizeof means, .ndcg = &s.ndcg, .mrr = &s.mrr, .hit = &s.hit };
    check(vrec_evaluate(&ranking, &means, NULL, &err), &err);
    return s;
}

/* The share of the truly nearest that were found. */
static double recall(const dataset *d, const int64_t *ids, const int64_t *exact)
{
    static const int64_t depth[] = { DEPTH };
    double share;
    vrec_error err;
    vrec_comparison comparison = { .struct_size = sizeof comparison,
                                   .found = ids,
                                   .exact = exact,
                                   .users = d->users->rows,
                                   .width = DEPTH,
                                   .exact_width = DEPTH,
                                   .ks = depth,
                                   .k_count = 1,
                                   .queries = d->users,
                                   .items = d->items,
                                   .metric = "IP" };
    check(vrec_compare(&comparison, &share, NULL, &err), &err);
    return share;
}

static double megabytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? 1e-6 * (double)st.st_size : 0;
}

/* How long one user waits, on average over some, who ask one after the other. */
static double time_of_one(const dataset *d, const vrec_indexer *indexer)
{
    enum { USERS = 1000 };
    int64_t ids[DEPTH];
    float scores[DEPTH];
    vrec_results results = { .struct_size = sizeof results, .ids = ids, .distances = scores };
    vrec_error err;
    vrec_query_options options = { .struct_size = sizeof options, .threads = 1 };
    double start = seconds();
    for (size_t u = 0; u < USERS; u++) {
        vrec_matrix query = one_row(d->users, u);
        check(vrec_query(indexer, &query, DEPTH, &options, &results, &err), &err);
    }
    return (seconds() - start) / USERS;
}

typedef struct popular {
    int64_t item, times;
} popular;

static int more_popular_first(const void *a, const void *b)
{
    const popular *one = a, *other = b;
    if (one->times != other->times)
        return one->times < other->times ? 1 : -1;
    return one->item < other->item ? -1 : 1;
}

static bool has_seen(const dataset *d, size_t user, int64_t item)
{
    for (int64_t i = d->seen_offsets[user]; i < d->seen_offsets[user + 1]; i++)
        if (d->seen_ids[i] == item)
            return true;
    return false;
}

/* The baseline: everybody gets the most depended-on items that they don't depend on yet. */
static int64_t *recommend_popular(const dataset *d)
{
    size_t items = d->items->rows, users = d->users->rows;
    popular *order = must(malloc(items * sizeof *order));
    int64_t *ids = must(malloc(users * DEPTH * sizeof *ids));
    for (size_t i = 0; i < items; i++)
        order[i] = (popular){ .item = (int64_t)i };
    for (int64_t i = 0; i < d->seen_offsets[users]; i++)
        order[d->seen_ids[i]].times++;
    qsort(order, items, sizeof *order, more_popular_first);
    for (size_t u = 0; u < users; u++)
        for (size_t i = 0, filled = 0; filled < DEPTH; i++)
            if (i >= items || !has_seen(d, u, order[i].item))
                ids[u * DEPTH + filled++] = i < items ? order[i].item : -1;
    free(order);
    return ids;
}

/* One line about every index, and then about popularity. */
static void compare(const dataset *d, vrec_indexer *const *indexers, const char *folder)
{
    int64_t *exact = NULL;
    printf(
        "\nOne dependency of each of %zu packages was held out. hit@%d: how often it is among the first "
        "%d\n"
        "recommendations; NDCG and MRR: how far up. recall@%d: how many of the truly nearest are there.\n"
        "Times on %s:\n\n"
        "%-15s %7s %9s %7s %6s %6s %15s %16s\n",
        d->users->rows, DEPTH, DEPTH, DEPTH, vrec_cpu(), "", "file", "recall@50", "hit@50", "NDCG", "MRR",
        "one, one thread", "batch, all cores");
    for (size_t i = 0; i < INDEXES; i++) {
        double per_query, alone = time_of_one(d, indexers[i]);
        int64_t *ids = recommend_to_all(d, indexers[i], &per_query);
        scores s = score(d, ids);
        if (!exact)
            exact = ids;
        printf("%-15s %4.1f MB %9.3f %5.1f %% %6.3f %6.3f %12.0f us %13.1f us\n", indexes[i].name,
               megabytes(in_folder(folder, indexes[i].file)), recall(d, ids, exact), 100 * s.hit, s.ndcg,
               s.mrr, 1e6 * alone, 1e6 * per_query);
        if (ids != exact)
            free(ids);
    }
    int64_t *popular = recommend_popular(d);
    scores s = score(d, popular);
    printf("%-15s %7s %9s %5.1f %% %6.3f %6.3f\n", "by popularity", "", "", 100 * s.hit, s.ndcg, s.mrr);
    free(popular);
    free(exact);
}

int main(int argc, char **argv)
{
    vrec_indexer *indexers[INDEXES];
    if (argc != 3) {
        fprintf(stderr, "usage: recommend FOLDER INDEXES\n");
        return 2;
    }
    dataset d = read_dataset(argv[1]);
    for (size_t i = 0; i < INDEXES; i++)
        indexers[i] = build_save_open(&d, indexes[i].backend, indexes[i].options,
                                      in_folder(argv[2], indexes[i].file));
    vrec_indexer *alike = build_save_open(&d, "annoy", likeness, in_folder(argv[2], "alike.annoy"));
    printf("%zu items x %zu: built, saved to %s and opened again, %d times\n\n", vrec_rows(indexers[0]),
           vrec_dim(indexers[0]), argv[2], INDEXES);
    for (size_t i = 0; i < sizeof packages / sizeof packages[0]; i++)
        recommend(&d, indexers[0], packages[i]);
    recommend_to_both(&d, indexers[0], "neverball", "wordpress");
    show_alike(&d, alike, "libsdl2-2.0-0");
    compare(&d, indexers, argv[2]);
    for (size_t i = 0; i < INDEXES; i++)
        vrec_indexer_free(indexers[i]);
    vrec_indexer_free(alike);
    free_dataset(&d);
    return 0;
}
