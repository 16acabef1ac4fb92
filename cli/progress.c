/* Signals, and the bar. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

/* ---- Signals ---- */

static volatile sig_atomic_t stop_signal;

/* Standard output is turned into a file that can't be written: a write to a pipe that nobody reads would
 * go on waiting, even after this, with what is left. */
static void stop(int number)
{
    int errnum = errno;
    int fd = open("/dev/null", O_RDONLY);
    if (fd >= 0)
        dup2(fd, STDOUT_FILENO);
    stop_signal = number;
    errno = errnum;
}

/* Input files are mapped, so this is how a read past an end that somebody moved fails. No output file
 * is under way while inputs are read. Several threads may fall over the same end: the first says so, and
 * the rest wait until it has ended the process. */
static void cut_short(int number)
{
    static const char text[] = "vrec: an input file was cut short while being read\n";
    static atomic_flag told = ATOMIC_FLAG_INIT;
    (void)number;
    while (atomic_flag_test_and_set(&told))
        pause();
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(CLI_FAILED);
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction old, action = { .sa_handler = handler };
    sigemptyset(&action.sa_mask);
    /* A signal that is ignored from the start, as under nohup, stays so. */
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL); /* not SA_RESTART: a write that waits must end */
}

void cli_catch_signals(void)
{
    handle(SIGINT, stop);
    handle(SIGTERM, stop);
    handle(SIGHUP, stop);
    handle(SIGBUS, cut_short);
    handle(SIGPIPE, SIG_IGN); /* writes fail with EPIPE */
    handle(SIGXFSZ, SIG_IGN); /* and with EFBIG */
}

int cli_stop_signal(void)
{
    return (int)stop_signal;
}

/* ---- Progress ---- */

enum { BAR_WIDTH = 40 };

#define BAR_AFTER    1.0 /* seconds of work that are worth a bar */
#define BAR_INTERVAL 0.1

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

static void draw(const char *what, double fraction)
{
    char bar[BAR_WIDTH + 1];
    int filled = (int)(fraction * BAR_WIDTH);
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    fprintf(stderr, "\r%-10s [%s] %3d %%", what, bar, (int)(100 * fraction));
    fflush(stderr);
}

static int report(void *context, const char *what, uint64_t done, uint64_t total)
{
    cli_progress *progress = context;
    if (progress->wanted && seconds_since(&progress->started) > BAR_AFTER &&
        (!progress->drawn || seconds_since(&progress->last) > BAR_INTERVAL)) {
        double part = total > 0 ? (double)done / (double)total : 1;
        draw(what, ((double)progress->first + part * (double)progress->count) / (double)progress->all);
        clock_gettime(CLOCK_MONOTONIC, &progress->last);
        progress->drawn = true;
    }
    return stop_signal;
}

void cli_progress_start(cli_progress *progress, const cli_args *args, bool printing)
{
    *progress = (cli_progress){ .report = { report, progress }, .count = 1, .all = 1 };
    progress->wanted =
        !args->given[CLI_QUIET] && isatty(STDERR_FILENO) && !(printing && isatty(STDOUT_FILENO));
    clock_gettime(CLOCK_MONOTONIC, &progress->started);
}

void cli_progress_part(cli_progress *progress, size_t first, size_t count, size_t all)
{
    progress->first = first;
    progress->count = count;
    progress->all = all;
}

void cli_progress_end(cli_progress *progress)
{
    if (progress->drawn)
        fputs("\r\033[K", stderr);
    progress->drawn = false;
}

double cli_progress_seconds(const cli_progress *progress)
{
    return seconds_since(&progress->started);
}
