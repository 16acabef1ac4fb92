/* vrec: the command. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A standard stream that the caller has closed must not become the number of the next file opened:
 * what is meant for the stream would end up in that file. Opened for reading, it fails writes. */
static void occupy_standard_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", O_RDONLY);
}

/* "vrec --help" and "vrec -h" are "vrec help"; "vrec --version" is "vrec version". */
static const char *command_name(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return "help";
    return strcmp(word, "--version") == 0 ? "version" : word;
}

static int run(char **words)
{
    cli_args args;
    if (!words[0])
        return cli_fail_usage(NULL, "a command is missing");
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
    return command->run(&args);
}

int main(int argc, char **argv)
{
    occupy_standard_streams();
    cli_catch_signals();
    int failed = run(argc > 0 ? argv + 1 : argv);
    return failed ? failed : cli_flush();
}
