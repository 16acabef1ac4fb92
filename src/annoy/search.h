/* Answering queries. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_SEARCH_H
#define VR_ANNOY_SEARCH_H

#include "annoy/annoy.h"

vrec_status vr_annoy_query(vr_index *indexer, const vr_query *query, vrec_error *err);

#endif
