/* The types of index that FAISS can write: what they are called, and which indexes they are made of.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_TYPES_H
#define VR_FAISS_TYPES_H

#include "base/reader.h"

/* Says why the index that begins at byte at can't be opened: VREC_UNSUPPORTED with what it is, all the way
 * in, and what to do instead; or VREC_CORRUPT if it is none. */
vrec_status vr_faiss_refuse(const vr_reader *reader, uint64_t at, vrec_error *err);

#endif
