/* What the tests of the data room share: bytes as a file, and what must come of them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_DATA_FILES_H
#define VR_TESTS_SUPPORT_DATA_FILES_H

#include "support/failed.h"
#include "core/matrix.h"
#include "data/npy.h"
#include "data/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A literal and its length, which may have zeros in it. */
#define BYTES(literal) (literal), sizeof(literal) - 1

/* 1 to 6 as float32, and as they stand in a file. */
static const float one_to_six[] = { 1, 2, 3, 4, 5, 6 };
#define F4_123 "\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40"
#define F4_456 "\0\0\x80\x40\0\0\xa0\x40\0\0\xc0\x40"

void assert_values(const vrec_matrix *matrix, size_t rows, size_t dim, const float *values);

/* Views size bytes as the file path. They are copied to *copy, a block of exactly that size, so that a
 * sanitizer sees what is read past its end; the caller frees it. */
vrec_status view_copy(const char *path, const void *bytes, size_t size, uint8_t **copy, vrec_matrix *out,
                      vrec_error *err);

void assert_refused(const char *path, const void *bytes, size_t size, vrec_status expected,
                    const char *says);

#endif
