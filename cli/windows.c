/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <io.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <shellapi.h>

/* UTF-16 of a text, to be freed; NULL if it isn't UTF-8 or memory is short. */
static wchar_t *widen(const char *text)
{
    int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    wchar_t *wide = length > 0 ? malloc((size_t)length * sizeof *wide) : NULL;
    if (wide)
        MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, length);
    return wide;
}

/* argv has been through the system's code page, which lacks most letters. */
char **cli_words(char **argv)
{
    int count = 0;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &count);
    char **words = wide ? calloc((size_t)count + 1, sizeof *words) : NULL;
    for (int i = 1; words && i < count; i++) {
        int length = WideCharToMultiByte(CP_UTF8, 0, wide[i], -1, NULL, 0, NULL, NULL);
        words[i - 1] = malloc((size_t)length);
        if (!words[i - 1])
            return argv;
        WideCharToMultiByte(CP_UTF8, 0, wide[i], -1, words[i - 1], length, NULL, NULL);
    }
    return words ? words : argv;
}

/* Lines end as everywhere, text is UTF-8, and a terminal takes the codes that clear a line. */
void cli_prepare_streams(void)
{
    FILE *const streams[] = { stdout, stderr };
    SetConsoleOutputCP(CP_UTF8);
    for (size_t i = 0; i < 2; i++) {
        DWORD mode;
        HANDLE handle = (HANDLE)_get_osfhandle(_fileno(streams[i]));
        _setmode(_fileno(streams[i]), _O_BINARY);
        if (GetConsoleMode(handle, &mode))
            SetConsoleMode(handle, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
    }
}

/* ---- Signals ---- */

static atomic_int stop_signal;

/* Ctrl-C, Ctrl-Break, and the closing of the window; on a thread that Windows starts for it. */
static BOOL WINAPI stop(DWORD event)
{
    (void)event;
    atomic_store(&stop_signal, SIGINT);
    return TRUE;
}

void cli_catch_signals(void)
{
    SetConsoleCtrlHandler(stop, TRUE);
}

int cli_stop_signal(void)
{
    return atomic_load(&stop_signal);
}

const char *cli_signal_name(int number)
{
    return number == SIGINT ? "Interrupt" : "unknown";
}

/* ---- Files ---- */

FILE *cli_open(const char *path, const char *mode)
{
    wchar_t *wide = widen(path), wide_mode[8] = L"";
    for (size_t i = 0; i < 7 && mode[i]; i++)
        wide_mode[i] = (wchar_t)mode[i];
    FILE *file = wide ? _wfopen(wide, wide_mode) : NULL;
    free(wide);
    return file;
}

bool cli_read_line(FILE *file, char **line, size_t *room)
{
    size_t length = 0;
    for (int c; (c = getc(file)) != EOF;) {
        if (length + 2 > *room) {
            size_t more = *room > 0 ? 2 * *room : 128;
            char *grown = realloc(*line, more);
            if (!grown)
                return false;
            *line = grown;
            *room = more;
        }
        (*line)[length++] = (char)c;
        if (c == '\n')
            break;
    }
    if (length > 0)
        (*line)[length] = '\0';
    return length > 0;
}

static bool identify(const char *path, BY_HANDLE_FILE_INFORMATION *found)
{
    wchar_t *wide = widen(path);
    HANDLE handle = wide ? CreateFileW(wide, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                       NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL)
                         : INVALID_HANDLE_VALUE;
    free(wide);
    if (handle == INVALID_HANDLE_VALUE)
        return false;
    bool known = GetFileInformationByHandle(handle, found);
    CloseHandle(handle);
    return known;
}

bool cli_same_inode(const char *a, const char *b)
{
    BY_HANDLE_FILE_INFORMATION fa, fb;
    return identify(a, &fa) && identify(b, &fb) && fa.dwVolumeSerialNumber == fb.dwVolumeSerialNumber &&
           fa.nFileIndexHigh == fb.nFileIndexHigh && fa.nFileIndexLow == fb.nFileIndexLow;
}

cli_place cli_look_at(const char *path)
{
    wchar_t *wide = widen(path);
    DWORD found = wide ? GetFileAttributesW(wide) : INVALID_FILE_ATTRIBUTES;
    free(wide);
    if (found == INVALID_FILE_ATTRIBUTES)
        return CLI_NOTHING;
    return found & FILE_ATTRIBUTE_DIRECTORY ? CLI_A_FOLDER : CLI_A_FILE;
}

/* Whether one may write there only writing tells. */
int cli_check_folder(const char *folder)
{
    cli_place place = cli_look_at(folder);
    return place == CLI_A_FOLDER ? 0 : place == CLI_A_FILE ? ENOTDIR : ENOENT;
}

const char *cli_file_name(const char *path)
{
    const char *name = path + strlen(path);
    while (name > path && !strchr("/\\:", name[-1]))
        name--;
    return name;
}

bool cli_is_terminal(FILE *stream)
{
    return _isatty(_fileno(stream)) != 0;
}

void cli_describe_machine(char *out, size_t room)
{
    const char *cores = getenv("NUMBER_OF_PROCESSORS"), *name = getenv("PROCESSOR_IDENTIFIER");
    snprintf(out, room, "%s cores%s%s", cores ? cores : "?", name ? ", " : "", name ? name : "");
}
