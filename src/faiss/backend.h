/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_BACKEND_H
#define VR_FAISS_BACKEND_H

#include "core/index.h"

extern const vr_backend vr_faiss_backend;

#endif
