/* SPDX-License-Identifier: Apache-2.0 */
#include "base/windows/wide.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

/* UTF-16 of an UTF-8 text, to be freed. */
static wchar_t *widen(const char *text)
{
    int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    if (length <= 0) {
        errno = EILSEQ;
        return NULL;
    }
    wchar_t *wide = malloc((size_t)length * sizeof *wide);
    if (wide)
        MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, length);
    else
        errno = ENOMEM;
    return wide;
}

/* Writes prefix and then the whole path of name; to be freed. */
static wchar_t *make_whole(const wchar_t *name, const wchar_t *prefix)
{
    DWORD room = GetFullPathNameW(name, 0, NULL, NULL);
    size_t begin = wcslen(prefix);
    wchar_t *whole = room > 0 ? malloc((begin + room) * sizeof *whole) : NULL;
    if (!whole) {
        errno = room > 0 ? ENOMEM : ENOENT;
        return NULL;
    }
    wmemcpy(whole, prefix, begin);
    GetFullPathNameW(name, room, whole + begin, NULL);
    return whole;
}

wchar_t *vr_wide_path(const char *path)
{
    wchar_t *name = widen(path), *whole;
    if (!name)
        return NULL;
    whole = make_whole(name, L"\\\\?\\");
    if (whole && wcsncmp(whole + 4, L"\\\\?\\", 4) == 0) { /* it was one of these already */
        wmemmove(whole, whole + 4, wcslen(whole + 4) + 1);
    } else if (whole &&
               wcsncmp(whole + 4, L"\\\\", 2) == 0) { /* \\server\share, which has a spelling of its own */
        free(whole);
        whole = make_whole(name, L"\\\\?\\UNC");
        if (whole) /* one backslash of the two */
            wmemmove(whole + 7, whole + 8, wcslen(whole + 8) + 1);
    }
    free(name);
    return whole;
}

char *vr_narrow(const wchar_t *wide)
{
    int length = WideCharToMultiByte(CP_UTF8, 0, wide, -1, NULL, 0, NULL, NULL);
    char *text = length > 0 ? malloc((size_t)length) : NULL;
    if (text)
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, length, NULL, NULL);
    return text;
}

void vr_set_errno(void)
{
    static const struct {
        DWORD windows;
        int errnum;
    } pairs[] = {
        { ERROR_FILE_NOT_FOUND, ENOENT },
        { ERROR_PATH_NOT_FOUND, ENOENT },
        { ERROR_INVALID_NAME, ENOENT },
        { ERROR_BAD_PATHNAME, ENOENT },
        { ERROR_BAD_NETPATH, ENOENT },
        { ERROR_TOO_MANY_OPEN_FILES, EMFILE },
        { ERROR_ACCESS_DENIED, EACCES },
        { ERROR_SHARING_VIOLATION, EACCES },
        { ERROR_LOCK_VIOLATION, EACCES },
        { ERROR_USER_MAPPED_FILE, EACCES },
        { ERROR_WRITE_PROTECT, EROFS },
        { ERROR_NOT_ENOUGH_MEMORY, ENOMEM },
        { ERROR_OUTOFMEMORY, ENOMEM },
        { ERROR_COMMITMENT_LIMIT, ENOMEM },
        { ERROR_FILE_EXISTS, EEXIST },
        { ERROR_ALREADY_EXISTS, EEXIST },
        { ERROR_DISK_FULL, ENOSPC },
        { ERROR_HANDLE_DISK_FULL, ENOSPC },
        { ERROR_FILENAME_EXCED_RANGE, ENAMETOOLONG },
    };
    DWORD last = GetLastError();
    errno = EIO;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i].windows == last)
            errno = pairs[i].errnum;
}
