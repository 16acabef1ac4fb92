/* Changing an index: what vrec add and vrec optimize have in common. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

int cli_change_index(const cli_args *args, const cli_change *change, void *context)
{
    vrec_indexer *indexer;
    vrec_error err;
    cli_progress progress;
    const char *output = args->values[CLI_OUTPUT][0];
    cli_progress_start(&progress, args, false);
    int failed = cli_open_index(args, args->operands[0], 0, &progress, &indexer);
    if (failed)
        return failed;
    failed = change->apply(context, indexer, &progress);
    if (!failed && vrec_save(indexer, output, &progress.report, &err) != VREC_OK) {
        cli_progress_end(&progress);
        failed = cli_fail_library(&err);
    }
    cli_progress_end(&progress);
    if (!failed && !args->given[CLI_QUIET])
        change->tell(context, indexer, output, cli_progress_seconds(&progress));
    vrec_indexer_free(indexer);
    return failed;
}
