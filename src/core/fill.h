/* What a query makes for itself and later ones. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_FILL_H
#define VR_CORE_FILL_H

#include "core/indexer.h"

/* Calls put(context, first, count) for portions of the rows until all have had their turn, on up to so many
 * threads. The query waits for it, of whose steps it has done none: those are reported, out of total.
 * VREC_CANCELLED if its caller stops it; what has been put is then unfinished. */
vrec_status vr_fill(const vr_query *query, uint64_t total, size_t threads, size_t rows,
                    void (*put)(void *context, size_t first, size_t count), void *context, vrec_error *err);

#endif
