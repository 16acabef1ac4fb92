/* What the command needs of the operating system: posix.c has it for all systems but Windows, windows.c for
 * that. SPDX-License-Identifier: Apache-2.0 */
#ifndef VREC_CLI_SYSTEM_H
#define VREC_CLI_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* The words of the command line in UTF-8, ending with NULL: argv itself, or what is never freed. */
char **cli_words(char **argv);

/* Before anything is opened or printed. A standard stream that the caller has closed must not become the
 * number of the next file opened: what is meant for the stream would end up in that file. */
void cli_prepare_streams(void);

/* A request to stop is noted for cli_stop_signal(), which is 0 until then; everything else that would end
 * the process silently is made to say something. */
void cli_catch_signals(void);
int cli_stop_signal(void);
const char *cli_signal_name(int number);

/* As fopen() and getline(), for paths in UTF-8; true if there was a line. */
FILE *cli_open(const char *path, const char *mode);
bool cli_read_line(FILE *file, char **line, size_t *room);

/* Whether both exist and are the same file or folder, whatever they are called. */
bool cli_same_inode(const char *a, const char *b);

/* Whether path is a file, a folder, or nothing. */
typedef enum cli_place { CLI_NOTHING, CLI_A_FILE, CLI_A_FOLDER } cli_place;
cli_place cli_look_at(const char *path);

/* 0, or errno if no file can be made in the folder. */
int cli_check_folder(const char *folder);

/* What path ends with, after its last separator. */
const char *cli_file_name(const char *path);

bool cli_is_terminal(FILE *stream);

/* "2 cores", and the processor where the system says it. */
void cli_describe_machine(char *out, size_t room);

#endif
