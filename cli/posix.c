/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char **cli_words(char **argv)
{
    return argv;
}

/* Opened for reading, a stream that was closed fails writes. */
void cli_prepare_streams(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)!open("/dev/null", O_RDONLY);
}

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

const char *cli_signal_name(int number)
{
    return strsignal(number);
}

/* ---- Files ---- */

FILE *cli_open(const char *path, const char *mode)
{
    return fopen(path, mode);
}

bool cli_read_line(FILE *file, char **line, size_t *room)
{
    return getline(line, room, file) >= 0;
}

bool cli_same_inode(const char *a, const char *b)
{
    struct stat sa, sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

cli_place cli_look_at(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return CLI_NOTHING;
    return S_ISDIR(st.st_mode) ? CLI_A_FOLDER : CLI_A_FILE;
}

int cli_check_folder(const char *folder)
{
    if (cli_look_at(folder) == CLI_A_FILE)
        return ENOTDIR;
    return access(folder, W_OK | X_OK) == 0 ? 0 : errno;
}

const char *cli_file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool cli_is_terminal(FILE *stream)
{
    return isatty(fileno(stream));
}

void cli_describe_machine(char *out, size_t room)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    const char *name = "";
    while (file && !*name && fgets(line, sizeof line, file)) {
        char *value = strchr(line, ':');
        if (value && value[1] && strncmp(line, "model name", 10) == 0) {
            value[strcspn(value, "\n")] = '\0';
            name = value + 2;
        }
    }
    snprintf(out, room, "%ld cores%s%s", sysconf(_SC_NPROCESSORS_ONLN), *name ? ", " : "", name);
    if (file)
        fclose(file);
}
