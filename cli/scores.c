/* What settings scored: a table, JSON, a picture. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <math.h>
#include <string.h>

static const char *const names[CLI_SCORES] = { "NDCG", "MRR", "Recall", "Hit", "Precision", "index" };
static const char *const keys[CLI_SCORES] = { "ndcg", "mrr", "recall", "hit", "precision", "index_recall" };

static const char *model_of(const cli_report *report, const cli_score *score)
{
    return report->models[score->model];
}

static int setting_width(const cli_report *report)
{
    size_t width = strlen("setting");
    for (size_t i = 0; i < report->count; i++)
        width = strlen(report->scores[i].name) > width ? strlen(report->scores[i].name) : width;
    return (int)width;
}

static int model_width(const cli_report *report)
{
    size_t width = strlen("model");
    for (size_t i = 0; i < report->model_count; i++)
        width = strlen(report->models[i]) > width ? strlen(report->models[i]) : width;
    return (int)width;
}

/* A share; a dash where it isn't known. */
static void print_share(double value)
{
    if (isnan(value))
        printf("  %9s", "-");
    else
        printf("  %9.4f", value);
}

static void print_name(const char *name, int width)
{
    cli_put(stdout, name);
    printf("%*s", width - (int)strlen(name), "");
}

/* What a line or a curve is of; of several models with its name: "dssm with faiss,nprobe=8". */
static void put_label(FILE *out, void (*put)(FILE *out, const char *text), const cli_report *report,
                      const cli_score *score)
{
    if (report->model_count > 1) {
        put(out, model_of(report, score));
        fputs(" with ", out);
    }
    put(out, score->name);
}

/* What the index loses of the recall that an exact search has; NaN if that isn't known, or nothing. */
static double loss(const cli_report *report, const cli_score *score, size_t k)
{
    if (score->exact == CLI_NO_EXACT)
        return NAN;
    double all = report->scores[score->exact].values[CLI_SCORE_RECALL][k];
    return all > 0 ? 1 - score->values[CLI_SCORE_RECALL][k] / all : NAN;
}

void cli_print_scores(const cli_report *report)
{
    int width = setting_width(report), models = model_width(report);
    bool several = report->model_count > 1;
    if (several)
        printf("%-*s  ", models, "model");
    printf("%-*s  %5s", width, "setting", "k");
    for (size_t i = 0; i < CLI_SCORES; i++)
        printf("  %9s", names[i]);
    printf("  %9s  %8s  %8s\n", "loses", "build s", "query s");
    for (size_t s = 0; s < report->count; s++)
        for (size_t k = 0; k < report->k_count; k++) {
            const cli_score *score = &report->scores[s];
            if (several) {
                print_name(k == 0 ? model_of(report, score) : "", models);
                fputs("  ", stdout);
            }
            print_name(k == 0 ? score->name : "", width);
            printf("  %5lld", (long long)report->ks[k]);
            for (size_t i = 0; i < CLI_SCORES; i++)
                print_share(score->values[i][k]);
            print_share(loss(report, score, k));
            if (k == 0)
                printf("  %8.2f  %8.2f", score->build_seconds, score->query_seconds);
            putchar('\n');
        }
}

/* "the model finds 61.0 %, the index loses 1.2 % of that" */
void cli_print_verdicts(const cli_report *report)
{
    size_t last = 0;
    for (size_t k = 1; k < report->k_count; k++)
        last = report->ks[k] > report->ks[last] ? k : last;
    putchar('\n');
    for (size_t s = 0; s < report->count; s++) {
        const cli_score *score = &report->scores[s];
        double lost = loss(report, score, last);
        if (score->remote) {
            put_label(stdout, cli_put, report, score);
            puts(": what the index loses is told with --items FILE, as its items are on a server");
        }
        if (isnan(lost))
            continue;
        put_label(stdout, cli_put, report, score);
        printf(": the model finds %.1f %% (Recall@%lld), the index loses %.1f %% of that\n",
               100 * report->scores[score->exact].values[CLI_SCORE_RECALL][last],
               (long long)report->ks[last], 100 * lost);
    }
}

/* ---- JSON ---- */

static void print_numbers(const char *key, const double *values, size_t count)
{
    printf(",\"%s\":[", key);
    for (size_t i = 0; i < count; i++)
        if (isnan(values[i]))
            printf("%snull", i > 0 ? "," : "");
        else
            printf("%s%.17g", i > 0 ? "," : "", values[i]);
    putchar(']');
}

void cli_print_scores_json(const cli_report *report)
{
    printf("{\"users\":%zu,\"convention\":", report->users);
    cli_put_json(report->convention);
    fputs(",\"k\":[", stdout);
    for (size_t k = 0; k < report->k_count; k++)
        printf("%s%lld", k > 0 ? "," : "", (long long)report->ks[k]);
    fputs("],\"settings\":[", stdout);
    for (size_t s = 0; s < report->count; s++) {
        const cli_score *score = &report->scores[s];
        double lost[CLI_KS_MAX];
        fputs(s > 0 ? ",{\"model\":" : "{\"model\":", stdout);
        cli_put_json(model_of(report, score));
        fputs(",\"setting\":", stdout);
        cli_put_json(score->name);
        for (size_t i = 0; i < CLI_SCORES; i++)
            print_numbers(keys[i], score->values[i], report->k_count);
        for (size_t k = 0; k < report->k_count; k++)
            lost[k] = loss(report, score, k);
        print_numbers("loses", lost, report->k_count);
        printf(",\"build_seconds\":%.6f,\"query_seconds\":%.6f}", score->build_seconds,
               score->query_seconds);
    }
    puts("]}");
}

/* ---- A picture: recall and NDCG over k ---- */

enum { PLOT = 320, LEFT = 50, TOP = 40, GAP = 70, LINE = 18 };

static double x_of(const cli_report *report, int64_t k, double left)
{
    double least = INFINITY, most = 0;
    for (size_t i = 0; i < report->k_count; i++) {
        least = fmin(least, (double)report->ks[i]);
        most = fmax(most, (double)report->ks[i]);
    }
    return most > least ? left + PLOT * log((double)k / least) / log(most / least) : left + PLOT / 2.0;
}

static double y_of(double share)
{
    return TOP + PLOT * (1 - share);
}

static void draw_axes(FILE *out, const cli_report *report, double left, const char *title)
{
    fprintf(out, "<text class=\"ink\" x=\"%.1f\" y=\"%d\" font-weight=\"600\">%s</text>\n", left, TOP - 14,
            title);
    for (int i = 0; i <= 5; i++)
        fprintf(out,
                "<path class=\"grid\" d=\"M%.1f %.1fh%d\"/><text class=\"pale\" x=\"%.1f\" y=\"%.1f\" "
                "text-anchor=\"end\">%.1f</text>\n",
                left, y_of(i / 5.0), PLOT, left - 6, y_of(i / 5.0) + 4, i / 5.0);
    for (size_t k = 0; k < report->k_count; k++)
        fprintf(out, "<text class=\"pale\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%lld</text>\n",
                x_of(report, report->ks[k], left), TOP + PLOT + LINE, (long long)report->ks[k]);
}

/* A setting has the same colour in all models, a model the same dashes in all settings. */
static size_t colour_of(const cli_report *report, size_t s)
{
    size_t first = s;
    while (first > 0 && report->scores[first - 1].model == report->scores[s].model)
        first--;
    return (s - first) % CLI_COLOURS;
}

static const char *dashes_of(const cli_report *report, size_t s)
{
    static const char *const dashes[] = { "none", "7 4", "2 3", "9 3 2 3" };
    return dashes[report->scores[s].model % (sizeof dashes / sizeof dashes[0])];
}

static void draw_line(FILE *out, const cli_report *report, size_t s, size_t metric, double left)
{
    size_t colour = colour_of(report, s);
    fprintf(out, "<g class=\"d%zu\">", colour);
    for (size_t k = 0; k < report->k_count; k++)
        fprintf(out, "<circle r=\"3\" cx=\"%.1f\" cy=\"%.1f\"/>", x_of(report, report->ks[k], left),
                y_of(report->scores[s].values[metric][k]));
    fputs("</g>\n", out);
    for (size_t a = 0; a < report->k_count; a++) {
        size_t next = report->k_count; /* the next larger k */
        for (size_t b = 0; b < report->k_count; b++)
            if (report->ks[b] > report->ks[a] &&
                (next == report->k_count || report->ks[b] < report->ks[next]))
                next = b;
        if (next < report->k_count)
            fprintf(out,
                    "<path class=\"l%zu\" stroke-width=\"2\" stroke-dasharray=\"%s\" "
                    "d=\"M%.1f %.1fL%.1f %.1f\"/>\n",
                    colour, dashes_of(report, s), x_of(report, report->ks[a], left),
                    y_of(report->scores[s].values[metric][a]), x_of(report, report->ks[next], left),
                    y_of(report->scores[s].values[metric][next]));
    }
}

static void draw_name(FILE *out, const cli_report *report, size_t s)
{
    size_t colour = colour_of(report, s);
    int y = TOP + PLOT + (int)(s + 3) * LINE;
    fprintf(out,
            "<path class=\"l%zu\" stroke-width=\"2\" stroke-dasharray=\"%s\" d=\"M%d %dh24\"/>"
            "<circle class=\"d%zu\" r=\"3\" cx=\"%d\" cy=\"%d\"/><text class=\"ink\" x=\"%d\" y=\"%d\">",
            colour, dashes_of(report, s), LEFT, y - 4, colour, LEFT + 12, y - 4, LEFT + 34, y);
    put_label(out, cli_svg_name, report, &report->scores[s]);
    fputs("</text>\n", out);
}

static void draw(FILE *out, const void *what)
{
    const cli_report *report = what;
    static const struct {
        size_t metric;
        const char *title;
    } plots[] = { { CLI_SCORE_RECALL, "Recall at k" }, { 0, "NDCG at k" } };
    int width = LEFT + 2 * PLOT + GAP + 30, height = TOP + PLOT + (int)(report->count + 4) * LINE;
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" "
            "font-family=\"system-ui, 'DejaVu Sans', sans-serif\" font-size=\"12\">\n",
            width, height, width, height);
    cli_svg_style(out);
    fprintf(out, "<rect class=\"paper\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", width, height);
    for (size_t p = 0; p < 2; p++) {
        double left = LEFT + (double)p * (PLOT + GAP);
        draw_axes(out, report, left, plots[p].title);
        for (size_t s = 0; s < report->count; s++)
            draw_line(out, report, s, plots[p].metric, left);
    }
    for (size_t s = 0; s < report->count; s++)
        draw_name(out, report, s);
    fputs("</svg>\n", out);
}

int cli_draw_scores(const cli_report *report, const char *path)
{
    return cli_svg_save(path, draw, report);
}
