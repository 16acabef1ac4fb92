/* SPDX-License-Identifier: Apache-2.0 */
#include "base/descriptor.h"

#include "base/windows/wide.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <stdlib.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

enum { EVERYBODY = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE };

/* As on other systems, others may rename, delete and write what is being read. FILE_FLAG_BACKUP_SEMANTICS
 * opens folders, too, so that one can be called what it is. */
int vr_descriptor_open(const char *path)
{
    wchar_t *wide = vr_wide_path(path);
    if (!wide)
        return -1;
    HANDLE handle =
        CreateFileW(wide, GENERIC_READ, EVERYBODY, NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (handle == INVALID_HANDLE_VALUE)
        vr_set_errno();
    free(wide);
    if (handle == INVALID_HANDLE_VALUE)
        return -1;
    int fd = _open_osfhandle((intptr_t)handle, _O_RDONLY | _O_BINARY);
    if (fd < 0)
        CloseHandle(handle);
    return fd;
}

static HANDLE handle_of(int fd)
{
    return (HANDLE)_get_osfhandle(fd);
}

int vr_descriptor_look(int fd, vr_file_kind *kind, uint64_t *size)
{
    BY_HANDLE_FILE_INFORMATION found;
    *size = 0;
    *kind = VR_FILE_OTHER;
    if (GetFileType(handle_of(fd)) != FILE_TYPE_DISK)
        return 0;
    if (!GetFileInformationByHandle(handle_of(fd), &found)) {
        vr_set_errno();
        return -1;
    }
    *kind = found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY ? VR_FILE_FOLDER : VR_FILE_REGULAR;
    *size = (uint64_t)found.nFileSizeHigh << 32 | found.nFileSizeLow;
    return 0;
}

ptrdiff_t vr_descriptor_read(int fd, uint64_t offset, void *buffer, size_t length)
{
    OVERLAPPED at = { .Offset = (DWORD)offset, .OffsetHigh = (DWORD)(offset >> 32) };
    DWORD got, wish = length < (1u << 30) ? (DWORD)length : 1u << 30;
    if (ReadFile(handle_of(fd), buffer, wish, &got, &at))
        return (ptrdiff_t)got;
    if (GetLastError() == ERROR_HANDLE_EOF)
        return 0;
    vr_set_errno();
    return -1;
}

const void *vr_descriptor_map(int fd, size_t size)
{
    HANDLE mapping = CreateFileMappingW(handle_of(fd), NULL, PAGE_READONLY, (DWORD)((uint64_t)size >> 32),
                                        (DWORD)size, NULL);
    const void *data = mapping ? MapViewOfFile(mapping, FILE_MAP_READ, 0, 0, size) : NULL;
    if (!data)
        vr_set_errno();
    if (mapping)
        CloseHandle(mapping); /* the view keeps what it needs */
    return data;
}

void vr_descriptor_unmap(const void *data, size_t size)
{
    (void)size;
    UnmapViewOfFile(data);
}

int vr_descriptor_is_elsewhere(int fd, const char *path)
{
    BY_HANDLE_FILE_INFORMATION ours, theirs;
    int other = vr_descriptor_open(path);
    if (other < 0)
        return errno == ENOENT ? 0 : -1;
    bool known = GetFileInformationByHandle(handle_of(fd), &ours) &&
                 GetFileInformationByHandle(handle_of(other), &theirs);
    if (!known)
        vr_set_errno();
    vr_descriptor_close(other);
    if (!known)
        return -1;
    return ours.dwVolumeSerialNumber != theirs.dwVolumeSerialNumber ||
           ours.nFileIndexHigh != theirs.nFileIndexHigh || ours.nFileIndexLow != theirs.nFileIndexLow;
}

void vr_descriptor_close(int fd)
{
    _close(fd);
}
