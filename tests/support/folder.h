/* A test's own folder, which it is in while it runs, and the files there. SPDX-License-Identifier:
 * Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_FOLDER_H
#define VR_TESTS_SUPPORT_FOLDER_H

#include "base/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

size_t for_each_file(int (*act)(const char *name));

int enter_folder(void **state);

int leave_folder(void **state);

void write_file(const char *path, const void *bytes, size_t size);

void assert_file(const char *path, const void *bytes, size_t size);

#endif
