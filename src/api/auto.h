/* index_type=auto: the library chooses the kind of index. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_AUTO_H
#define VR_API_AUTO_H

#include "api/builder.h"

/* Builds whichever kind answers fastest here at the recall that the builder's options say, and tunes it.
 * items and build have been checked. */
vrec_status vr_auto_build(const vrec_builder *builder, const vrec_matrix *items, const vrec_build *build,
                          vrec_indexer **out, vrec_error *err);

#endif
