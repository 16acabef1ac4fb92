/* Names of files, which are UTF-8 here and UTF-16 in Windows, and what Windows says when it fails.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_BASE_WINDOWS_WIDE_H
#define VR_BASE_WINDOWS_WIDE_H

#include <stdbool.h>
#include <wchar.h>

/* The path as Windows takes it at any length: whole, with backslashes, after "\\?\". To be freed; NULL with
 * errno set if it isn't UTF-8 or memory is short. */
wchar_t *vr_wide_path(const char *path);

/* The same back in UTF-8, to be freed; NULL if memory is short. */
char *vr_narrow(const wchar_t *wide);

/* Sets errno to what GetLastError() says. */
void vr_set_errno(void);

#endif
