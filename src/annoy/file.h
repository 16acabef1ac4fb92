/* Opening and saving a forest. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_FILE_H
#define VR_ANNOY_FILE_H

#include "annoy/annoy.h"

/* What to open, and how. */
typedef struct vr_annoy_source {
    vr_annoy_metric metric;
    size_t dim;
    bool layout_known, current; /* dot: else both layouts are tried */
    bool read, prefault, codes;
} vr_annoy_source;
vrec_status vr_annoy_open(const vr_annoy_source *source, const char *path, const vrec_progress *progress,
                          vr_annoy **out, vrec_error *err);

/* The same for a file's bytes, which it takes over, also when it fails. name stands in errors. */
vrec_status vr_annoy_adopt(const vr_annoy_source *source, const char *name, uint8_t *image, size_t bytes,
                           vr_annoy **out, vrec_error *err);
void vr_annoy_free(vr_index *indexer);

#endif
