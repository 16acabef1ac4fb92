/* vrec: the command. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "vrec --help" and "vrec -h" are "vrec help"; "vrec --version" and "vrec -V" are "vrec version". */
static const char *command_name(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    return strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0 ? "version" : word;
}

/* The library takes all cores where VREC_THREADS is no number that it takes. */
static void tell_threads(void)
{
    char text[16];
    const char *wish = getenv("VREC_THREADS");
    snprintf(text, sizeof text, "%d", (int)vrec_default_threads());
    if (wish && *wish && strcmp(wish, text) != 0)
        fprintf(stderr,
                "vrec: VREC_THREADS is no number of threads (-1, or 1 and up); all cores are used\n");
}

/* The library takes the best instruction set where VREC_CPU names none that this machine has: who set it
 * should know, or he measures the wrong one. */
static void tell_cpu(void)
{
    const char *wish = getenv("VREC_CPU");
    if (wish && *wish && strcmp(wish, vrec_cpu()) != 0)
        fprintf(stderr, "vrec: VREC_CPU names no instruction set of this machine; %s is used\n",
                vrec_cpu());
}

static int run(char **words)
{
    cli_args args;
    if (!words[0])
        return cli_fail_usage(NULL, "a command is missing");
    if (strcmp(words[0], "complete") == 0)
        return cli_complete(words + 1);
    const cli_command *command = cli_find_command(command_name(words[0]));
    if (!command)
        return cli_fail_command(words[0]);
    int failed = cli_parse(command, words + 1, &args);
    if (failed)
        return failed;
    if (args.given[CLI_HELP]) {
        cli_print_help(command);
        return 0;
    }
    tell_cpu();
    tell_threads();
    return command->run(&args);
}

int main(int argc, char **argv)
{
    cli_prepare_streams();
    if (vrec_abi() < VREC_ABI)
        return cli_fail("libvrec %s is older than this command; install the two of one version",
                        vrec_version());
    cli_catch_signals();
    int failed = run(cli_words(argc > 0 ? argv + 1 : argv));
    return failed ? failed : cli_flush();
}
