/* A build for a recall: an index, and the setting that has it. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_BUILD_TUNED_H
#define VR_API_BUILD_TUNED_H

#include "api/builder.h"

/* Builds what the builder says, which doesn't itself ask for a recall, and tunes it to that of 10 results:
 * its queries go by the setting that was found, and its file has it, if FAISS knows such a one. What is
 * exact isn't tuned, and *tuning zeros. A recall that is out of reach is told of in shortfall
 * (VR_SHORTFALL bytes), and the index has what comes nearest; else it becomes "". items and build have been
 * checked. */
vrec_status vr_build_tuned(const vrec_builder *builder, const vrec_matrix *items, const vrec_build *build,
                           double recall, vrec_indexer **out, vrec_tuning *tuning, char *shortfall,
                           vrec_error *err);

/* The recall that the builder's options ask for, a number above 0 and below 1. Errors: VREC_INVALID. */
vrec_status vr_recall_of_build(const vrec_builder *builder, double *recall, vrec_error *err);

/* The same to the recall that the builder's options ask for. */
vrec_status vr_build_for_recall(const vrec_builder *builder, const vrec_matrix *items,
                                const vrec_build *build, vrec_indexer **out, vrec_error *err);

#endif
