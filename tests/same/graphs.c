/* Graphs are the same on every processor: the hashes of files that are built here. It takes neither cmocka
 * nor threads, so that it runs where a foreign machine is emulated.
 *
 *     graphs FILE      builds, and writes to FILE, one index after the other
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/random.h"
#include "support/sha256.h"
#include "vrec/vrec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *options, *hash;
    size_t rows, dim;
    int skewed;    /* the lengths of items differ */
    size_t sample; /* so many queries are given, too */
    size_t added;  /* so many of the rows, the last ones, are added to an index of the others */
} cases[] = {
    { "m=8", "14413817980e3421136a5f6bc1d69456b1a2d005207e4ddcef4d134444837a8b", 6000, 20, 0, 0, 0 },
    { "m=16", "63e38e70def7c9993c7eeb8d0f5103ffca5aad4401ebf54d728ea293c990ee6b", 700, 100, 0, 0, 0 },
    { "m=4,metric=IP", "8dbe06d5b43e92a08bc5ccdfdc79d689ede95f583d0131a6bc8551fc76fc5f51", 5000, 12, 1, 0,
      0 },
    { "m=4,metric=IP,efConstruction=100,seed=7",
      "ee75b6d6860a63ff06105e9d4135055f2cfecc0dbb775d6957192d4ef41dc120", 3000, 33, 0, 0, 0 },
    { "m=6,metric=IP", "cf03185c562d694ea9dcf111f817bf4e140cde4931d2b07ff8b0f1dafb0890df", 4000, 24, 1, 500,
      0 },
    { "m=6", "db667e84c87f04aa965f06336ee48c258b25f4364c61b46508711ffb4e910fff", 4000, 24, 0, 500, 0 },
    { "m=5", "e89f12ca9845b7f10513ebbfc812df113f39ac74cfdf0130aceb7877a84c1dc6", 5000, 24, 0, 0, 2500 },
    { "m=5,metric=IP", "594da63e9f0bd8f8027061a7f6247772ba1acd37fa3344542edf1283fbb5eb47", 4000, 20, 1, 0,
      1500 },
    { "m=5", "0deb903f5706626d82135ef2e1bd1e877f205b675aeb0fc36512651d10d78243", 4000, 24, 0, 0,
      12 }, /* few */
    { "m=5,metric=IP", "a4780ac0fc669c13b4117573418d47ebd61c67550a69e19366f13cc30ba9134c", 4000, 20, 1, 0,
      12 },
};

static float *make_items(size_t rows, size_t dim, int skewed)
{
    uint64_t state = rows;
    float *items = malloc(rows * dim * sizeof *items);
    for (size_t i = 0; items && i < rows * dim; i++) {
        float value = (float)(next_random(&state) >> 40) * 0x1p-23f - 1.0f;
        items[i] = skewed ? value * (float)(1 + i / dim % 7) : value;
    }
    return items;
}

static int fails(vrec_status status, const vrec_error *err)
{
    if (status != VREC_OK)
        fprintf(stderr, "%s\n", err->message);
    return status != VREC_OK;
}

static int build(const char *options, const vrec_matrix *items, const vrec_matrix *queries, size_t added,
                 const char *path)
{
    vrec_builder *builder = NULL;
    vrec_indexer *indexer = NULL;
    const vrec_build build = { .struct_size = sizeof build, .queries = queries };
    vrec_matrix first = *items, others = *items;
    vrec_error err;
    char all[128];
    first.rows -= added;
    others.rows = added;
    others.data = (const float *)items->data + first.rows * items->dim;
    snprintf(all, sizeof all, "index_type=HNSW,codes=off,threads=1,%s", options);
    int failed = fails(vrec_builder_factory("faiss", all, &builder, &err), &err) ||
                 fails(vrec_from_embeddings(builder, &first, &build, &indexer, &err), &err) ||
                 fails(vrec_add(indexer, &others, NULL, &err), &err) ||
                 fails(vrec_save(indexer, path, NULL, &err), &err);
    vrec_indexer_free(indexer);
    vrec_builder_free(builder);
    return failed;
}

static int hash_file(const char *path, char hash[65])
{
    enum { MOST = 1 << 24 };
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(MOST);
    if (!file || !bytes)
        return 1;
    sha256(bytes, fread(bytes, 1, MOST, file), hash);
    free(bytes);
    return fclose(file) != 0 || remove(path) != 0;
}

static int differs(size_t i, const char *path)
{
    char hash[65] = "";
    float *items = make_items(cases[i].rows, cases[i].dim, cases[i].skewed);
    float *sample = cases[i].sample ? make_items(cases[i].sample, cases[i].dim, 0) : NULL;
    vrec_matrix matrix = vrec_matrix_f32(items, cases[i].rows, cases[i].dim);
    vrec_matrix queries = vrec_matrix_f32(sample, cases[i].sample, cases[i].dim);
    int failed = !items || (cases[i].sample && !sample) ||
                 build(cases[i].options, &matrix, sample ? &queries : NULL, cases[i].added, path) ||
                 hash_file(path, hash);
    free(items);
    free(sample);
    if (!failed && strcmp(hash, cases[i].hash) != 0)
        fprintf(stderr, "%s: %s, not %s\n", cases[i].options, hash, cases[i].hash);
    return failed || strcmp(hash, cases[i].hash) != 0;
}

int main(int argc, char **argv)
{
    int failed = argc != 2;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0] && argc == 2; i++)
        failed |= differs(i, argv[1]);
    printf("graphs: %s on %s\n", failed ? "others than they should be" : "the same", vrec_cpu());
    return failed;
}
