/* HNSW graphs that tests build, and what every one of them keeps to. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_HNSW_GRAPHS_H
#define VR_TESTS_SUPPORT_HNSW_GRAPHS_H

#include "faiss/hnsw/build.h"

#include <stdbool.h>

/* rows x dim values in [-1, 1), to be freed. */
float *random_items(size_t rows, size_t dim);

/* By distance, on one thread, with FAISS's efConstruction and seed. */
vr_hnsw_plan graph_plan(size_t m);

vr_hnsw_graph must_build_graph(const vr_hnsw_plan *plan, const float *items, size_t rows, size_t dim);

/* The old graph, with those of the items in it that it has no nodes for. */
vr_hnsw_graph must_build_on(const vr_hnsw_plan *plan, const vr_hnsw_graph *old, const float *items,
                            size_t rows, size_t dim);

/* Levels are those of the entry at the most; a row has links to other nodes of its level, to none twice,
 * and free slots last; there is a way to every node from each where a search may come down to level 0. */
void assert_sound_graph(const vr_hnsw_graph *graph);

/* How many nodes there are ways to on level 0, none of them by the absent one; absent = graph->rows: all
 * are there. seen: room for one more than nodes, queue: for all; seen says afterwards which they are, and
 * is set for the absent one, too. */
size_t count_reached(const vr_hnsw_graph *graph, uint32_t start, size_t absent, uint8_t *seen,
                     uint32_t *queue);

bool same_graphs(const vr_hnsw_graph *a, const vr_hnsw_graph *b);

#endif
