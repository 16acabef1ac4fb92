/* Which instruction set is chosen, and what choosing one means for signals and for forked children.
 *
 * It is chosen once for a process, so that every test is a child of its own, and this process never asks.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#define _XOPEN_SOURCE 700 /* sigaltstack */
#include "support/flat_oracle.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SMALL = 8192 /* bytes of a stack for signals; tiles want more, all else is content */ };

static void assert_in_child(bool (*holds)(void))
{
    int result;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(300);
        _exit(!holds());
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
}

/* Queries enough for tiles, and some for none, over digits and over values. */
static bool answers_well(void)
{
    problem p = { .metric = VR_METRIC_L2, .rows = 300, .dim = 100, .queries = 37, .top_k = 10 };
    float *items = new_integers(p.rows * p.dim), *vectors = new_integers(p.queries * p.dim);
    p.items = items;
    p.vectors = vectors;
    assert_solved(&p, in_double, "in a child");
    free(items);
    free(vectors);
    return true;
}

static bool is_amx(void)
{
    return strcmp(vrec_cpu(), "amx") == 0;
}

/* ---- Small stacks for signals ---- */

static char small_stack[SMALL];
static volatile sig_atomic_t on_small_stack;

/* Returns whether the system takes it for this thread's signals. before: the one until then, or NULL. */
static bool use_small_stack(stack_t *before)
{
    return sigaltstack(&(stack_t){ .ss_sp = small_stack, .ss_size = SMALL }, before) == 0;
}

static void note_stack(int number)
{
    const char *here = __builtin_frame_address(0);
    (void)number;
    on_small_stack = here >= small_stack && here < small_stack + SMALL;
}

/* Whether a signal's handler runs on the small stack. */
static bool serves_signals(void)
{
    struct sigaction action = { .sa_handler = note_stack, .sa_flags = SA_ONSTACK };
    on_small_stack = 0;
    return sigaction(SIGUSR1, &action, NULL) == 0 && raise(SIGUSR1) == 0 && on_small_stack;
}

static bool does_without_tiles(void)
{
    if (!use_small_stack(NULL))
        return true; /* nobody can have one here */
    return !is_amx() && answers_well() && serves_signals();
}

static void a_small_stack_keeps_its_size(void **state)
{
    (void)state;
    unsetenv("VREC_CPU");
    assert_in_child(does_without_tiles);
}

/* A thread that has a small stack until it is told to end. */
typedef struct holder {
    pthread_barrier_t barrier;
    bool has_one;
} holder;

static void *hold_small_stack(void *context)
{
    holder *h = context;
    stack_t before;
    h->has_one = use_small_stack(&before);
    pthread_barrier_wait(&h->barrier);
    pthread_barrier_wait(&h->barrier);
    if (h->has_one)
        sigaltstack(&before, NULL);
    return NULL;
}

static bool does_without_tiles_for_another(void)
{
    holder h;
    pthread_t thread;
    if (pthread_barrier_init(&h.barrier, NULL, 2) || pthread_create(&thread, NULL, hold_small_stack, &h))
        return false;
    pthread_barrier_wait(&h.barrier);
    bool holds = !(h.has_one && is_amx());
    pthread_barrier_wait(&h.barrier);
    pthread_join(thread, NULL);
    return holds && answers_well();
}

static void so_does_that_of_another_thread(void **state)
{
    (void)state;
    unsetenv("VREC_CPU");
    assert_in_child(does_without_tiles_for_another);
}

/* As vrec.h has it. */
static bool refuses_small_stacks_later(void)
{
    stack_t before;
    bool could = use_small_stack(&before);
    if (could)
        sigaltstack(&before, NULL);
    if (is_amx())
        return could && !use_small_stack(NULL) && errno == ENOMEM && answers_well();
    return use_small_stack(NULL) == could;
}

static void later_small_stacks_are_refused_for_tiles_alone(void **state)
{
    (void)state;
    unsetenv("VREC_CPU");
    assert_in_child(refuses_small_stacks_later);
}

/* ---- What else decides ---- */

static bool has_what_was_asked_for(void)
{
    return strcmp(vrec_cpu(), getenv("VREC_CPU")) == 0 && answers_well();
}

static bool has_the_best(void)
{
    const char *best = NULL;
    for (size_t i = 0; vr_simd_at(i); i++)
        best = vr_simd_at(i)->name;
    return strcmp(vrec_cpu(), best) == 0;
}

/* Children ask for each that they have. */
static bool have_what_was_asked_for(void)
{
    for (size_t i = 0; vr_simd_at(i); i++) {
        setenv("VREC_CPU", vr_simd_at(i)->name, 1);
        assert_in_child(has_what_was_asked_for);
    }
    setenv("VREC_CPU", "abacus", 1);
    return has_the_best();
}

static void the_environment_names_a_lower_one(void **state)
{
    (void)state;
    assert_in_child(have_what_was_asked_for);
}

static bool has_children_that_answer(void)
{
    const char *name = vrec_cpu();
    if (!answers_well())
        return false;
    assert_in_child(answers_well);
    return strcmp(name, vrec_cpu()) == 0;
}

static void a_forked_child_goes_on_with_it(void **state)
{
    (void)state;
    unsetenv("VREC_CPU");
    assert_in_child(has_children_that_answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_stack_keeps_its_size),
        cmocka_unit_test(so_does_that_of_another_thread),
        cmocka_unit_test(later_small_stacks_are_refused_for_tiles_alone),
        cmocka_unit_test(the_environment_names_a_lower_one),
        cmocka_unit_test(a_forked_child_goes_on_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
