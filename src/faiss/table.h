/* The options of the faiss backend. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_TABLE_H
#define VR_FAISS_TABLE_H

#include "core/options.h"

enum { VR_FAISS_INDEX_TYPE, VR_FAISS_METRIC, VR_FAISS_CODES, VR_FAISS_THREADS };

extern const vr_option_table vr_faiss_options;

#endif
