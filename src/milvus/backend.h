/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_MILVUS_BACKEND_H
#define VR_MILVUS_BACKEND_H

#include "core/index.h"

extern const vr_backend vr_milvus_backend;

#endif
