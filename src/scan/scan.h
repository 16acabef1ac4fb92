/* One thread compares rows with the queries of a wave, exactly. It knows neither index nor file.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_SCAN_SCAN_H
#define VR_SCAN_SCAN_H

#include "core/filter.h"
#include "core/topk.h"
#include "scan/wave.h"

#include <float.h>

enum { VR_SCAN_WAITING = 16 };

/* What one thread has. rows, wave, filter and limits are shared and set by its owner; the rest is the
 * thread's own. tops keep the k nearest so far of every query: rows may be scanned in any order, a part at
 * a time, and those of another list may follow, with tops copied in and out. */
typedef struct vr_scanner {
    const vr_rows *rows;
    const vr_wave *wave;
    const vr_filter *filter;  /* or NULL */
    _Atomic uint64_t *limits; /* of every query the least that any thread has; NULL with one thread */
    vr_topk *tops;            /* one for every query of the wave */
    float *floors;            /* of every query, and for what stands in place of missing ones */
    float *space;             /* a panel, or distances */
    size_t waiting;           /* pairs that a kernel has let through, and whose rows are on their way */
    uint32_t waiting_queries[VR_SCAN_WAITING], waiting_rows[VR_SCAN_WAITING];
} vr_scanner;

/* Nothing is farther than that and still returned. */
static inline uint64_t vr_no_limit(void)
{
    return vr_topk_key(FLT_MAX, UINT32_MAX);
}

/* Gives the scanner its floors and its space for this wave; as vr_wave_place(). */
void vr_scanner_place(vr_scanner *s, const vr_wave *wave, uintptr_t base, size_t *end);

/* To be called when the wave and the tops have been set, whose limits are at most vr_no_limit(). */
void vr_scanner_start(vr_scanner *s);

/* Takes over limits that other threads have made smaller. */
void vr_scanner_update(vr_scanner *s);

/* Compares query q of the wave with the rows of these numbers alone, in whichever way others are compared:
 * for a filter that lets so few rows pass that asking of all would be a waste. */
void vr_scan_listed(vr_scanner *s, size_t q, const uint32_t *rows, size_t count);

/* Compares all queries with count rows from first on, which is a multiple of tile_rows. */
void vr_scan(vr_scanner *s, size_t first, size_t count);

#endif
