/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "system.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The folder that path lies in, to be freed; NULL if memory is short. */
static char *folder_of(const char *path)
{
    size_t length = (size_t)(cli_file_name(path) - path);
    char *folder = malloc(length + 2);
    if (!folder)
        return NULL;
    if (length > 1 && path[length - 2] != ':') /* without its separator, unless it is a root */
        length--;
    snprintf(folder, length + 2, "%.*s", length > 0 ? (int)length : 1, length > 0 ? path : ".");
    return folder;
}

bool cli_same_file(const char *a, const char *b)
{
    if (strcmp(a, b) == 0 || cli_same_inode(a, b))
        return true;
    /* Neither may exist yet. */
    char *folder_a = folder_of(a), *folder_b = folder_of(b);
    bool same = strcmp(cli_file_name(a), cli_file_name(b)) == 0 && folder_a && folder_b &&
                cli_same_inode(folder_a, folder_b);
    free(folder_a);
    free(folder_b);
    return same;
}

int cli_check_vectors(const char *path, const vrec_data *file)
{
    const size_t values = vrec_data_matrix(file)->rows;
    if (!vrec_data_is_list(file))
        return 0;
    return cli_fail("%s: its array has one dimension, of %zu values, and vectors have two; save "
                    "array.reshape(1, -1) for one vector, or array.reshape(-1, 1) for vectors of one value",
                    path, values);
}

static int check_writable(const char *output)
{
    cli_place place = cli_look_at(output);
    if (place != CLI_NOTHING)
        return place == CLI_A_FOLDER ? cli_fail("writing %s: %s", output, strerror(EISDIR)) : 0;
    char *folder = folder_of(output);
    int errnum = folder ? cli_check_folder(folder) : 0;
    int failed = errnum ? cli_fail("writing %s: its folder %s: %s", output, folder, strerror(errnum)) : 0;
    free(folder);
    return failed;
}

int cli_check_output(const cli_args *args, const char *output, const char *const *inputs, size_t count)
{
    if (strcmp(output, "-") == 0)
        return cli_fail_usage(args->command->name,
                              "an output is a file that is renamed when it is whole, not standard output; "
                              "./- is a file of that name");
    for (size_t i = 0; i < count; i++)
        if (cli_same_file(output, inputs[i]))
            return cli_fail_usage(args->command->name, "the output %s is the input %s, which would be lost",
                                  output, inputs[i]);
    return check_writable(output);
}
