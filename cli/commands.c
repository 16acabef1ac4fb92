/* The commands and flags, and what is said about them. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <string.h>

#define BIT(flag) (UINT64_C(1) << (flag))

const cli_flag cli_flags[CLI_FLAGS] = {
    [CLI_OUTPUT] = { "output", 'o', "INDEX", "where the index goes" },
    [CLI_ROWS] = { "rows", 0, "N", "how many items there will be; default: those of ITEMS" },
    [CLI_DIM] = { "dim", 0, "D", "how many values each of them has; default: as in ITEMS" },
    [CLI_OWN_IDS] = { "ids", 0, "", "they will have ids of their own" },
    [CLI_FROM] = { "from", 0, "BACKEND", "ITEMS is an index of that backend, with options: annoy,d=64" },
    [CLI_LABELS] = { "ids", 0, "FILE",
                     "the items' ids: a list of integers, or a text with a line for each" },
    [CLI_SAMPLE] = { "queries", 0, "FILE",
                     "queries like those to come: to tune on, and a graph learns from them" },
    [CLI_LEARNED] = { "queries", 0, "FILE",
                      "queries like those to come, some thousands: links are made for them" },
    [CLI_TUNED] = { "output", 'o', "FILE", "write the index, with the setting in it, to FILE" },
    [CLI_RECALL] = { "recall", 0, "R", "the share of the truly nearest to find; default 0.95" },
    [CLI_QUERIES] = { "queries", 0, "FILE", "queries like those to come; else items of the index are" },
    [CLI_TOP_K] = { "top_k", 'k', "K", "results per query, 1..16384; default 10" },
    [CLI_IDS] = { "ids", 0, "FILE", "write the ids (queries x K, int64) to FILE" },
    [CLI_DISTANCES] = { "distances", 0, "FILE", "write the distances (queries x K, float32) to FILE" },
    [CLI_EXCLUDE] = { "exclude", 0, "OFFSETS IDS",
                      "items that each query must not get: two files, or one .csv" },
    [CLI_WITHOUT] = { "without", 0, "IDS", "items that no query must get; a file" },
    [CLI_ALLOW] = { "allow", 0, "IDS", "the only items that queries may get; a file" },
    [CLI_NAMES] = { "names", 0, "FILE", "the items' names, a text with a line for each row of the index" },
    [CLI_INTERESTS] = { "interests", 0, "N", "every N rows of QUERIES are the interests of one user" },
    [CLI_VALID] = { "valid", 0, "FILE", "how many interests of each user are valid, the first ones" },
    [CLI_MERGE] = { "merge", 0, "HOW", "interests: best (default), sum or round-robin" },
    [CLI_USERS] = { "users", 0, "FILE", "the users' embeddings, a row each; FILE or NAME=FILE" },
    [CLI_ITEMS] = { "items", 0, "FILE", "the items' embeddings; row i is item i" },
    [CLI_INDEX] = { "index", 0, "FILE", "an index to open, in place of building" },
    [CLI_TRUTH] = { "truth", 0, "OFFSETS IDS", "what each user took: two files, or one .csv of user,item" },
    [CLI_SEEN] = { "seen", 0, "OFFSETS IDS", "what no user is to be shown, likewise" },
    [CLI_WITH] = { "with", 0, "SETTING", "a backend and its options: faiss,nprobe=8; up to 16 times" },
    [CLI_KS] = { "k", 'k', "NUMBERS", "metrics at these k, as 5,10,50; default 10" },
    [CLI_CONVENTION] = { "convention", 0, "NAME", "rechub (default), recbole, comirec or recommenders" },
    [CLI_THREADS] = { "threads", 0, "N", "of queries and metrics; 0: the process default, -1: all cores" },
    [CLI_SVG] = { "svg", 0, "FILE", "draw recall and NDCG over k to FILE" },
    [CLI_PLOT] = { "plot", 0, "FILE", "draw recall against queries per second to FILE, an SVG" },
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
      .flags = BIT(CLI_OUTPUT) | BIT(CLI_FROM) | BIT(CLI_LABELS) | BIT(CLI_SAMPLE) | BIT(CLI_QUIET) |
               BIT(CLI_HELP),
      .stages = "build",
      .details =
          "Row i of the file ITEMS becomes item id i. INDEX appears when it is complete; until then,\n"
          "and after a failure or Ctrl-C, an older INDEX is left as it was.\n"
          "\n"
          "--ids gives the items ids of their own: number i, or line i of a text, is row i's. Texts, and\n"
          "the numbers of a forest, go to INDEX.ids, which stays beside INDEX and is found by itself.\n"
          "\n"
          "ITEMS may be an index: the new one gets its items, with their ids, but not its metric: say\n"
          "--metric, too. One of FAISS's is known by itself; a forest needs\n"
          "--from annoy,d=64,metric=angular.\n"
          "\n"
          "--index_type auto with --target_recall 0.95 builds and tunes Flat, IVF or HNSW, whichever is\n"
          "fastest here with that recall, and prints the options that repeat it. --asked one is for\n"
          "queries that come one by one, --memory 2000 for an index of at most 2000 MB. --target_recall\n"
          "with another kind tunes that, and prints the setting; to name one, too, is an error. Where the\n"
          "recall is out of reach, the index has what comes nearest, with a warning. FAISS's files have\n"
          "the setting inside; a forest's has no room for it: give the searchk to vrec query.\n"
          "\n"
          "--queries is for HNSW, and most for two-tower models with IP: give some thousands of users.\n"
          "What they want together is linked, and recall rises at the same efSearch. With --target_recall\n"
          "any kind is tuned on them; HNSW, on half of them, 1000 at most, and learns from the others.\n"
          "\n"
          "With milvus, --collection takes the place of -o; a collection that exists is refused.",
      .examples = "vrec build faiss --metric IP items.npy -o items.index\n"
                  "vrec build annoy --metric euclidean items.index -o items.ann\n"
                  "vrec build faiss items.npy --ids titles.txt -o items.index\n"
                  "vrec build faiss --index_type HNSW items.npy --queries users.npy -o items.index\n"
                  "vrec build faiss --index_type auto --target_recall 0.95 items.npy -o items.index\n"
                  "vrec build faiss --index_type HNSW --target_recall 0.95 items.npy -o items.index\n"
                  "vrec build milvus --collection films --index_type HNSW items.npy",
      .run = cli_build },
    { .name = "query",
      .summary = "find the nearest items for each query",
      .operands = "BACKEND INDEX QUERIES",
      .needs = "",
      .flags = BIT(CLI_TOP_K) | BIT(CLI_IDS) | BIT(CLI_DISTANCES) | BIT(CLI_EXCLUDE) | BIT(CLI_WITHOUT) |
               BIT(CLI_ALLOW) | BIT(CLI_NAMES) | BIT(CLI_INTERESTS) | BIT(CLI_VALID) | BIT(CLI_MERGE) |
               BIT(CLI_JSON) | BIT(CLI_QUIET) | BIT(CLI_HELP),
      .stages = "open, query",
      .details =
          "Prints a line per result, parted by tabs: query, rank, item id, distance. Queries and items\n"
          "count from 0, ranks from 1, the nearest item. With --json, a line per query:\n"
          "{\"query\":0,\"ids\":[7,3],\"distances\":[0.5,0.75]}. With --ids or --distances, arrays of\n"
          "queries x K go to files instead, where unused slots hold id -1 and distance inf, or -inf if a\n"
          "larger distance is nearer.\n"
          "\n"
          "Fewer than K results come where fewer items are left, or an approximate search finds no more\n"
          "(--fill yes compares with all then). A query with a NaN or Inf gets none.\n"
          "\n"
          "--exclude takes the rows of a sparse matrix (CSR): query i excludes the ids numbered\n"
          "OFFSETS[i] up to before OFFSETS[i + 1] of IDS, in ascending order. Both files hold integers.\n"
          "Or one .csv with a line query,item for each pair: an id, or a name where items have names.\n"
          "--without takes a list of ids, in any order, that every query excludes; --allow those of the\n"
          "only items that may be found. Either may be a text with a name in each line.\n"
          "\n"
          "Where items have names, of their own (INDEX.ids) or by --names, these are printed in place of\n"
          "ids; with --json, beside them.\n"
          "\n"
          "With --interests, results and exclusions are of users. Each valid interest finds K items;\n"
          "--merge ranks them by the distance to the nearest interest (best), by the sum of the distances\n"
          "to all valid ones (sum), or takes the next item of each in turn (round-robin). The array of\n"
          "users x interests x d is given as users * interests rows.\n"
          "\n"
          "--target_recall tunes the index first, on 1000 of QUERIES, which takes longer than an exact\n"
          "search of those: for tens of thousands. For fewer, vrec tune -o makes an index that is tuned.",
      .examples = "vrec query faiss items.index users.npy -k 10\n"
                  "vrec query faiss items.index users.npy --ids ids.npy --distances distances.npy\n"
                  "vrec query faiss items.index users.npy --exclude seen_offsets.npy seen_ids.npy --json\n"
                  "vrec query faiss items.index users.npy --interests 4 --merge sum\n"
                  "vrec query milvus --collection films users.npy",
      .run = cli_query },
    { .name = "eval",
      .summary = "compare models and settings by what users went on to take",
      .operands = "",
      .needs = "",
      .flags = BIT(CLI_USERS) | BIT(CLI_ITEMS) | BIT(CLI_INDEX) | BIT(CLI_TRUTH) | BIT(CLI_SEEN) |
               BIT(CLI_NAMES) | BIT(CLI_WITH) | BIT(CLI_KS) | BIT(CLI_CONVENTION) | BIT(CLI_THREADS) |
               BIT(CLI_SVG) | BIT(CLI_JSON) | BIT(CLI_QUIET) | BIT(CLI_HELP),
      .details =
          "Builds an index with each setting, or opens --index, finds items for every user, and prints\n"
          "NDCG, MRR, recall, hit and precision at each k. An exact search of the same vectors stands\n"
          "beside: \"index\" is the share of its results that a setting found, \"loses\" the share of its\n"
          "recall that the setting lost.\n"
          "\n"
          "To compare models, give --users and --items once for each, up to 8: the first users go with\n"
          "the first items. All are of the same users and items, row by row, and each is tried with every\n"
          "setting. --users dssm=FILE names a model; else its users' FILE does. --index and collections\n"
          "are of one model, and left out.\n"
          "\n"
          "TRUTH and SEEN are the rows of a sparse matrix (CSR), as --exclude takes them: user i took the\n"
          "ids numbered OFFSETS[i] up to before OFFSETS[i + 1] of IDS. Or a table with a line user,item\n"
          "for each. Ids are rows of ITEMS, or the index's own. Where items have names, of their own\n"
          "(INDEX.ids) or by --names, a table names them: user,name.\n"
          "\n"
          "A setting with a collection is the index of that name on a server; what it loses is told with\n"
          "--items. docs/metrics.md has the formulas, and what each convention makes of them.",
      .examples =
          "vrec eval --users users.npy --items items.npy --truth truth.csv -k 5,10,50\n"
          "vrec eval --users users.npy --items items.npy --truth truth.csv --with annoy,metric=dot\n"
          "vrec eval --users users.npy --index items.index --truth truth.csv --json\n"
          "vrec eval --users a=users.npy --items items.npy --users b=u2.npy --items i2.npy "
          "--truth truth.csv",
      .run = cli_eval },
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
    { .name = "estimate",
      .summary = "say what an index would take: memory, disk, time",
      .operands = "BACKEND [ITEMS]",
      .needs = "",
      .flags =
          BIT(CLI_ROWS) | BIT(CLI_DIM) | BIT(CLI_OWN_IDS) | BIT(CLI_JSON) | BIT(CLI_QUIET) | BIT(CLI_HELP),
      .stages = "build, open",
      .about_all = true,
      .details =
          "Takes the options of vrec build, and --rows and --dim, or ITEMS, or some of them with --rows.\n"
          "Sizes follow from what is known of each kind of index, and are within 15 %. The time follows\n"
          "from building small ones, here and now, for a second at most, of ITEMS or else of drawn\n"
          "ones; it is within a factor of 1.5 on a machine that has nothing else to do. Inner products\n"
          "(HNSW) without ITEMS are thought to be of items whose lengths differ, which take longer. The\n"
          "tuning of --target_recall isn't counted.\n"
          "\n"
          "Memory while it is built doesn't count the items themselves, which are mapped. With --load map\n"
          "(annoy: by default) it also says what an index that is opened has for itself, and what it uses\n"
          "of its file. MB are 10^6 bytes.",
      .examples = "vrec estimate faiss --rows 1000000 --dim 128 --index_type HNSW --m 32\n"
                  "vrec estimate faiss items.npy --index_type HNSW --load map\n"
                  "vrec estimate annoy items.npy --rows 10000000 --n_trees 20 --json",
      .run = cli_estimate },
    { .name = "tune",
      .summary = "find the cheapest setting of an index that reaches a recall",
      .operands = "BACKEND INDEX [INDEX...]",
      .needs = "",
      .flags = BIT(CLI_RECALL) | BIT(CLI_QUERIES) | BIT(CLI_ITEMS) | BIT(CLI_LABELS) | BIT(CLI_TOP_K) |
               BIT(CLI_TUNED) | BIT(CLI_PLOT) | BIT(CLI_JSON) | BIT(CLI_QUIET) | BIT(CLI_HELP),
      .stages = "open",
      .details =
          "Compares what the index finds with what is truly nearest: recall is the share of it that was\n"
          "found, on average over the queries, and +- its standard error. Tries efSearch and gamma\n"
          "(HNSW), nprobe and budget (IVF) or searchk (annoy), prints what each setting gives, and\n"
          "marks the one that suffices with the fewest distances; with --quiet it prints that alone.\n"
          "\n"
          "-o writes the index with the efSearch or nprobe in it with which FAISS reaches the recall.\n"
          "\n"
          "An index on a server is tuned by --items, all that it has, with --ids where these aren't their\n"
          "rows: the least ef (HNSW) or nprobe (IVF) that suffices.\n"
          "\n"
          "--plot draws what was tried, and more of it, up to a tenth of what may be missed; of several\n"
          "indexes a curve each, up to eight.",
      .examples = "vrec build faiss --index_type IVF items.npy -o lists.index\n"
                  "vrec tune faiss lists.index --queries users.npy --recall 0.95\n"
                  "vrec tune faiss lists.index --plot curve.svg\n"
                  "vrec tune milvus --collection films --items items.npy --queries users.npy",
      .run = cli_tune },
    { .name = "add",
      .summary = "add items to an index file",
      .operands = "[BACKEND] INDEX ITEMS",
      .needs = "-o INDEX",
      .flags = BIT(CLI_OUTPUT) | BIT(CLI_LABELS) | BIT(CLI_QUIET) | BIT(CLI_HELP),
      .stages = "open",
      .details =
          "Writes the index with the items of the file ITEMS behind those that it has. -o may be INDEX\n"
          "itself, which is replaced when all is done; until then, and after a failure, it is as it was.\n"
          "\n"
          "Items get the next rows for ids. Where those of INDEX have ids of their own, or names, --ids\n"
          "gives the new ones theirs: number i, or line i of a text, is that of row i of ITEMS.\n"
          "\n"
          "For Flat, HNSW and IVF of faiss, also from FAISS's own files. Flat and IVF become what FAISS\n"
          "makes of them; the lists of an IVF stay around the centroids that it has. A forest is built\n"
          "anew instead: vrec build annoy. Indexes on a server: vrec upsert.",
      .examples = "vrec build faiss --index_type HNSW items.npy -o graph.index\n"
                  "vrec add graph.index items.npy -o larger.index",
      .run = cli_add },
    { .name = "optimize",
      .summary = "make the graph of an index anew, so that more is found, faster",
      .operands = "[BACKEND] INDEX",
      .needs = "-o FILE",
      .flags = BIT(CLI_OUTPUT) | BIT(CLI_LEARNED) | BIT(CLI_QUIET) | BIT(CLI_HELP),
      .stages = "open",
      .details =
          "For HNSW, also of FAISS's own making, whose graphs of inner products lead to a part of the\n"
          "items only (vrec info says to how many). Items, ids, m and efSearch stay; all links are made\n"
          "as vrec build makes them, and lead to every item. FILE may be INDEX, which is replaced when\n"
          "all is done. FAISS is faster with it, too.\n"
          "\n"
          "--queries is most for two-tower models with IP: give users. What the same ones want is linked.",
      .examples = "vrec build faiss --index_type HNSW items.npy -o graph.index\n"
                  "vrec optimize graph.index -o graph.index\n"
                  "vrec optimize graph.index --queries users.npy -o better.index",
      .run = cli_optimize },
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
    { .name = "list",
      .summary = "name the indexes on a server",
      .operands = "BACKEND",
      .needs = "",
      .flags = BIT(CLI_QUIET) | BIT(CLI_HELP),
      .stages = "open",
      .about_all = true,
      .details = "One name a line. Those of the form rechub_PROCESS_RANDOM belong to a process, or were "
                 "left by one\n"
                 "that was killed; vrec drop deletes them.",
      .examples = "vrec list milvus --uri http://localhost:19530",
      .run = cli_list_indexes },
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
      .operands = "SHELL",
      .needs = "",
      .flags = BIT(CLI_HELP),
      .details = "SHELL is bash, zsh or fish. make install puts the scripts where these look for them.",
      .examples = "eval \"$(vrec completion bash)\"\n"
                  "vrec completion zsh >_vrec         # then move it to a folder of $fpath\n"
                  "vrec completion fish >vrec.fish    # then to ~/.config/fish/completions",
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
_Static_assert(sizeof cli_commands / sizeof cli_commands[0] <= CLI_COMMANDS_MAX, "room for their names");

const cli_topic cli_topics[] = {
    { "Flags",
      "Flags stand anywhere; -- ends them. --top_k 5, --top_k=5, --top-k 5, -k 5 and -k5 are the same.\n"
      "After any command, --help explains it." },
    { "Files",
      "ITEMS, QUERIES and other arrays are .npy, .fvecs, .bvecs, .ivecs, .fbin, .u8bin, .i8bin or\n"
      ".ibin, as the name's ending says. INDEX is a file in the backend's own format; milvus, whose\n"
      "indexes are on a server, has --collection NAME instead." },
    { "Exit status",
      "0: done. 1: it failed. 2: the command line makes no sense. 128 + N: signal N stopped it." },
    { "Environment",
      "VREC_CPU=scalar|avx2|avx512|amx|neon chooses a lesser instruction set than the CPU has. Any\n"
      "other value is said on standard error, and changes nothing.\n"
      "VREC_THREADS=N is what --threads 0 means; without it that is all cores." },
};

const size_t cli_topic_count = sizeof cli_topics / sizeof cli_topics[0];

const cli_command *cli_find_command(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++)
        if (strcmp(cli_commands[i].name, name) == 0)
            return &cli_commands[i];
    return NULL;
}
