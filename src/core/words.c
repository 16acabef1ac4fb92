/* SPDX-License-Identifier: Apache-2.0 */
#include "core/words.h"

#include "base/memory.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

bool vr_list_item(const char *list, size_t i, char out[VR_WORD])
{
    for (; i > 0 && list; i--) {
        list = strchr(list, ',');
        list = list ? list + 1 : NULL;
    }
    if (!list)
        return false;
    list += strspn(list, " ");
    size_t length = vr_min(strcspn(list, ","), VR_WORD - 1);
    memcpy(out, list, length);
    out[length] = '\0';
    return length > 0;
}

bool vr_list_has(const char *list, const char *word)
{
    char item[VR_WORD];
    for (size_t i = 0; vr_list_item(list, i, item); i++)
        if (strcasecmp(item, word) == 0)
            return true;
    return false;
}

/* ---- The word that was meant ---- */

static bool is_same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* How many slips of a typist lie between two words: a character left out, put in, mistaken for another, or
 * swapped with its neighbour. What is past 63 bytes doesn't count. rows[i % 3][j] is the distance between
 * the first i characters of a and the first j of b; a swap looks two rows back, so three rows are kept. */
static size_t distance(const char *a, const char *b)
{
    size_t rows[3][VR_WORD];
    size_t height = strnlen(a, VR_WORD - 1), width = strnlen(b, VR_WORD - 1);
    for (size_t j = 0; j <= width; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= height; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            row[j] = vr_min(above[j - 1] + !is_same(a[i - 1], b[j - 1]), vr_min(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) && is_same(a[i - 2], b[j - 1]))
                row[j] = vr_min(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[height % 3][width];
}

vr_guess vr_guess_start(const char *text)
{
    return (vr_guess){ .text = text, .within = (strlen(text) + 2) / 4 };
}

void vr_guess_try(vr_guess *guess, const char *spelling, const char *word)
{
    size_t slips = distance(guess->text, spelling);
    if (slips > guess->within || (guess->word && slips == guess->within))
        return;
    guess->word = word;
    guess->within = slips;
}
