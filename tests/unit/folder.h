/* A test's own folder, which it is in while it runs, and the files there. SPDX-License-Identifier:
 * Apache-2.0 */
#ifndef VR_TESTS_UNIT_FOLDER_H
#define VR_TESTS_UNIT_FOLDER_H

#include "base/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[32];

static inline size_t for_each_file(int (*act)(const char *name))
{
    size_t count = 0;
    DIR *here = opendir(".");
    assert_non_null(here);
    for (struct dirent *entry; (entry = readdir(here));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            count++;
            if (act)
                act(entry->d_name);
        }
    closedir(here);
    return count;
}

static inline int enter_folder(void **state)
{
    (void)state;
    strcpy(folder, "test_folder.XXXXXX");
    return !mkdtemp(folder) || chdir(folder) != 0;
}

static inline int leave_folder(void **state)
{
    (void)state;
    for_each_file(remove);
    return chdir("..") != 0 || rmdir(folder) != 0;
}

static inline void write_file(const char *path, const void *bytes, size_t size)
{
    remove(path); /* some file systems sync a file that was cut to nothing first */
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

static inline void assert_file(const char *path, const void *bytes, size_t size)
{
    vr_map map;
    assert_int_equal(vr_map_open(path, &map, NULL), VREC_OK);
    assert_int_equal(map.size, size);
    if (size > 0)
        assert_memory_equal(map.data, bytes, size);
    vr_map_close(&map);
}

#endif
