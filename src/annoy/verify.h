/* Checking all of a file. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_VERIFY_H
#define VR_ANNOY_VERIFY_H

#include "annoy/annoy.h"

/* Refuses a forest unless every tree is one, and leads to every item exactly once. */
vrec_status vr_annoy_verify(const vr_annoy *forest, const char *name, const vrec_progress *progress,
                            vrec_error *err);

#endif
