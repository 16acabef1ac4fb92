/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder that path lies in, to be freed; NULL if memory is short. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static bool same_inode(const char *a, const char *b)
{
    struct stat sa, sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool cli_same_file(const char *a, const char *b)
{
    if (strcmp(a, b) == 0 || same_inode(a, b))
        return true;
    /* Neither may exist yet. */
    char *folder_a = folder_of(a), *folder_b = folder_of(b);
    bool same =
        strcmp(name_of(a), name_of(b)) == 0 && folder_a && folder_b && same_inode(folder_a, folder_b);
    free(folder_a);
    free(folder_b);
    return same;
}

static int check_writable(const char *output)
{
    struct stat st;
    if (stat(output, &st) == 0)
        return S_ISDIR(st.st_mode) ? cli_fail("writing %s: %s", output, strerror(EISDIR)) : 0;
    char *folder = folder_of(output);
    int failed = 0;
    if (folder && access(folder, W_OK | X_OK) != 0)
        failed = cli_fail("writing %s: its folder %s: %s", output, folder, strerror(errno));
    free(folder);
    return failed;
}

int cli_check_output(const cli_args *args, const char *output, const char *const *inputs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cli_same_file(output, inputs[i]))
            return cli_fail_usage(args->command->name, "the output %s is the input %s, which would be lost",
                                  output, inputs[i]);
    return check_writable(output);
}
