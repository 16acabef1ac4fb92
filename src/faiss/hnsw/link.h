/* Seeing to it that on level 0 there is a way from the entry, and from every node of a higher level, to
 * every node. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_LINK_H
#define VR_FAISS_HNSW_LINK_H

#include "faiss/hnsw/building.h"

/* Adds links on level 0 where some are missing for that. Where there is no free slot, a link is taken that
 * isn't needed to reach anybody. */
vrec_status vr_hnsw_link(vr_hnsw_building *b, vrec_error *err);

#endif
