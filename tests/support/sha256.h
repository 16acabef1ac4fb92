/* SHA-256 (FIPS 180-4), for golden files. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_SHA256_H
#define VR_TESTS_SUPPORT_SHA256_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The hash as 64 hexadecimal digits. */
void sha256(const uint8_t *bytes, size_t size, char out[65]);

#endif
