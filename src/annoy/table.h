/* The options of the annoy backend. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_TABLE_H
#define VR_ANNOY_TABLE_H

#include "core/options.h"

enum {
    VR_ANNOY_DIM,
    VR_ANNOY_METRIC,
    VR_ANNOY_TREES,
    VR_ANNOY_THREADS,
    VR_ANNOY_SEARCHK,
    VR_ANNOY_SEED,
    VR_ANNOY_STREAM,
    VR_ANNOY_DOT_LAYOUT,
    VR_ANNOY_LOAD,
    VR_ANNOY_PREFAULT,
    VR_ANNOY_CODES,
    VR_ANNOY_FILL,
    VR_ANNOY_TARGET_RECALL /* which api/ turns into a setting */
};

extern const vr_option_table vr_annoy_options;

#endif
