/* Files read, mapped, and written so that the old file or the new one is there.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/failed.h"
#include "support/folder.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define OLD "the old content"
#define NEW "something new"

static void assert_text(const char *path, const char *text)
{
    assert_file(path, text, strlen(text));
}

static int setup(void **state)
{
    (void)state;
    write_file("target", OLD, strlen(OLD));
    return chmod("target", 0644) != 0 || mkfifo("pipe", 0600) != 0;
}

static int teardown(void **state)
{
    (void)state;
    for_each_file(remove);
    return for_each_file(NULL) > 0;
}

/* ---- Reading ---- */

static void reads_anywhere(void **state)
{
    vr_input in;
    char buffer[8] = "";
    (void)state;
    assert_int_equal(vr_input_open("target", &in, NULL), VREC_OK);
    assert_int_equal(in.size, strlen(OLD));
    assert_int_equal(vr_input_read(&in, 8, buffer, 7, NULL), VREC_OK);
    assert_string_equal(buffer, "content");
    assert_int_equal(vr_input_read(&in, 0, buffer, 3, NULL), VREC_OK);
    assert_memory_equal(buffer, "the", 3);
    assert_int_equal(vr_input_read(&in, in.size, buffer, 0, NULL), VREC_OK);
    vr_input_close(&in);
    vr_input_close(&in); /* harmless */
}

static void a_short_file_is_corrupt(void **state)
{
    vr_input in;
    char buffer[32];
    vrec_error err = { 0 };
    (void)state;
    assert_int_equal(vr_input_open("target", &in, NULL), VREC_OK);
    vrec_status status = vr_input_read(&in, 10, buffer, 6, &err);
    assert_failed(status, &err, VREC_CORRUPT,
                  "reading target: the file ends at byte 15, 1 bytes short of what it holds");
    assert_int_equal(vr_input_read(&in, 0, buffer, 15, &err), VREC_OK);
    assert_int_equal(truncate("target", 4), 0); /* under our feet */
    status = vr_input_read(&in, 0, buffer, 15, &err);
    assert_failed(status, &err, VREC_CORRUPT, "the file ends at byte 4, 11 bytes short");
    vr_input_close(&in);
}

static void a_read_that_fails_says_where(void **state)
{
    vr_input in;
    char byte;
    vrec_error err = { 0 };
    (void)state;
    assert_int_equal(vr_input_open("target", &in, NULL), VREC_OK);
    vrec_status status = vr_input_read(&in, UINT64_MAX, &byte, 1, &err);
    assert_failed(status, &err, VREC_IO, "reading target at byte 18446744073709551615: ");
    vr_input_close(&in);
}

/* What neither opening nor mapping takes. */
static void only_regular_files_are_read(void **state)
{
    static const struct {
        const char *path, *says;
    } cases[] = {
        { "missing", "opening missing: No such file or directory" },
        { "", "opening : No such file or directory" },
        { ".", "opening .: Is a directory" },
        { "pipe", "opening pipe: not a regular file" },
        { "/dev/null", "opening /dev/null: not a regular file" },
        { "target/x", "opening target/x: Not a directory" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vr_input in;
        vr_map map;
        vrec_error err = { 0 };
        assert_failed(vr_input_open(cases[i].path, &in, &err), &err, VREC_IO, cases[i].says);
        assert_int_equal(in.fd, -1);
        assert_failed(vr_map_open(cases[i].path, &map, &err), &err, VREC_IO, cases[i].says);
        assert_null(map.data);
        assert_int_equal(vr_input_open(cases[i].path, &in, NULL), VREC_IO);
    }
}

/* Whatever is opened: an index, vectors, ids, a secret. */
static void a_git_lfs_pointer_is_none(void **state)
{
    static const char pointer[] =
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 512000000\n";
    vr_input in;
    vr_map map;
    vrec_error err = { 0 };
    (void)state;
    write_file("items.npy", pointer, strlen(pointer));
    assert_failed(vr_input_open("items.npy", &in, &err), &err, VREC_CORRUPT, "Git LFS pointer");
    assert_failed(vr_map_open("items.npy", &map, &err), &err, VREC_CORRUPT, "git lfs pull");
    for (size_t size = 0; size < 35; size++) {
        write_file("items.npy", pointer, size);
        assert_int_equal(vr_input_open("items.npy", &in, NULL), VREC_OK);
        vr_input_close(&in);
    }
}

static void maps_a_file(void **state)
{
    vr_map map;
    (void)state;
    assert_text("target", OLD);
    write_file("empty", "", 0);
    assert_int_equal(vr_map_open("empty", &map, NULL), VREC_OK);
    assert_null(map.data);
    assert_int_equal(map.size, 0);
    vr_map_close(&map);
    vr_map_close(&map);
}

/* ---- Writing ---- */

static vrec_status save(const char *path, const char *text, vrec_error *err)
{
    vr_output out;
    vrec_status status = vr_output_create(path, &out, err);
    if (status == VREC_OK)
        status = vr_output_write(&out, text, strlen(text), err);
    if (status == VREC_OK)
        status = vr_output_commit(&out, err);
    vr_output_close(&out);
    return status;
}

static void the_target_changes_at_once(void **state)
{
    vr_output out;
    size_t files = for_each_file(NULL);
    (void)state;
    assert_int_equal(vr_output_create("target", &out, NULL), VREC_OK);
    assert_int_equal(vr_output_write(&out, NEW, 5, NULL), VREC_OK);
    assert_int_equal(vr_output_write(&out, NEW, 0, NULL), VREC_OK);
    assert_text("target", OLD);
    assert_int_equal(for_each_file(NULL), files + 1);
    assert_int_equal(vr_output_write(&out, &NEW[5], strlen(NEW) - 5, NULL), VREC_OK);
    assert_int_equal(vr_output_commit(&out, NULL), VREC_OK);
    assert_text("target", NEW);
    vr_output_close(&out);
    vr_output_close(&out);
    assert_text("target", NEW);
    assert_int_equal(for_each_file(NULL), files);
}

static void a_new_file_appears_at_commit(void **state)
{
    vr_output out;
    struct stat st;
    mode_t mask = umask(0027);
    (void)state;
    assert_int_equal(vr_output_create("fresh", &out, NULL), VREC_OK);
    assert_int_not_equal(access("fresh", F_OK), 0);
    assert_int_equal(vr_output_commit(&out, NULL), VREC_OK);
    vr_output_close(&out);
    umask(mask);
    assert_text("fresh", "");
    assert_int_equal(stat("fresh", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void without_commit_nothing_happens(void **state)
{
    vr_output out;
    size_t files = for_each_file(NULL);
    (void)state;
    assert_int_equal(vr_output_create("target", &out, NULL), VREC_OK);
    assert_int_equal(vr_output_write(&out, NEW, strlen(NEW), NULL), VREC_OK);
    vr_output_close(&out);
    assert_text("target", OLD);
    assert_int_equal(for_each_file(NULL), files);
}

static void permissions_stay(void **state)
{
    static const mode_t modes[] = { 0600, 0640, 0666, 0755 };
    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct stat st;
        assert_int_equal(chmod("target", modes[i]), 0);
        assert_int_equal(save("target", NEW, NULL), VREC_OK);
        assert_int_equal(stat("target", &st), 0);
        assert_int_equal(st.st_mode & 07777, modes[i]);
    }
}

/* Nobody may read the content before the target's permissions are on it; set-id bits go. */
static void nothing_shows_before_its_time(void **state)
{
    vr_output out;
    struct stat st;
    mode_t mask = umask(0);
    (void)state;
    assert_int_equal(chmod("target", 06755), 0);
    assert_int_equal(vr_output_create("target", &out, NULL), VREC_OK);
    umask(mask);
    assert_int_equal(fstat(out.fd, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    vr_output_close(&out);
}

/* Root that rebuilds a service's index leaves it the service's. */
static void owner_and_group_stay(void **state)
{
    struct stat st;
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown("target", 65534, 12345), 0);
    assert_int_equal(chmod("target", 0640), 0);
    assert_int_equal(save("target", NEW, NULL), VREC_OK);
    assert_int_equal(stat("target", &st), 0);
    assert_int_equal(st.st_uid, 65534);
    assert_int_equal(st.st_gid, 12345);
    assert_int_equal(st.st_mode & 07777, 0640);
}

/* Who may not give the file to its old group gives the new one no more than everybody has. */
static void a_group_that_cannot_be_kept(void **state)
{
    int result;
    struct stat st;
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown("target", 65534, 12345), 0);
    assert_int_equal(chmod("target", 0664), 0);
    assert_int_equal(chmod(".", 0777), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(setgid(65534) != 0 || setuid(65534) != 0 || save("target", NEW, NULL) != VREC_OK);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_int_equal(stat("target", &st), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
}

/* In a child that isn't root, from whom nothing is protected. */
static void a_protected_target_is_kept(void **state)
{
    int result;
    (void)state;
    assert_int_equal(chmod("target", 0444), 0);
    assert_int_equal(chmod(".", 0777), 0);
    pid_t child = fork();
    if (child == 0) {
        vrec_error err = { 0 };
        if (geteuid() == 0 && setuid(65534) != 0)
            _exit(2);
        vrec_status status = save("target", NEW, &err);
        _exit(status != VREC_IO || strcmp(err.message, "writing target: Permission denied") != 0);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_text("target", OLD);
}

static void links_are_followed(void **state)
{
    struct stat st;
    (void)state;
    assert_int_equal(symlink("target", "link"), 0);
    assert_int_equal(symlink("./link", "link to link"), 0);
    assert_int_equal(save("link to link", NEW, NULL), VREC_OK);
    assert_text("target", NEW);
    assert_int_equal(lstat("link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(lstat("link to link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
}

/* The temporary file stands beside the real target, or renaming could cross file systems. */
static void the_temporary_stands_beside_the_target(void **state)
{
    vr_output out;
    (void)state;
    assert_int_equal(mkdir("sub", 0700), 0);
    assert_int_equal(symlink("sub/real", "link"), 0);
    write_file("sub/real", OLD, strlen(OLD));
    assert_int_equal(vr_output_create("link", &out, NULL), VREC_OK);
    assert_non_null(strstr(out.temporary, "sub/real."));
    assert_int_equal(access(out.temporary, F_OK), 0);
    assert_int_equal(vr_output_commit(&out, NULL), VREC_OK);
    vr_output_close(&out);
    assert_text("sub/real", "");
    assert_int_equal(remove("sub/real"), 0);
    assert_int_equal(rmdir("sub"), 0); /* it is empty */
}

static void a_link_leads_to_a_file_that_is_not_there_yet(void **state)
{
    vrec_error err = { 0 };
    struct stat st;
    (void)state;
    assert_int_equal(mkdir("sub", 0700), 0);
    assert_int_equal(symlink("sub/../sub/new", "link"), 0);
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_int_equal(save("link", NEW, &err), VREC_OK);
    assert_int_equal(lstat("link", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_text("sub/new", NEW);
    assert_int_equal(remove("sub/new"), 0);
    assert_int_equal(rmdir("sub"), 0);
    assert_failed(save("link", NEW, &err), &err, VREC_IO, "writing link: ");
    assert_failed(save("loop", NEW, &err), &err, VREC_IO, "Too many levels of symbolic links");
    assert_int_equal(lstat("loop", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
}

/* A link that another user has laid in a folder for all isn't followed, where the system forbids that
 * (fs.protected_symlinks), not even if it leads to nothing. */
static void a_planted_link_is_not_followed(void **state)
{
    char forbids = '0';
    int fd = open("/proc/sys/fs/protected_symlinks", O_RDONLY);
    (void)state;
    if (fd >= 0) {
        assert_int_equal(read(fd, &forbids, 1), 1);
        close(fd);
    }
    if (forbids != '1' || geteuid() != 0)
        skip();
    assert_int_equal(mkdir("all", 0700), 0);
    assert_int_equal(chmod("all", 01777), 0);
    for (size_t i = 0; i < 2; i++) {
        vrec_error err = { 0 };
        assert_int_equal(symlink(i ? "../target" : "../nothing", "all/link"), 0);
        assert_int_equal(lchown("all/link", 65534, 65534), 0);
        assert_failed(save("all/link", NEW, &err), &err, VREC_IO, "writing all/link: Permission denied");
        assert_int_equal(remove("all/link"), 0);
        assert_text("target", OLD);
        assert_int_not_equal(access("nothing", F_OK), 0);
    }
    assert_int_equal(rmdir("all"), 0);
}

static void what_cannot_be_written_is_refused(void **state)
{
    static const struct {
        const char *path, *says;
    } cases[] = {
        { ".", "writing .: Is a directory" },
        { "pipe", "writing pipe: not a regular file" },
        { "/dev/null", "writing /dev/null: not a regular file" },
        { "no/folder",
          "writing no/folder: creating a temporary file beside it: No such file or directory" },
        { "target/x", "writing target/x: Not a directory" },
        { "fresh/", "writing fresh/: Is a directory" },
    };
    size_t files = for_each_file(NULL);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vr_output out;
        vrec_error err = { 0 };
        assert_failed(vr_output_create(cases[i].path, &out, &err), &err, VREC_IO, cases[i].says);
        vr_output_close(&out);
        assert_int_equal(for_each_file(NULL), files);
    }
}

static void an_empty_name_is_refused(void **state)
{
    vrec_error err = { 0 };
    (void)state;
    assert_failed(save("", NEW, &err), &err, VREC_INVALID, "writing a file: its name is empty");
}

static void a_name_too_long_is_refused(void **state)
{
    char name[NAME_MAX + 2];
    vrec_error err = { 0 };
    (void)state;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_failed(save(name, NEW, &err), &err, VREC_IO, "File name too long");
}

static void two_writers_do_not_meet(void **state)
{
    vr_output a, b;
    (void)state;
    assert_int_equal(vr_output_create("target", &a, NULL), VREC_OK);
    assert_int_equal(vr_output_create("target", &b, NULL), VREC_OK);
    assert_string_not_equal(a.temporary, b.temporary);
    assert_int_equal(vr_output_write(&a, "a", 1, NULL), VREC_OK);
    assert_int_equal(vr_output_write(&b, "bb", 2, NULL), VREC_OK);
    assert_int_equal(vr_output_commit(&b, NULL), VREC_OK);
    assert_text("target", "bb");
    assert_int_equal(vr_output_commit(&a, NULL), VREC_OK);
    assert_text("target", "a");
    vr_output_close(&a);
    vr_output_close(&b);
}

/* Starts a process that writes to target, and stops in the middle: killed there, or going on when told. */
static pid_t start_writer(void)
{
    int result;
    pid_t child = fork();
    if (child == 0) {
        vr_output out;
        if (vr_output_create("target", &out, NULL) != VREC_OK ||
            vr_output_write(&out, "half", 4, NULL) != VREC_OK || raise(SIGSTOP) != 0)
            _exit(1);
        _exit(vr_output_commit(&out, NULL) != VREC_OK);
    }
    assert_int_equal(waitpid(child, &result, WUNTRACED), child);
    assert_true(WIFSTOPPED(result));
    return child;
}

/* What a killed process has left goes with the next save of the same target; what one that lives is writing
 * stays, whatever its number. */
static void what_is_left_over_is_removed(void **state)
{
    static const char *const others[] = { "target.tmp",
                                          "target.0123456789abcdef.tmp.x",
                                          "target.0123456789abcde.tmp",
                                          "target.0123456789ABCDEF.tmp",
                                          "other.0123456789abcdef.tmp",
                                          "target.1-0.tmp" };
    int result;
    size_t files = for_each_file(NULL);
    (void)state;
    for (size_t i = 0; i < 6; i++)
        write_file(others[i], OLD, strlen(OLD));
    assert_int_equal(mkfifo("target.0000000000000000.tmp", 0600), 0);
    assert_int_equal(symlink("target", "target.0000000000000001.tmp"), 0);
    files += 8;
    pid_t alive = start_writer();
    for (size_t i = 0; i < 3; i++) {
        pid_t killed = start_writer();
        assert_int_equal(kill(killed, SIGKILL), 0);
        assert_int_equal(waitpid(killed, &result, 0), killed);
        assert_int_equal(for_each_file(NULL), files + 2);
    }
    assert_int_equal(save("target", NEW, NULL), VREC_OK);
    assert_int_equal(for_each_file(NULL), files + 1);
    assert_text("target", NEW);
    assert_int_equal(kill(alive, SIGCONT), 0);
    assert_int_equal(waitpid(alive, &result, 0), alive);
    assert_int_equal(result, 0);
    assert_text("target", "half");
    assert_int_equal(for_each_file(NULL), files);
}

/* As long as a name may be. */
static void long_names_are_written(void **state)
{
    (void)state;
    for (size_t length = 200; length <= NAME_MAX; length++) {
        char name[NAME_MAX + 1] = "";
        memset(name, 'n', length);
        if (length % 2) /* cut between the bytes of a character */
            memcpy(name + 230 - length % 3, "\xe5\x90\x91", length > 240 ? 3 : 0);
        size_t files = for_each_file(NULL);
        for (size_t i = 0; i < 2; i++)
            if (save(name, NEW, NULL) != VREC_OK)
                fail_msg("a name of %zu bytes", length);
        assert_text(name, NEW);
        assert_int_equal(for_each_file(NULL), files + 1);
        assert_int_equal(remove(name), 0);
    }
}

static void a_full_disk_leaves_the_old_file(void **state)
{
    enum { LIMIT = 4096 };
    static char big[3 * LIMIT];
    struct rlimit old, small;
    vr_output out;
    vrec_error err = { 0 };
    size_t files = for_each_file(NULL);
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){ .rlim_cur = LIMIT, .rlim_max = old.rlim_max };
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(vr_output_create("target", &out, NULL), VREC_OK);
    vrec_status status = vr_output_write(&out, big, sizeof big, &err); /* short, then refused */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, SIG_DFL);
    vr_output_close(&out);
    assert_failed(status, &err, VREC_IO, "target: File too large");
    assert_text("target", OLD);
    assert_int_equal(for_each_file(NULL), files);
}

static void a_folder_that_vanishes_fails_the_commit(void **state)
{
    vr_output out;
    vrec_error err = { 0 };
    (void)state;
    assert_int_equal(mkdir("sub", 0700), 0);
    assert_int_equal(vr_output_create("sub/file", &out, NULL), VREC_OK);
    assert_int_equal(remove(out.temporary), 0);
    assert_int_equal(rmdir("sub"), 0);
    assert_failed(vr_output_commit(&out, &err), &err, VREC_IO, "renaming ");
    vr_output_close(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(a_short_file_is_corrupt, setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_that_fails_says_where, setup, teardown),
        cmocka_unit_test_setup_teardown(only_regular_files_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(a_git_lfs_pointer_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(maps_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(the_target_changes_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_new_file_appears_at_commit, setup, teardown),
        cmocka_unit_test_setup_teardown(without_commit_nothing_happens, setup, teardown),
        cmocka_unit_test_setup_teardown(permissions_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_shows_before_its_time, setup, teardown),
        cmocka_unit_test_setup_teardown(owner_and_group_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(a_group_that_cannot_be_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_protected_target_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_name_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(links_are_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(the_temporary_stands_beside_the_target, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_leads_to_a_file_that_is_not_there_yet, setup, teardown),
        cmocka_unit_test_setup_teardown(a_planted_link_is_not_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_name_too_long_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(two_writers_do_not_meet, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_left_over_is_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(long_names_are_written, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_leaves_the_old_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_vanishes_fails_the_commit, setup, teardown),
    };
    return cmocka_run_group_tests_name("file", tests, enter_folder, leave_folder);
}
