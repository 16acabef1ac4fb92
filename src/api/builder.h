/* A builder: a backend and what it was told. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_BUILDER_H
#define VR_API_BUILDER_H

#include "core/index.h"

struct vrec_builder {
    const vr_backend *backend;
    vr_options options;
};

#endif
