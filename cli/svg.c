/* Pictures: what those of several commands have in common. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "system.h"

#include <errno.h>
#include <string.h>

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

void cli_svg_text(FILE *out, const char *text)
{
    for (; *text; text++)
        if (*text == '<' || *text == '&' || (unsigned char)*text < ' ')
            fprintf(out, "&#%d;", *text == '<' || *text == '&' ? *text : '?');
        else
            fputc(*text, out);
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
