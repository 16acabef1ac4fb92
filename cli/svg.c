/* Pictures: what those of several commands have in common. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "system.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Colours are told apart by those who see no red or no green, too; Okabe and Ito's, darker or lighter. */
void cli_svg_style(FILE *out)
{
    static const char *const light[CLI_COLOURS] = { "#0072b2", "#d55e00", "#009e73",
                                                    "#a8387f", "#8a6d00", "#555555" };
    static const char *const dark[CLI_COLOURS] = { "#56b4e9", "#ff9248", "#3ecf9c",
                                                   "#e58cc3", "#e0c040", "#bbbbbb" };
    fputs("<style>\n.paper{fill:#fff}.ink{fill:#1f2328}.pale{fill:#656d76}"
          ".grid{stroke:#e6e8eb}.exact{stroke:#656d76}\n",
          out);
    for (size_t i = 0; i < CLI_COLOURS; i++)
        fprintf(out, ".l%zu{stroke:%s;fill:none}.d%zu{fill:%s}", i, light[i], i, light[i]);
    fputs("\n@media (prefers-color-scheme:dark){\n.paper{fill:#0d1117}.ink{fill:#e6edf3}.pale{fill:#9198a1}"
          ".grid{stroke:#262c34}.exact{stroke:#9198a1}\n",
          out);
    for (size_t i = 0; i < CLI_COLOURS; i++)
        fprintf(out, ".l%zu{stroke:%s}.d%zu{fill:%s}", i, dark[i], i, dark[i]);
    fputs("}\n</style>\n", out);
}

enum { NAME_COLUMNS = 36 };

/* One character, or a byte that is none; returns how many bytes that were. */
static size_t put_character(FILE *out, const char *text)
{
    size_t bytes = cli_shown_bytes(text);
    if (bytes == 0)
        fprintf(out, "\\x%02x", (unsigned char)*text);
    else if (*text == '<' || *text == '&')
        fprintf(out, "&#%d;", *text);
    else
        fwrite(text, 1, bytes, out);
    return bytes > 0 ? bytes : 1;
}

void cli_svg_text(FILE *out, const char *text)
{
    while (*text)
        text += put_character(out, text);
}

/* How wide text is: letters of Asia count twice, and with them all that are three bytes. */
static size_t columns_of(const char *text, size_t *bytes)
{
    size_t shown = cli_shown_bytes(text);
    *bytes = shown > 0 ? shown : 1;
    return shown == 0 ? 4 : shown > 2 ? 2 : 1;
}

static size_t width_of(const char *text)
{
    size_t width = 0;
    for (size_t bytes; *text; text += bytes)
        width += columns_of(text, &bytes);
    return width;
}

void cli_svg_name(FILE *out, const char *name)
{
    size_t width = width_of(name), bytes, head = 0;
    bool cut = width > NAME_COLUMNS;
    for (; cut && head + 2 < NAME_COLUMNS / 2; name += put_character(out, name)) {
        head += columns_of(name, &bytes);
        width -= columns_of(name, &bytes);
    }
    for (; cut && width > NAME_COLUMNS / 2; name += bytes)
        width -= columns_of(name, &bytes);
    cli_svg_text(out, cut ? "\xe2\x80\xa6" : "");
    cli_svg_text(out, name);
}

int cli_svg_check(const cli_args *args, cli_flag_id flag)
{
    static const char *const others[] = { ".png", ".pdf", ".jpg", ".jpeg", ".gif", ".webp" };
    const char *path = args->values[flag][0], *ending = path ? strrchr(path, '.') : NULL;
    for (size_t i = 0; ending && i < sizeof others / sizeof others[0]; i++)
        if (strcasecmp(ending, others[i]) == 0)
            return cli_fail_usage(args->command->name, "--%s draws an SVG; give %s the ending .svg, not %s",
                                  cli_flags[flag].key, path, ending);
    return 0;
}

int cli_svg_save(const char *path, void (*draw)(FILE *out, const void *what), const void *what)
{
    FILE *out = cli_open(path, "w");
    if (!out)
        return cli_fail("writing %s: %s", path, strerror(errno));
    draw(out, what);
    bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed)
        return cli_fail("writing %s: %s", path, strerror(errno));
    return 0;
}
