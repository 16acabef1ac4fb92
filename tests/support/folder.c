/* SPDX-License-Identifier: Apache-2.0 */
#include "support/folder.h"

static char folder[32];

#ifdef _WIN32
#include <direct.h>

/* Which Windows lacks. */
static char *mkdtemp(char *template)
{
    return _mktemp(template) && _mkdir(template) == 0 ? template : NULL;
}
#endif

size_t for_each_file(int (*act)(const char *name))
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

int enter_folder(void **state)
{
    (void)state;
    strcpy(folder, "test_folder.XXXXXX");
    return !mkdtemp(folder) || chdir(folder) != 0;
}

int leave_folder(void **state)
{
    (void)state;
    for_each_file(remove);
    return chdir("..") != 0 || rmdir(folder) != 0;
}

void write_file(const char *path, const void *bytes, size_t size)
{
    remove(path); /* some file systems sync a file that was cut to nothing first */
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void assert_file(const char *path, const void *bytes, size_t size)
{
    vr_map map;
    assert_int_equal(vr_map_open(path, &map, NULL), VREC_OK);
    assert_int_equal(map.size, size);
    if (size > 0)
        assert_memory_equal(map.data, bytes, size);
    vr_map_close(&map);
}
