/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_BACKEND_H
#define VR_ANNOY_BACKEND_H

#include "core/index.h"

extern const vr_backend vr_annoy_backend;

#endif
