/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/levels.h"

#include "core/twister.h"

enum { DRAWN_MAX = 1 << 24 };

static uint8_t draw_levels(const vr_hnsw_graph *graph, vr_twister *random)
{
    double left = (double)vr_twister_draw_float(random);
    for (size_t level = 0; level < graph->level_count; level++) {
        if (left < graph->chances[level])
            return (uint8_t)(level + 1);
        left -= graph->chances[level];
    }
    return (uint8_t)graph->level_count;
}

void vr_hnsw_draw_levels(vr_hnsw_graph *graph, size_t first, uint64_t seed)
{
    vr_twister random;
    vr_twister_seed(&random, seed);
    for (size_t i = 0; i < graph->rows; i++) {
        uint8_t levels = draw_levels(graph, &random);
        if (i >= first)
            graph->levels[i] = levels;
    }
}

uint64_t vr_hnsw_upper_slots(const vr_hnsw_graph *graph, size_t rows, uint64_t seed)
{
    size_t drawn = rows < DRAWN_MAX ? rows : DRAWN_MAX;
    uint64_t slots = 0;
    vr_twister random;
    vr_twister_seed(&random, seed);
    for (size_t i = 0; i < drawn; i++)
        slots += graph->slots[draw_levels(graph, &random)] - graph->slots[1];
    return drawn < rows ? (uint64_t)((double)slots * (double)rows / (double)drawn) : slots;
}
