/* The bar. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "system.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- Progress ---- */

enum { BAR_WIDTH = 20, PART_TEXT = 32 };

#define BAR_AFTER    1.0 /* seconds of work that are worth a bar */
#define BAR_INTERVAL 0.1

static double seconds_between(const struct timespec *start, const struct timespec *end)
{
    return (double)(end->tv_sec - start->tv_sec) + 1e-9 * (double)(end->tv_nsec - start->tv_nsec);
}

static double seconds_since(const struct timespec *start)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return seconds_between(start, &now);
}

/* "0:07", "12:34", "1:02:03" */
static void print_time(double seconds, char out[PART_TEXT])
{
    unsigned long all = (unsigned long)fmin(seconds, 1e9);
    if (all < 3600)
        snprintf(out, PART_TEXT, "%lu:%02lu", all / 60, all % 60);
    else
        snprintf(out, PART_TEXT, "%lu:%02lu:%02lu", all / 3600, all / 60 % 60, all % 60);
}

/* "1.2M rows/s"; nothing for units that mean nothing to a person. */
static void print_rate(double rate, const char *unit, char out[PART_TEXT])
{
    static const char *const telling[] = { "rows", "queries", "users", "lists", "trees", "ids", "bytes" };
    static const char prefixes[] = " kMGT";
    size_t power = 0;
    bool tells = false;
    for (size_t i = 0; i < sizeof telling / sizeof telling[0]; i++)
        tells |= strcmp(unit, telling[i]) == 0;
    out[0] = '\0';
    for (; rate >= 1000 && power < sizeof prefixes - 2; power++)
        rate /= 1000;
    if (tells)
        snprintf(out, PART_TEXT, "  %.3g%.*s %s/s", rate, power > 0, prefixes + power,
                 strcmp(unit, "bytes") == 0 ? "B" : unit);
}

/* "building   [########............]  40 %  1.2M rows/s  0:08, 0:12 left" */
static void draw(const char *phase, const char *unit, double done, double total, double seconds)
{
    char bar[BAR_WIDTH + 1], elapsed[PART_TEXT], left[PART_TEXT], rate[PART_TEXT];
    double fraction = total > 0 ? done / total : 1;
    int filled = (int)(fraction * BAR_WIDTH);
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    print_time(seconds, elapsed);
    print_time(fraction > 0 ? seconds * (1 - fraction) / fraction : 0, left);
    print_rate(seconds > 0 ? done / seconds : 0, unit, rate);
    fprintf(stderr, "\r%-10s [%s] %3d %%%s  %s", phase, bar, (int)(100 * fraction), rate, elapsed);
    fprintf(stderr, fraction > 0 ? ", %s left\033[K" : "\033[K", left);
    fflush(stderr);
}

/* "connecting to films.example:19530  0:07": nobody knows how long it takes. */
static void draw_wait(const char *phase, double seconds)
{
    char elapsed[PART_TEXT];
    print_time(seconds, elapsed);
    fprintf(stderr, "\r%s  %s\033[K", phase, elapsed);
    fflush(stderr);
}

/* A phase of its own, or the part of the queries that is under way. */
static void draw_report(const cli_progress *progress, const vrec_progress_report *at, double seconds)
{
    double done = (double)at->done, total = (double)at->total;
    if (at->total == 0) {
        draw_wait(at->phase, seconds);
        return;
    }
    if (progress->all == 0) {
        draw(at->phase, at->unit, done, total, seconds);
        return;
    }
    double part = total > 0 ? done / total : 1;
    draw(at->phase, "queries", (double)progress->first + part * (double)progress->count,
         (double)progress->all, seconds);
}

static int report(void *context, const vrec_progress_report *at)
{
    cli_progress *progress = context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (strncmp(progress->phase, at->phase, sizeof progress->phase - 1) != 0) {
        snprintf(progress->phase, sizeof progress->phase, "%s", at->phase);
        progress->phase_started = now;
    }
    if (progress->wanted && (at->total == 0 || seconds_between(&progress->started, &now) > BAR_AFTER) &&
        (!progress->drawn || seconds_between(&progress->last, &now) > BAR_INTERVAL)) {
        draw_report(progress, at, seconds_between(&progress->phase_started, &now));
        progress->last = now;
        progress->drawn = true;
    }
    return cli_stop_signal();
}

void cli_progress_start(cli_progress *progress, const cli_args *args, bool printing)
{
    *progress = (cli_progress){ .report = { sizeof progress->report, report, progress } };
    progress->wanted =
        !args->given[CLI_QUIET] && cli_is_terminal(stderr) && !(printing && cli_is_terminal(stdout));
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
