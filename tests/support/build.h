/* Indexes that tests build. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_BUILD_H
#define VR_TESTS_SUPPORT_BUILD_H

#include "vrec/vrec.h"

/* A builder of that backend with these options, what it builds of the items, and no builder any more. how
 * may be NULL. */
vrec_status build_index(const char *backend, const char *options, const vrec_matrix *items,
                        const vrec_build *how, vrec_indexer **out, vrec_error *err);

/* The same where it can't fail. */
vrec_indexer *must_build_index(const char *backend, const char *options, const vrec_matrix *items,
                               const vrec_build *how);

#endif
