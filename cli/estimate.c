/* vrec estimate: what an index would take. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/* The number that follows a flag; 0 without the flag. */
static int parse_count(const cli_args *args, cli_flag_id flag, size_t *out)
{
    const char *text = args->values[flag][0];
    char *end;
    *out = 0;
    if (!text)
        return 0;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || number < 1 || number > SIZE_MAX)
        return cli_fail_usage(args->command->name, "--%s is \"%s\"; it takes a whole number from 1 on",
                              cli_flags[flag].key, text);
    *out = (size_t)number;
    return 0;
}

/* ---- What is said ---- */

static void print_bytes(const char *what, uint64_t bytes, const char *more)
{
    printf("%-16s %10.1f MB%s\n", what, (double)bytes / 1e6, more);
}

static void print_text(const vrec_forecast *f)
{
    print_bytes("file", f->file_bytes, "");
    print_bytes("memory", f->index_bytes, "");
    if (f->codes_bytes > 0)
        print_bytes("  with codes", f->index_bytes + f->codes_bytes,
                    "   (made by queries, once that pays)");
    print_bytes("  while built", f->peak_bytes, "");
    if (f->mapped_bytes > 0) {
        print_bytes("  opened", f->opened_bytes, "   (of its own)");
        print_bytes("  and mapped", f->mapped_bytes, "   (of the file, shared by all who have it open)");
    }
    printf("%-16s %10.*f s    (by a trial with %" PRIu64 " items)\n", "build", f->seconds < 10 ? 2 : 0,
           f->seconds, f->trial_rows);
}

static void print_json(const vrec_forecast *f)
{
    printf("{\"file_bytes\":%" PRIu64 ",\"index_bytes\":%" PRIu64 ",\"codes_bytes\":%" PRIu64
           ",\"peak_bytes\":%" PRIu64 ",\"seconds\":%.6g,\"trial_rows\":%" PRIu64
           ",\"opened_bytes\":%" PRIu64 ",\"mapped_bytes\":%" PRIu64 "}\n",
           f->file_bytes, f->index_bytes, f->codes_bytes, f->peak_bytes, f->seconds, f->trial_rows,
           f->opened_bytes, f->mapped_bytes);
}

/* ---- The work ---- */

static int estimate(const cli_args *args, const vrec_builder *builder, const vrec_plan *plan)
{
    vrec_error err;
    cli_progress progress;
    vrec_plan with = *plan;
    vrec_forecast forecast = { .struct_size = sizeof forecast };
    cli_progress_start(&progress, args, false);
    with.progress = &progress.report;
    vrec_status status = vrec_estimate(builder, &with, &forecast, &err);
    cli_progress_end(&progress);
    if (status != VREC_OK)
        return cli_fail_library(&err);
    if (args->given[CLI_JSON])
        print_json(&forecast);
    else
        print_text(&forecast);
    return 0;
}

static int estimate_items(const cli_args *args, const vrec_builder *builder, vrec_plan *plan)
{
    vrec_data *file;
    vrec_error err;
    if (vrec_data_open(args->operands[0], &file, &err) != VREC_OK)
        return cli_fail_library(&err);
    int failed = cli_check_vectors(args->operands[0], file);
    plan->items = vrec_data_matrix(file);
    if (!failed)
        failed = estimate(args, builder, plan);
    vrec_data_close(file);
    return failed;
}

int cli_estimate(const cli_args *args)
{
    vrec_builder *builder;
    vrec_plan plan = { .struct_size = sizeof plan, .own_ids = args->given[CLI_OWN_IDS] };
    int failed = parse_count(args, CLI_ROWS, &plan.rows);
    if (!failed)
        failed = parse_count(args, CLI_DIM, &plan.dim);
    if (failed)
        return failed;
    /* without items a forest's own option says it, too */
    const char *d = args->operand_count == 0 && plan.dim == 0 ? cli_given(args, "d") : NULL;
    if (args->operand_count == 0 && (plan.rows == 0 || (plan.dim == 0 && !d)))
        return cli_fail_usage(args->command->name,
                              "--rows N and --dim D are missing, or a file of items in their place");
    failed = cli_make_builder(args, &builder);
    if (failed)
        return failed;
    if (d)
        plan.dim = strtoul(d, NULL, 10); /* checked by the builder */
    failed =
        args->operand_count > 0 ? estimate_items(args, builder, &plan) : estimate(args, builder, &plan);
    vrec_builder_free(builder);
    return failed;
}
