/* The models that vrec eval compares: each has embeddings of the users and of the items, the same users and
 * the same items in every model. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* ---- What is asked for ---- */

/* "dssm=out/users.npy" is a file and the model's name; without a name that is the path. What has a folder
 * before the "=" is a path, so that ./a=b.npy is one. */
static int parse_users(const cli_args *args, const char *value, cli_model *out)
{
    size_t length = strcspn(value, "=/\\");
    bool named = value[length] == '=' && length > 0;
    out->users_path = named ? value + length + 1 : value;
    if (!*out->users_path)
        return cli_fail_usage(args->command->name, "--users %s has no file; it takes FILE or NAME=FILE",
                              value);
    length = named ? length : strlen(value);
    out->name = malloc(length + 1);
    if (!out->name)
        return cli_fail("out of memory: could not get room for the name of a model");
    memcpy(out->name, value, length);
    out->name[length] = '\0';
    return 0;
}

/* What stands already, in a file or on a server, holds the items of one model. */
static int check_several(const cli_args *args)
{
    const size_t users = args->times[CLI_USERS], items = args->times[CLI_ITEMS];
    if (args->given[CLI_INDEX])
        return cli_fail_usage(args->command->name,
                              "--index holds the items of one model; to compare models, "
                              "leave it out, and give each its --users and --items");
    for (size_t i = 0; i < args->times[CLI_WITH]; i++)
        if (cli_is_attached(args->repeated[CLI_WITH][i]))
            return cli_fail_usage(args->command->name,
                                  "--with number %zu is a collection, which holds the items "
                                  "of one model; to compare models, leave it out",
                                  i + 1);
    return users == items
               ? 0
               : cli_fail_usage(
                     args->command->name,
                     "there are %zu --users and %zu --items; each model has both, the first users "
                     "with the first items",
                     users, items);
}

int cli_models_parse(const cli_args *args, cli_models *out)
{
    const size_t count = args->times[CLI_USERS];
    int failed = count > 1 || args->times[CLI_ITEMS] > 1 ? check_several(args) : 0;
    for (size_t i = 0; i < count && !failed; i++) {
        out->count++;
        out->all[i].items_path = args->repeated[CLI_ITEMS][i];
        failed = parse_users(args, args->repeated[CLI_USERS][i], &out->all[i]);
        for (size_t j = 0; j < i && !failed; j++)
            if (strcmp(out->all[i].name, out->all[j].name) == 0)
                failed = cli_fail_usage(args->command->name,
                                        "two models are called %s; --users NAME=FILE gives them names",
                                        out->all[i].name);
    }
    return failed;
}

/* ---- The files ---- */

static int check_rows(const char *what, const char *path, const vrec_data *file, const char *first_path,
                      const vrec_data *first)
{
    size_t rows = vrec_data_matrix(file)->rows, wanted = vrec_data_matrix(first)->rows;
    return rows == wanted ? 0
                          : cli_fail("%s has %zu %s, %s %zu; row i must be the same one in every model",
                                     path, rows, what, first_path, wanted);
}

static int check_dims(const cli_model *model)
{
    size_t users = vrec_data_matrix(model->users)->dim, items = vrec_data_matrix(model->items)->dim;
    return users == items
               ? 0
               : cli_fail("the vectors of %s have %zu values, those of %s %zu; they must be of one model",
                          model->users_path, users, model->items_path, items);
}

static int open_model(cli_model *model, const cli_model *first)
{
    vrec_error err;
    if (vrec_data_open(model->users_path, &model->users, &err) != VREC_OK)
        return cli_fail_library(&err);
    if (vrec_data_matrix(model->users)->rows == 0)
        return cli_fail("%s: it has no users", model->users_path);
    int failed = check_rows("users", model->users_path, model->users, first->users_path, first->users);
    if (failed || !model->items_path)
        return failed;
    if (vrec_data_open(model->items_path, &model->items, &err) != VREC_OK)
        return cli_fail_library(&err);
    failed = check_rows("items", model->items_path, model->items, first->items_path, first->items);
    return failed ? failed : check_dims(model);
}

int cli_models_open(cli_models *models)
{
    int failed = 0;
    for (size_t i = 0; i < models->count && !failed; i++)
        failed = open_model(&models->all[i], &models->all[0]);
    return failed;
}

void cli_models_close(cli_models *models)
{
    for (size_t i = 0; i < models->count; i++) {
        vrec_data_close(models->all[i].items);
        vrec_data_close(models->all[i].users);
        free(models->all[i].name);
    }
}
