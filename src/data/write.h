/* Matrices into files. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_DATA_WRITE_H
#define VR_DATA_WRITE_H

#include "vrec/vrec.h"

/* Writes the file that path names, in the format of its ending. */
vrec_status vr_data_write(const char *path, const vrec_matrix *matrix, vrec_error *err);

#endif
