/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/wave.h"

#include "core/scratch.h"
#include "scan/bound.h"

#include <string.h>

enum { PANEL_DIM_MAX = 8192 /* above that, a panel is too large for a cache */ };

static size_t round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

/* For fewer queries than half of what a kernel takes together, one at a time is faster. */
void vr_wave_plan(vr_wave *wave, const vr_rows *rows, size_t queries, size_t room)
{
    const vr_simd *simd = vr_simd_get();
    *wave = (vr_wave){ .simd = simd, .metric = rows->metric, .dim = rows->dim, .width = 1 };
    if (rows->blocks) {
        wave->way = VR_BY_BLOCKS;
        wave->blocks = rows->blocks;
        if (queries >= simd->code_queries / 2)
            wave->width = simd->code_queries;
    } else if (queries > 1 && queries >= simd->tile_queries / 2 && rows->dim <= PANEL_DIM_MAX) {
        wave->way = VR_BY_PANELS;
        wave->width = simd->tile_queries;
    }
    wave->room = round_up(room, wave->width);
}

void vr_wave_place(vr_wave *wave, uintptr_t base, size_t *end)
{
    size_t room = wave->room, dim = wave->dim;
    wave->query_of = (void *)(base + vr_carve(end, room, sizeof *wave->query_of));
    wave->vectors = (void *)(base + vr_carve(end, room * dim, sizeof(float)));
    wave->norms = (void *)(base + vr_carve(end, room, sizeof(float)));
    wave->reaches = (void *)(base + vr_carve(end, room, sizeof(float)));
    if (wave->way == VR_BY_PANELS)
        wave->panels = (void *)(base + vr_carve(end, room * dim, sizeof(float)));
    if (wave->way == VR_BY_BLOCKS) {
        wave->coded = (void *)(base + vr_carve(end, room / wave->width, sizeof *wave->coded));
        wave->digits = (void *)(base + vr_carve(end, room * wave->blocks->groups, 4));
    }
}

void vr_wave_add(vr_wave *wave, size_t query)
{
    const float *vector = vr_wave_next(wave);
    float norm;
    wave->simd->dot_rows(vector, vector, 1, wave->dim, &norm);
    wave->norms[wave->count] = norm;
    wave->reaches[wave->count] =
        wave->metric == VR_METRIC_IP ? vr_slack(wave->dim) * vr_length_bound(norm, wave->dim) : 0.0f;
    wave->query_of[wave->count++] = query;
}

static void lay_out_one(vr_wave *wave, size_t q)
{
    size_t dim = wave->dim, width = wave->width, block = q / width, place = q % width;
    const float *vector = wave->vectors + q * dim;
    if (wave->way == VR_BY_PANELS)
        for (size_t j = 0; j < dim; j++)
            wave->panels[(block * dim + j) * width + place] = vector[j];
    if (wave->way == VR_BY_BLOCKS)
        vr_blocks_query(wave->blocks, vector, place, width,
                        wave->digits + block * width * wave->blocks->groups * 4, &wave->coded[block]);
}

/* The last kernel call may lack queries: what stands there instead doesn't matter as long as it is finite,
 * since nobody looks at its masks. */
void vr_wave_lay_out(vr_wave *wave)
{
    size_t dim = wave->dim, end = round_up(wave->count, wave->width);
    for (size_t q = wave->count; q < end; q++) {
        memset(wave->vectors + q * dim, 0, dim * sizeof(float));
        wave->norms[q] = wave->reaches[q] = 0.0f;
    }
    for (size_t q = 0; q < end; q++)
        lay_out_one(wave, q);
}
