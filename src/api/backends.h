/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_BACKENDS_H
#define VR_API_BACKENDS_H

#include "core/index.h"

/* Backend number i; NULL past the last. */
const vr_backend *vr_backend_at(size_t i);

/* The backend of that name, in any case; NULL, and an error that names the nearest, if there is none. */
const vr_backend *vr_backend_find(const char *name, vrec_error *err);

#endif
