/* Names that a caller gives to items. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_GIVEN_NAMES_H
#define VR_API_GIVEN_NAMES_H

#include "core/names.h"

/* Whether what a build, or an addition, is told of names makes sense. */
vrec_status vr_given_names_check(const vrec_build *build, vrec_error *err);

/* The table of the names that are given to rows items, after those that there are; NULL: none. */
vrec_status vr_given_names_take(const vrec_build *build, const vr_names *old, size_t rows, vr_names **out,
                                vrec_error *err);

#endif
