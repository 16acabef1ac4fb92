/* Lists of allowed ids, as bitmaps: the rows that an index of our own knows.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_ALLOW_H
#define VR_API_ALLOW_H

#include "api/interests.h"

/* A checked query of so many users; interests is NULL where each row of the queries is one. Lists of
 * allowed ids become bitmaps, some users at a time, as there is room; a server gets them as they are. */
vrec_status vr_allow_query(const vr_interests *interests, size_t users, vr_index *index,
                           const vr_query *query, vrec_error *err);

#endif
