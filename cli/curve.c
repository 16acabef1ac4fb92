/* A picture of what recall costs: a curve for each index that was tuned, recall against queries per second.
 * Recall stands by what is missed, logarithmically, so that from .9 to .99 is as far as from .99 to .999.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 760, LEFT = 64, RIGHT = 24, TOP = 64, PLOT = 360, LINE = 20 };

static const double recalls[] = { .2, .5, .8, .9, .95, .98, .99, .995, .998, .999, .9995, .9998, .9999 };

/* The scales: both logarithmic. */
typedef struct scales {
    double left, right; /* decades of what is missed, at the edges */
    double bottom, top; /* decades of queries per second */
    double all;         /* where recall 1 stands, which misses nothing: past the decades */
} scales;

static double decades_missed(double recall)
{
    return -log10(1 - recall);
}

static double x_of(const scales *s, double recall)
{
    double at = recall < 1 ? decades_missed(recall) : s->all;
    return LEFT + (WIDTH - LEFT - RIGHT) * (at - s->left) / (s->right - s->left);
}

static double y_of(const scales *s, double per_second)
{
    return TOP + PLOT * (s->top - log10(fmax(per_second, 1e-3))) / (s->top - s->bottom);
}

/* ---- What a curve is made of ---- */

static int compare_recalls(const void *a, const void *b)
{
    double one = ((const vrec_tuning_step *)a)->recall, other = ((const vrec_tuning_step *)b)->recall;
    return (one < other) - (one > other);
}

static bool is_chosen(const cli_curve *curve, const vrec_tuning_step *step)
{
    return strcmp(curve->options, step->options) == 0;
}

/* The steps that no other beats in both, and the chosen one, which another may beat in time though not in
 * distances; recall descending. Returns how many. */
static size_t find_front(const cli_curve *curve, vrec_tuning_step front[CLI_CURVE_STEPS])
{
    size_t count = 0;
    double best = 0;
    vrec_tuning_step steps[CLI_CURVE_STEPS];
    memcpy(steps, curve->steps, curve->step_count * sizeof *steps);
    qsort(steps, curve->step_count, sizeof *steps, compare_recalls);
    for (size_t i = 0; i < curve->step_count; i++)
        if (is_chosen(curve, &steps[i]) || steps[i].queries_per_second > best) {
            /* of several with one recall the fastest */
            if (count > 0 && front[count - 1].recall <= steps[i].recall &&
                steps[i].queries_per_second > best && !is_chosen(curve, &front[count - 1]))
                count--;
            front[count++] = steps[i];
            best = fmax(best, steps[i].queries_per_second);
        }
    return count;
}

static void widen(scales *s, double recall, double per_second)
{
    s->bottom = fmin(s->bottom, log10(fmax(per_second, 1)));
    s->top = fmax(s->top, log10(fmax(per_second, 1)));
    if (recall < 1) {
        s->left = fmin(s->left, decades_missed(recall));
        s->right = fmax(s->right, decades_missed(recall));
    }
}

static scales find_scales(const cli_curves *curves)
{
    scales s = { INFINITY, decades_missed(curves->recall), INFINITY, 0, 0 };
    bool finds_all = false;
    widen(&s, curves->recall, curves->exact_per_second);
    for (size_t c = 0; c < curves->count; c++) {
        vrec_tuning_step front[CLI_CURVE_STEPS];
        size_t count = find_front(&curves->all[c], front);
        for (size_t i = 0; i < count; i++) {
            widen(&s, front[i].recall, front[i].queries_per_second);
            finds_all |= front[i].recall >= 1;
        }
    }
    s.left = fmax(s.left - .06, 0);
    s.all = s.right + .4;
    s.right += finds_all ? .46 : .12;
    s.bottom -= .12;
    s.top += .12;
    return s;
}

/* ---- Drawing ---- */

/* 50, 2k, 1.5M */
static void put_number(FILE *out, double value)
{
    static const char units[] = { 0, 'k', 'M', 'G' };
    size_t unit = 0;
    for (; value >= 1000 && unit < 3; unit++)
        value /= 1000;
    fprintf(out, value < 10 && unit > 0 ? "%.2g" : "%.3g", value);
    if (unit > 0)
        fputc(units[unit], out);
}

static void draw_column(FILE *out, double x, const char *label)
{
    fprintf(
        out,
        "<path class=\"grid\" d=\"M%.1f %dv%d\"/><text class=\"pale\" text-anchor=\"middle\" x=\"%.1f\" "
        "y=\"%d\">%s</text>\n",
        x, TOP, PLOT, x, TOP + PLOT + 18, label);
}

static void draw_grid(FILE *out, const scales *s)
{
    for (size_t i = 0; i < sizeof recalls / sizeof recalls[0]; i++) {
        char label[16];
        double at = decades_missed(recalls[i]);
        snprintf(label, sizeof label, "%g", recalls[i]);
        if (at >= s->left && at <= s->right - (s->right > s->all ? .3 : 0))
            draw_column(out, x_of(s, recalls[i]), label + 1);
    }
    if (s->right > s->all)
        draw_column(out, x_of(s, 1), "1");
    for (int decade = (int)floor(s->bottom); decade <= (int)s->top; decade++)
        for (int i = 0; i < 3; i++) {
            double value = pow(10, decade) * (double[]){ 1, 2, 5 }[i], y = y_of(s, value);
            if (log10(value) < s->bottom || log10(value) > s->top)
                continue;
            fprintf(out,
                    "<path class=\"grid\" d=\"M%d %.1fh%d\"/><text class=\"pale\" text-anchor=\"end\" "
                    "x=\"%d\" y=\"%.1f\">",
                    LEFT, y, WIDTH - LEFT - RIGHT, LEFT - 8, y + 4);
            put_number(out, value);
            fputs("</text>\n", out);
        }
}

static void draw_exact(FILE *out, const scales *s, const cli_curves *curves)
{
    double y = y_of(s, curves->exact_per_second);
    fprintf(
        out,
        "<path class=\"exact\" stroke-dasharray=\"5 4\" d=\"M%d %.1fh%d\"/><text class=\"pale\" x=\"%d\" "
        "y=\"%.1f\">exact search%s, ",
        LEFT, y, WIDTH - LEFT - RIGHT, LEFT + 6, y - 6, curves->differ ? " of the largest index" : "");
    put_number(out, curves->exact_per_second);
    fputs(" queries/s</text>\n", out);
}

static void draw_curve(FILE *out, const scales *s, const cli_curve *curve, size_t colour)
{
    vrec_tuning_step front[CLI_CURVE_STEPS];
    size_t count = find_front(curve, front);
    fprintf(out, "<path class=\"l%zu\" stroke-width=\"2\" stroke-linejoin=\"round\" d=\"", colour);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%c%.1f %.1f", i ? 'L' : 'M', x_of(s, front[i].recall),
                y_of(s, front[i].queries_per_second));
    fprintf(out, "\"/>\n<g class=\"d%zu\">", colour);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "<circle r=\"2.5\" cx=\"%.1f\" cy=\"%.1f\"/>", x_of(s, front[i].recall),
                y_of(s, front[i].queries_per_second));
    fputs("</g>\n", out);
    fprintf(out, "<circle class=\"paper\" r=\"7\" cx=\"%.1f\" cy=\"%.1f\"/>", x_of(s, curve->recall),
            y_of(s, curve->per_second));
    fprintf(out, "<circle class=\"l%zu\" stroke-width=\"2.5\" r=\"7\" cx=\"%.1f\" cy=\"%.1f\"/>", colour,
            x_of(s, curve->recall), y_of(s, curve->per_second));
    fprintf(out, "<circle class=\"d%zu\" r=\"3\" cx=\"%.1f\" cy=\"%.1f\"/>\n", colour,
            x_of(s, curve->recall), y_of(s, curve->per_second));
}

/* "o graph.index: efSearch=57 finds .951, 12k queries/s" */
static void draw_legend(FILE *out, const cli_curve *curve, size_t colour, int y)
{
    fprintf(out,
            "<path class=\"l%zu\" stroke-width=\"2\" d=\"M%d %dh24\"/><circle class=\"d%zu\" r=\"3\" "
            "cx=\"%d\" cy=\"%d\"/><text class=\"ink\" x=\"%d\" y=\"%d\"><tspan font-weight=\"600\">",
            colour, LEFT, y - 4, colour, LEFT + 12, y - 4, LEFT + 34, y);
    cli_svg_name(out, curve->name);
    fprintf(out, "</tspan><tspan class=\"pale\" dx=\"10\">%s: recall %.4g, ", curve->options,
            round(curve->recall * 1e4) / 1e4);
    put_number(out, curve->per_second);
    fputs(" queries/s</tspan></text>\n", out);
}

static void draw(FILE *out, const void *what)
{
    const cli_curves *curves = what;
    scales s = find_scales(curves);
    int below = TOP + PLOT + 44, height = below + (int)curves->count * LINE + 40;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"12\">\n",
            WIDTH, height, WIDTH, height);
    cli_svg_style(out);
    fprintf(out,
            "<rect class=\"paper\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n"
            "<text class=\"ink\" x=\"%d\" y=\"28\" font-size=\"16\" font-weight=\"600\">What recall "
            "costs</text>\n"
            "<text class=\"pale\" x=\"%d\" y=\"48\">queries per second, by recall@%zu: the share of the "
            "truly nearest that is found</text>\n",
            WIDTH, height, LEFT, LEFT, curves->top_k);
    draw_grid(out, &s);
    draw_exact(out, &s, curves);
    for (size_t i = 0; i < curves->count; i++)
        draw_curve(out, &s, &curves->all[i], i % CLI_COLOURS);
    for (size_t i = 0; i < curves->count; i++)
        draw_legend(out, &curves->all[i], i % CLI_COLOURS, below + (int)i * LINE + 8);
    fprintf(out, "<text class=\"pale\" x=\"%d\" y=\"%d\" font-size=\"10\">", LEFT, height - 14);
    fputs(curves->differ ? "the largest index: " : "", out);
    cli_svg_text(out, curves->small_print);
    fputs("</text>\n</svg>\n", out);
}

int cli_draw_curves(const cli_curves *curves, const char *path)
{
    return cli_svg_save(path, draw, curves);
}
