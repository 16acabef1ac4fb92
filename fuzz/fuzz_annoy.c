/* Any bytes as an Annoy file, of a metric and dimension that the first two bytes choose: either an error
 * that says something, or a forest that answers queries, and that is verified or not.
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/backend.h"
#include "annoy/file.h"
#include "annoy/verify.h"
#include "api/indexer.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

enum { QUERIES = 8, TOP_K = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* Queries: what the file holds, so that hostile values meet each other. */
static void ask(const vrec_indexer *indexer, const uint8_t *data, size_t size)
{
    static float queries[QUERIES * 16], distances[QUERIES * TOP_K];
    static int64_t ids[QUERIES * TOP_K];
    static int64_t counts[QUERIES];
    vrec_error error = { 0 };
    for (size_t at = 0; at < sizeof queries; at += size)
        memcpy((uint8_t *)queries + at, data, vr_min(size, sizeof queries - at));
    for (size_t i = 0; i < 16; i++)
        queries[i] = (float)i - 5.5f;
    vrec_matrix matrix = vrec_matrix_f32(queries, QUERIES, vrec_dim(indexer));
    for (size_t i = 0; i < 2; i++) {
        vrec_query_options options = { .struct_size = sizeof options,
                                       .threads = 1,
                                       .overrides = i ? "searchk=100000" : NULL };
        vrec_status status =
            vrec_query(indexer, &matrix, TOP_K, &options,
                       &(vrec_results){ sizeof(vrec_results), ids, distances, counts }, &error);
        require(status == VREC_OK || (status == VREC_CORRUPT && error.message[0]));
        for (size_t j = 0; j < QUERIES * TOP_K; j++) {
            require(ids[j] >= -1 && ids[j] < (int64_t)vrec_rows(indexer));
            require(ids[j] < 0 || isfinite(distances[j]));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    vr_annoy *forest = NULL;
    vrec_error error = { 0 };
    vr_annoy_source source = { .metric = (vr_annoy_metric)(data[0] % 3),
                               .layout_known = data[0] & 4,
                               .current = data[0] & 8,
                               .dim = data[1] % 16 + 1 };
    data += 2;
    size -= 2;
    uint8_t *bytes = vr_alloc(size, 1);
    require(bytes != NULL);
    if (size > 0)
        memcpy(bytes, data, size);
    vrec_status status = vr_annoy_adopt(&source, "the file", bytes, size, &forest, &error);
    require((status == VREC_OK) == (forest != NULL));
    require((status == VREC_OK) == (error.message[0] == '\0'));
    if (status != VREC_OK)
        return 0;
    status = vr_annoy_verify(forest, "the file", NULL, &error);
    require(status == VREC_OK || (status == VREC_CORRUPT && error.message[0]));
    vr_options options;
    vrec_indexer *indexer = NULL;
    vr_options_init(&options, vr_annoy_backend.options);
    require(vr_indexer_make(&forest->base, &options, &indexer, &error) == VREC_OK);
    ask(indexer, data, size);
    vrec_indexer_free(indexer);
    return 0;
}
