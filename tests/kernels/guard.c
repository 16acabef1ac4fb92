/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "guard.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

bool guarded_init(guarded *block, size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t inner = (bytes + page - 1) / page * page;
    uint8_t *outer = mmap(NULL, inner + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (outer == MAP_FAILED)
        return false;
    *block = (guarded){ .start = outer + page, .end = outer + page + inner };
    return mprotect(block->start, inner, PROT_READ | PROT_WRITE) == 0;
}

void *guarded_at(const guarded *block, size_t bytes, size_t place)
{
    if (place == PLACE_END)
        return block->end - bytes;
    if (place == PLACE_START)
        return block->start;
    return block->start + (LINE_FLOATS + place - PLACE_LINE) * sizeof(float);
}

const char *place_name(size_t place)
{
    static const char *const names[PLACES] = { "end", "start", "+0",  "+1",  "+2",  "+3",
                                               "+4",  "+5",    "+6",  "+7",  "+8",  "+9",
                                               "+10", "+11",   "+12", "+13", "+14", "+15" };
    return names[place];
}

static sigjmp_buf before_call;

static void on_fault(int number)
{
    siglongjmp(before_call, number);
}

void catch_faults(void)
{
    struct sigaction action = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGILL, &action, NULL);
}

bool survives(void (*run)(void *context), void *context)
{
    if (sigsetjmp(before_call, 0) != 0)
        return false;
    run(context);
    return true;
}
