/* What there is to turn of an index: the options that say how much a search looks at.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_KNOBS_H
#define VR_API_KNOBS_H

#include "api/indexer.h"

#include <stdbool.h>
#include <stdint.h>

/* What says how much a search looks at. */
typedef struct vr_knob {
    const char *option;
    int64_t least, most;
    int64_t parts;      /* it is counted in: 1; more: as a decimal fraction */
    bool plain;         /* the library's own search is what it is turned for (vr_trial) */
    const char *unset;  /* the option that would count beside it; "" if none */
    const char *advice; /* where its most isn't enough */
    double spared;      /* as the second of two: the share of distances that it has to spare to be taken */
} vr_knob;

enum { VR_KNOBS = 3 };

/* The one that its library has, too; another of ours; and the first for the library's own search, where
 * that finds something else. Those that there aren't have no name. Errors: VREC_UNSUPPORTED. */
vrec_status vr_choose_knobs(const vrec_indexer *indexer, size_t top_k, vr_knob out[VR_KNOBS],
                            vrec_error *err);

/* Whether its items are elsewhere. */
bool vr_is_on_server(const vrec_indexer *indexer);

#endif
