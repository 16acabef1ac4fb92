/* Any bytes as a table of ids or names beside an index: either an error that says something, or an index
 * that knows every item by an id or name of its own. A * in the first line stands for the checksum of the
 * index, which no mutation would find; the first byte says which of the two files of a table
 * (api/ids_file.h) the rest is put into, and whether the index is mapped. SPDX-License-Identifier:
 * Apache-2.0 */
#define _GNU_SOURCE /* asprintf */
#include "vrec/vrec.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ITEMS = 5, DIM = 2, IN_NEXT = 1, IN_BOTH = 2, MAPPED = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* What all runs share, made by the first. */
static char *folder, *index_path, *table, *next_table, checksum[64];

static void remove_all(void)
{
    unlink(next_table);
    unlink(table);
    unlink(index_path);
    rmdir(folder);
}

static vrec_builder *make_builder(const char *load)
{
    vrec_builder *builder;
    require(vrec_builder_factory("annoy", "metric=euclidean,d=2,n_trees=1,threads=1", &builder, NULL) ==
            VREC_OK);
    require(vrec_builder_set(builder, "load", load, NULL) == VREC_OK);
    return builder;
}

/* A forest with a table, whose first line tells the checksum. */
static void set_up(void)
{
    static const float items[ITEMS * DIM] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
    static const char names[] = "a\nb\nc\nd\ne\n";
    const char *shared = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    vrec_builder *builder = make_builder("map");
    vrec_indexer *indexer;
    vrec_matrix matrix = vrec_matrix_f32(items, ITEMS, DIM);
    vrec_build how = { .struct_size = sizeof how, .names = names, .names_size = sizeof names - 1 };
    require(asprintf(&folder, "%s/fuzz_ids.XXXXXX", shared) > 0 && mkdtemp(folder));
    require(asprintf(&index_path, "%s/index", folder) > 0);
    require(asprintf(&table, "%s.ids", index_path) > 0);
    require(asprintf(&next_table, "%s.next", table) > 0);
    atexit(remove_all);
    require(vrec_from_embeddings(builder, &matrix, &how, &indexer, NULL) == VREC_OK);
    require(vrec_save(indexer, index_path, NULL, NULL) == VREC_OK);
    FILE *file = fopen(table, "r");
    require(file && fscanf(file, "vrec-ids 1 %*d %63s", checksum) == 1);
    fclose(file);
    vrec_indexer_free(indexer);
    vrec_builder_free(builder);
}

static void put_table(const char *path, const uint8_t *data, size_t size)
{
    const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t line = newline ? (size_t)(newline - data) : size;
    const uint8_t *star = line > 0 ? memchr(data, '*', line) : NULL;
    size_t before = star ? (size_t)(star - data) : 0, after = star ? before + 1 : 0;
    FILE *file = fopen(path, "w");
    require(file);
    require(fwrite(data, 1, before, file) == before);
    if (star)
        require(fputs(checksum, file) >= 0);
    require(fwrite(data + after, 1, size - after, file) == size - after);
    require(fclose(file) == 0);
}

/* Every item has an id, and if it has a name, is found by it. */
static void look_at_items(const vrec_indexer *indexer)
{
    int64_t ids[ITEMS];
    require(vrec_rows(indexer) == ITEMS);
    require(vrec_ids(indexer, 0, ITEMS, ids, NULL) == VREC_OK);
    for (size_t i = 0; i < ITEMS; i++) {
        const char *name = vrec_name(indexer, ids[i]);
        require(ids[i] != -1);
        require(!name || vrec_find(indexer, name) == ids[i]);
        for (size_t j = 0; j < i; j++)
            require(ids[i] != ids[j]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vrec_error error = { 0 };
    vrec_indexer *indexer;
    if (!folder)
        set_up();
    if (size == 0)
        return 0;
    unlink(table);
    unlink(next_table);
    if (data[0] & (IN_NEXT | IN_BOTH))
        put_table(next_table, data + 1, size - 1);
    if (!(data[0] & IN_NEXT))
        put_table(table, data + 1, size - 1);
    vrec_builder *builder = make_builder(data[0] & MAPPED ? "map" : "read");
    vrec_status status = vrec_from_index_file(builder, index_path, NULL, &indexer, &error);
    require((status == VREC_OK) == (indexer != NULL));
    require((status == VREC_OK) == (error.message[0] == '\0'));
    if (status == VREC_OK)
        look_at_items(indexer);
    vrec_indexer_free(indexer);
    vrec_builder_free(builder);
    return 0;
}
