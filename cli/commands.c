/* The commands and flags, and what is said about them. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <string.h>

#define BIT(flag) (1u << (flag))

const cli_flag cli_flags[CLI_FLAGS] = {
    [CLI_OUTPUT] = { "output", 'o', "INDEX", "where the index goes" },
    [CLI_TOP_K] = { "top_k", 'k', "K", "results per query, 1..16384; default 10" },
    [CLI_IDS] = { "ids", 0, "FILE", "write the ids (queries x K, int64) to FILE" },
    [CLI_DISTANCES] = { "distances", 0, "FILE", "write the distances (queries x K, float32) to FILE" },
    [CLI_EXCLUDE] = { "exclude", 0, "OFFSETS IDS", "items that each query must not get; two files" },
    [CLI_YES] = { "yes", 0, "", "yes, delete it" },
    [CLI_JSON] = { "json", 0, "", "print JSON" },
    [CLI_QUIET] = { "quiet", 'q', "", "no progress bar, no summary" },
    [CLI_HELP] = { "help", 'h', "", "print the help of the command" },
};

_Static_assert(VREC_MAX_TOP_K == 16384, "the help of --top_k says so");

const cli_command cli_commands[] = {
    { .name = "build",
      .summary = "build an index from item embeddings",
      .operands = "BACKEND ITEMS",
      .needs = "-o INDEX",
      .flags = BIT(CLI_OUTPUT) | BIT(CLI_QUIET) | BIT(CLI_HELP),
      .stages = "build",
      .details =
          "Row i of the file ITEMS becomes item id i. INDEX appears when it is complete; until then,\n"
          "and after a failure or Ctrl-C, an older INDEX is left as it was.\n"
          "\n"
          "With milvus, --collection takes the place of -o; a collection that exists is refused.",
      .examples = "vrec build faiss --metric IP items.npy -o items.index\n"
                  "vrec build milvus --collection films --index_type HNSW items.npy",
      .run = cli_build },
    { .name = "query",
      .summary = "find the nearest items for each query",
      .operands = "BACKEND INDEX QUERIES",
      .needs = "",
      .flags = BIT(CLI_TOP_K) | BIT(CLI_IDS) | BIT(CLI_DISTANCES) | BIT(CLI_EXCLUDE) | BIT(CLI_JSON) |
               BIT(CLI_QUIET) | BIT(CLI_HELP),
      .stages = "open, query",
      .details =
          "Prints a line per result, parted by tabs: query, rank, item id, distance. Queries and items\n"
          "count from 0, ranks from 1, the nearest item. With --json, a line per query:\n"
          "{\"query\":0,\"ids\":[7,3],\"distances\":[0.5,0.75]}. With --ids or --distances, arrays of\n"
          "queries x K go to files instead, where unused slots hold id -1 and distance inf, or -inf if a\n"
          "larger distance is nearer.\n"
          "\n"
          "Fewer than K results come when fewer items are left, and none for a query with a NaN or Inf.\n"
          "\n"
          "--exclude takes the rows of a sparse matrix (CSR): query i excludes the ids numbered\n"
          "OFFSETS[i] up to before OFFSETS[i + 1] of IDS, in ascending order. Both files hold integers.",
      .examples = "vrec query faiss items.index users.npy -k 10\n"
                  "vrec query faiss items.index users.npy --ids ids.npy --distances distances.npy\n"
                  "vrec query faiss items.index users.npy --exclude seen_offsets.npy seen_ids.npy --json\n"
                  "vrec query milvus --collection films users.npy",
      .run = cli_query },
    { .name = "info",
      .summary = "say what an index file holds",
      .operands = "[BACKEND] INDEX",
      .needs = "",
      .flags = BIT(CLI_JSON) | BIT(CLI_QUIET) | BIT(CLI_HELP),
      .stages = "open",
      .details = "BACKEND is " CLI_DEFAULT_BACKEND " if it is left out.",
      .examples = "vrec info items.index\n"
                  "vrec info milvus --collection films",
      .run = cli_info },
    { .name = "verify",
      .summary = "check all of an index file",
      .operands = "BACKEND INDEX",
      .needs = "",
      .flags = BIT(CLI_QUIET) | BIT(CLI_HELP),
      .stages = "open",
      .details =
          "Reads the whole file. An annoy file is otherwise checked node by node, when queries visit\n"
          "them. It doesn't say its --d and --metric, which can't be proved right.",
      .examples = "vrec verify faiss items.index",
      .run = cli_verify },
    { .name = "upsert",
      .summary = "add items to an index on a server, or replace them",
      .operands = "BACKEND IDS ITEMS",
      .needs = "",
      .flags = BIT(CLI_QUIET) | BIT(CLI_HELP),
      .stages = "open",
      .details =
          "Row i of the file ITEMS gets the id that is number i of the file IDS, a list of integers.",
      .examples = "vrec upsert milvus --collection films ids.npy items.npy",
      .run = cli_upsert },
    { .name = "delete",
      .summary = "take items out of an index on a server",
      .operands = "BACKEND IDS",
      .needs = "",
      .flags = BIT(CLI_QUIET) | BIT(CLI_HELP),
      .stages = "open",
      .details = "IDS is a file of integers. An id that isn't there is no error.",
      .examples = "vrec delete milvus --collection films ids.npy",
      .run = cli_delete },
    { .name = "drop",
      .summary = "delete an index from its server, with all items",
      .operands = "BACKEND",
      .needs = "",
      .flags = BIT(CLI_YES) | BIT(CLI_QUIET) | BIT(CLI_HELP),
      .stages = "open",
      .details = "There is no way back, which is why it asks for --yes.",
      .examples = "vrec drop milvus --collection films --yes",
      .run = cli_drop },
    { .name = "version",
      .summary = "print the version and the CPU instruction set in use",
      .operands = "",
      .needs = "",
      .flags = BIT(CLI_HELP),
      .details = "",
      .examples = "vrec version",
      .run = cli_version },
    { .name = "help",
      .summary = "explain a command, or list the options of a backend",
      .operands = "[COMMAND|BACKEND]",
      .needs = "",
      .flags = BIT(CLI_HELP),
      .details = "",
      .examples = "vrec help query\n"
                  "vrec help faiss",
      .run = cli_help },
    { .name = "completion",
      .summary = "print the completion script of a shell",
      .operands = "bash",
      .needs = "",
      .flags = BIT(CLI_HELP),
      .details = "",
      .examples = "eval \"$(vrec completion bash)\"",
      .run = cli_completion },
    { .name = "man",
      .summary = "print the manual page",
      .operands = "",
      .needs = "",
      .flags = BIT(CLI_HELP),
      .details = "",
      .examples = "vrec man | man -l -",
      .run = cli_man },
};

const size_t cli_command_count = sizeof cli_commands / sizeof cli_commands[0];

const cli_topic cli_topics[] = {
    { "Flags",
      "Flags stand anywhere; -- ends them. --top_k 5, --top_k=5, --top-k 5 and -k 5 are the same.\n"
      "After any command, --help explains it." },
    { "Files",
      "ITEMS, QUERIES and other arrays are .npy, .fvecs, .bvecs, .ivecs, .fbin, .u8bin, .i8bin or\n"
      ".ibin, as the name's ending says. INDEX is a file in the backend's own format; milvus, whose\n"
      "indexes are on a server, has --collection NAME instead." },
    { "Exit status",
      "0: done. 1: it failed. 2: the command line makes no sense. 128 + N: signal N stopped it." },
    { "Environment",
      "VREC_CPU=scalar|avx2|avx512|neon chooses a lesser instruction set than the CPU has." },
};

const size_t cli_topic_count = sizeof cli_topics / sizeof cli_topics[0];

const cli_command *cli_find_command(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++)
        if (strcmp(cli_commands[i].name, name) == 0)
            return &cli_commands[i];
    return NULL;
}
