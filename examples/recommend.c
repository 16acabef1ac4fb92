/* Recommends dependencies to Debian packages, and measures how good that is.
 *
 *     recommend FOLDER INDEXES
 *
 * FOLDER is examples/debian: vectors of packages (users) and of what they depend on (items), learned from
 * the package graph with one dependency of every package held out. The program builds indexes of the items,
 * saves them in the folder INDEXES, opens them again, and asks for what a package doesn't depend on yet.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <vrec/vrec.h>

enum { SHOWN = 5, HIT_AT = 50, PATH_MAX_LENGTH = 1024 };

/* The exact one first: the others are compared with it. */
static const struct {
    const char *name, *backend, *options, *file;
} indexes[] = {
    { "faiss Flat", "faiss", "index_type=Flat,metric=IP", "debian.faiss" },
    { "annoy, 10 trees", "annoy", "d=64,metric=dot,n_trees=10,searchk=1000", "debian.annoy" },
    { "annoy, 50 trees", "annoy", "d=64,metric=dot,n_trees=50,searchk=4000", "debian50.annoy" },
};

enum { INDEXES = sizeof indexes / sizeof indexes[0] };

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
    int64_t *held_out;                /* and the one dependency of each that training didn't see */
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
    vrec_data_close(d->item_file);
    vrec_data_close(d->user_file);
}

/* ---- The index ---- */

static vrec_indexer *build_save_open(const dataset *d, size_t i, const char *path)
{
    vrec_builder *builder;
    vrec_indexer *indexer;
    vrec_error err;
    check(vrec_builder_factory(indexes[i].backend, indexes[i].options, &builder, &err), &err);
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

static void recommend(const dataset *d, const vrec_indexer *indexer, const char *name)
{
    size_t user = find_name(d->user_names, d->users->rows, name);
    if (user == d->users->rows)
        return;
    const int64_t *seen = d->seen_ids + d->seen_offsets[user];
    int64_t offsets[2] = { 0, d->seen_offsets[user + 1] - d->seen_offsets[user] };
    int64_t ids[SHOWN];
    float scores[SHOWN];
    vrec_error err;
    vrec_matrix query = one_row(d->users, user);
    vrec_query_options options = { .struct_size = sizeof options,
                                   .exclude_offsets = offsets,
                                   .exclude_ids = seen };
    check(vrec_query(indexer, &query, SHOWN, &options, ids, scores, NULL, &err), &err);
    printf("%s depends on", name);
    for (int64_t i = 0; i < offsets[1] && i < 4; i++)
        printf("%s %s", i ? "," : "", d->item_names[seen[i]]);
    printf("%s\n  and may want", offsets[1] > 4 ? ", ..." : "");
    for (int i = 0; i < SHOWN; i++)
        printf("%s %s%s (%.2f)", i ? "," : "", d->item_names[ids[i]],
               ids[i] == d->held_out[user] ? " [held out: right!]" : "", (double)scores[i]);
    printf("\n");
}

/* ---- In numbers ---- */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Recommends to everybody at once, as a nightly job would: users x HIT_AT items. */
static int64_t *recommend_to_all(const dataset *d, const vrec_indexer *indexer, double *time_per_query)
{
    size_t users = d->users->rows;
    int64_t *ids = must(malloc(users * HIT_AT * sizeof *ids));
    float *scores = must(malloc(users * HIT_AT * sizeof *scores));
    vrec_error err;
    vrec_query_options options = { .struct_size = sizeof options,
                                   .exclude_offsets = d->seen_offsets,
                                   .exclude_ids = d->seen_ids };
    double start = seconds();
    check(vrec_query(indexer, d->users, HIT_AT, &options, ids, scores, NULL, &err), &err);
    *time_per_query = (seconds() - start) / (double)users;
    free(scores);
    return ids;
}

/* The share of users who are recommended what was held out. */
static double hit_rate(const dataset *d, const int64_t *ids)
{
    size_t users = d->users->rows, hits = 0;
    for (size_t u = 0; u < users; u++)
        for (size_t i = 0; i < HIT_AT; i++)
            hits += ids[u * HIT_AT + i] == d->held_out[u];
    return (double)hits / (double)users;
}

/* The share of the truly nearest that were found. */
static double recall(const dataset *d, const int64_t *ids, const int64_t *exact)
{
    size_t users = d->users->rows, found = 0, all = 0;
    for (size_t u = 0; u < users; u++)
        for (size_t i = u * HIT_AT; i < (u + 1) * HIT_AT; i++)
            for (size_t j = u * HIT_AT; exact[i] >= 0 && j < (u + 1) * HIT_AT; j++)
                found += ids[j] == exact[i];
    for (size_t i = 0; i < users * HIT_AT; i++)
        all += exact[i] >= 0;
    return (double)found / (double)all;
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
    int64_t ids[HIT_AT];
    float scores[HIT_AT];
    vrec_error err;
    vrec_query_options options = { .struct_size = sizeof options, .threads = 1 };
    double start = seconds();
    for (size_t u = 0; u < USERS; u++) {
        vrec_matrix query = one_row(d->users, u);
        check(vrec_query(indexer, &query, HIT_AT, &options, ids, scores, NULL, &err), &err);
    }
    return (seconds() - start) / USERS;
}

/* The baseline: everybody gets the most depended-on items that they don't depend on yet. The held-out one
 * is a hit if fewer than HIT_AT unseen items are more popular. */
static double popularity_hit_rate(const dataset *d)
{
    size_t items = d->items->rows, users = d->users->rows, hits = 0;
    size_t *popularity = must(calloc(items, sizeof *popularity));
    for (int64_t i = 0; i < d->seen_offsets[users]; i++)
        popularity[d->seen_ids[i]]++;
    for (size_t u = 0; u < users; u++) {
        size_t wanted = (size_t)d->held_out[u], better = 0;
        for (size_t i = 0; i < items; i++)
            better +=
                popularity[i] > popularity[wanted] || (popularity[i] == popularity[wanted] && i < wanted);
        for (int64_t j = d->seen_offsets[u]; j < d->seen_offsets[u + 1]; j++) {
            size_t i = (size_t)d->seen_ids[j];
            better -=
                popularity[i] > popularity[wanted] || (popularity[i] == popularity[wanted] && i < wanted);
        }
        hits += better < HIT_AT;
    }
    free(popularity);
    return (double)hits / (double)users;
}

/* One line about every index, and then about popularity. */
static void compare(const dataset *d, vrec_indexer *const *indexers, const char *folder)
{
    int64_t *exact = NULL;
    printf("\nOne dependency of each of %zu packages was held out. hit@%d: how often it is among the first "
           "%d\n"
           "recommendations. recall@%d: how many of the truly nearest are. Times on %s:\n\n"
           "%-16s %8s %10s %8s %16s %18s\n",
           d->users->rows, HIT_AT, HIT_AT, HIT_AT, vrec_cpu(), "", "file", "recall@50", "hit@50",
           "one, one thread", "batch, all cores");
    for (size_t i = 0; i < INDEXES; i++) {
        double per_query, alone = time_of_one(d, indexers[i]);
        int64_t *ids = recommend_to_all(d, indexers[i], &per_query);
        if (!exact)
            exact = ids;
        printf("%-16s %5.1f MB %10.3f %6.1f %% %13.0f us %15.1f us\n", indexes[i].name,
               megabytes(in_folder(folder, indexes[i].file)), recall(d, ids, exact), 100 * hit_rate(d, ids),
               1e6 * alone, 1e6 * per_query);
        if (ids != exact)
            free(ids);
    }
    printf("%-16s %8s %10s %6.1f %%\n", "by popularity", "", "", 100 * popularity_hit_rate(d));
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
        indexers[i] = build_save_open(&d, i, in_folder(argv[2], indexes[i].file));
    printf("%zu items x %zu: built, saved to %s and opened again, %d times\n\n", vrec_rows(indexers[0]),
           vrec_dim(indexers[0]), argv[2], INDEXES);
    for (size_t i = 0; i < sizeof packages / sizeof packages[0]; i++)
        recommend(&d, indexers[0], packages[i]);
    compare(&d, indexers, argv[2]);
    for (size_t i = 0; i < INDEXES; i++)
        vrec_indexer_free(indexers[i]);
    free_dataset(&d);
    return 0;
}
