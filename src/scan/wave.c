/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/wave.h"

#include "base/memory.h"
#include "core/scratch.h"
#include "scan/bound.h"

#include <string.h>

enum { PANEL_DIM_MAX = 8192 /* above that, a panel is too large for a cache */ };

static size_t round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

/* For fewer queries than half of what a tile kernel takes together, one at a time is faster. */
void vr_wave_plan(vr_wave *wave, const vr_rows *rows, size_t queries, size_t room)
{
    const vr_simd *simd = vr_simd_get();
    *wave = (vr_wave){ .simd = simd, .metric = rows->metric, .dim = rows->dim, .width = 1 };
    if (rows->blocks) {
        wave->way = VR_BY_BLOCKS;
        wave->blocks = rows->blocks;
        if (queries >= simd->code_few)
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
    wave->at = (void *)(base + vr_carve(end, room, sizeof *wave->at));
    wave->norms = (void *)(base + vr_carve(end, room, sizeof(float)));
    wave->reaches = (void *)(base + vr_carve(end, room, sizeof(float)));
    if (wave->way == VR_BY_PANELS)
        wave->panels = (void *)(base + vr_carve(end, room * dim, sizeof(float)));
    if (wave->way == VR_BY_BLOCKS) {
        wave->coded = (void *)(base + vr_carve(end, room, sizeof *wave->coded));
        wave->digits = (void *)(base + vr_carve(end, room * wave->blocks->groups, 4));
    }
}

static float reach_of(vr_metric metric, size_t dim, float norm)
{
    return metric == VR_METRIC_IP ? vr_slack(dim) * vr_length_bound(norm, dim) : 0.0f;
}

void vr_wave_add(vr_wave *wave, size_t query)
{
    const float *vector = vr_wave_next(wave);
    float norm;
    wave->simd->dot_rows(vector, vector, 1, wave->dim, &norm);
    wave->at[wave->count] = vector;
    wave->norms[wave->count] = norm;
    wave->reaches[wave->count] = reach_of(wave->metric, wave->dim, norm);
    wave->query_of[wave->count++] = query;
}

/* ---- Laying out ---- */

/* Decides how many queries are compared together, and returns for how many there is to be something. What
 * is left over after whole kernel calls is compared one by one if it is little, since a kernel call takes
 * its time however few of its queries are there. The rest of the last call is made up: what stands there
 * doesn't matter as long as it is finite, since nobody looks at its masks. */
static size_t fill_up(vr_wave *wave)
{
    size_t dim = wave->dim, left = wave->count % wave->width, end = round_up(wave->count, wave->width);
    wave->wide = wave->width > 1 ? end : 0;
    if (wave->way == VR_BY_BLOCKS && (wave->narrow || left < wave->simd->code_few)) {
        wave->wide = wave->width > 1 && !wave->narrow ? wave->count - left : 0;
        end = wave->count;
    }
    for (size_t q = wave->count; q < end; q++) {
        memset(wave->vectors + q * dim, 0, dim * sizeof(float));
        wave->at[q] = wave->vectors + q * dim;
        wave->norms[q] = wave->reaches[q] = 0.0f;
    }
    return end;
}

/* Where a query's digits and the rest of its code go. */
typedef struct spot {
    vr_code_queries *coded;
    int8_t *digits;
    size_t place, width;
} spot;

static spot spot_of(const vr_wave *wave, size_t q)
{
    size_t groups = wave->blocks->groups, width = wave->width, b = q - q % width;
    if (q >= wave->wide)
        return (spot){ &wave->coded[wave->wide / width + q - wave->wide], wave->digits + q * groups * 4, 0,
                       1 };
    return (spot){ &wave->coded[b / width], wave->digits + b * groups * 4, q % width, width };
}

static void lay_out_panel(vr_wave *wave, size_t q)
{
    size_t dim = wave->dim, width = wave->width, block = q / width, place = q % width;
    const float *vector = wave->at[q];
    for (size_t j = 0; j < dim; j++)
        wave->panels[(block * dim + j) * width + place] = vector[j];
}

void vr_wave_lay_out(vr_wave *wave)
{
    size_t end = fill_up(wave);
    for (size_t q = 0; q < end && wave->way == VR_BY_PANELS; q++)
        lay_out_panel(wave, q);
    for (size_t q = 0; q < end && wave->way == VR_BY_BLOCKS; q++) {
        spot to = spot_of(wave, q);
        vr_blocks_query(wave->blocks, wave->at[q], to.place, to.width, to.digits, to.coded);
        wave->reaches[q] = to.coded->rest[to.place];
    }
}

/* ---- Sums ---- */

size_t vr_wave_sums(const vr_wave *wave, size_t b, const uint8_t *digits, const float *factors, float *sums,
                    size_t stride)
{
    const vr_code_queries *coded = vr_wave_coded(wave, b);
    size_t groups = wave->blocks->groups;
    if (b >= wave->wide) {
        wave->simd->code_sums(coded, digits, groups, factors, sums);
        return 1;
    }
    wave->simd->code_tile_sums(coded, vr_min(wave->width, wave->count - b), digits, groups, factors, sums,
                               stride);
    return wave->width;
}

float vr_wave_error(const vr_wave *wave, size_t q, vr_worst rows)
{
    const vr_code_queries *coded = vr_wave_coded(wave, q);
    size_t place = q < wave->wide ? q % wave->width : 0;
    return coded->length[place] * rows.error + wave->reaches[q] * rows.length;
}

/* ---- Gathering ---- */

void vr_queries_place(vr_queries *queries, const vr_rows *rows, size_t room, uintptr_t base, size_t *end)
{
    size_t groups = rows->blocks ? rows->blocks->groups : 0;
    queries->simd = vr_simd_get();
    queries->blocks = rows->blocks;
    queries->metric = rows->metric;
    queries->dim = rows->dim;
    queries->norms = (void *)(base + vr_carve(end, room, sizeof(float)));
    queries->reaches = (void *)(base + vr_carve(end, room, sizeof(float)));
    queries->digits = (void *)(base + vr_carve(end, room * groups, 4));
    queries->codes = (void *)(base + vr_carve(end, rows->blocks ? room : 0, sizeof *queries->codes));
}

void vr_queries_ready(vr_queries *queries, size_t q)
{
    const float *vector = queries->vectors + q * queries->dim;
    queries->simd->dot_rows(vector, vector, 1, queries->dim, &queries->norms[q]);
    if (!queries->blocks) {
        queries->reaches[q] = reach_of(queries->metric, queries->dim, queries->norms[q]);
        return;
    }
    vr_code_queries code;
    vr_blocks_query(queries->blocks, vector, 0, 1, queries->digits + q * queries->blocks->groups * 4,
                    &code);
    queries->codes[q] = (vr_query_code){ code.offset[0], code.scale[0], code.length[0] };
    queries->reaches[q] = code.rest[0];
}

static void put_code(vr_code_queries *coded, size_t place, vr_query_code code)
{
    coded->offset[place] = code.offset;
    coded->scale[place] = code.scale;
    coded->length[place] = code.length;
}

/* The queries from b on that one kernel call compares. Where there is no query, any digits do. */
static void lay_out_codes(vr_wave *wave, size_t b, size_t width, const vr_queries *from,
                          const uint32_t *picked)
{
    size_t groups = wave->blocks->groups, count = vr_min(width, wave->count - b);
    spot to = spot_of(wave, b);
    to.coded->digits = to.digits;
    for (size_t i = 0; i < count; i++) {
        const int8_t *digits = from->digits + picked[b + i] * groups * 4;
        vr_put_digits(wave->simd, digits, groups, i, width, to.digits);
        put_code(to.coded, i, from->codes[picked[b + i]]);
    }
    for (size_t i = count; i < width; i++)
        put_code(to.coded, i, (vr_query_code){ 0 });
}

void vr_wave_gather(vr_wave *wave, const vr_queries *from, const uint32_t *picked, size_t count,
                    size_t first)
{
    size_t dim = wave->dim;
    wave->count = count;
    for (size_t i = 0; i < count; i++) {
        size_t q = picked[i];
        wave->at[i] = from->vectors + q * dim;
        wave->norms[i] = from->norms[q];
        wave->reaches[i] = from->reaches[q];
        wave->query_of[i] = first + q;
    }
    size_t end = fill_up(wave);
    for (size_t i = 0; i < end && wave->way == VR_BY_PANELS; i++)
        lay_out_panel(wave, i);
    for (size_t b = 0, width; b < end && wave->way == VR_BY_BLOCKS; b += width) {
        width = b < wave->wide ? wave->width : 1;
        lay_out_codes(wave, b, width, from, picked);
    }
}
