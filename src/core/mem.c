/*
 * mem: the C library's allocator behind one door. Entry points in mem.h.
 *
 * A request for no bytes gives a block as well, so that NULL always means failure. Threads may
 * allocate (password hashing does): the live count is atomic; the failure hook is for tests with
 * one thread and is only read while it is not armed.
 */
#include "core/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static atomic_long live;
static long fail_countdown; /* 0: not armed */

static bool must_fail(void)
{
	return fail_countdown != 0 && --fail_countdown == 0;
}

static void *counted(void *memory)
{
	if (memory != NULL)
		atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
	return memory;
}

void *mem_alloc(size_t size)
{
	if (must_fail())
		return NULL;
	return counted(calloc(1, size > 0 ? size : 1));
}

void *mem_resize(void *memory, size_t size)
{
	if (must_fail())
		return NULL;
	void *resized = realloc(memory, size > 0 ? size : 1);
	return memory == NULL ? counted(resized) : resized;
}

char *mem_strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = mem_resize(NULL, size);
	if (copy != NULL)
		memcpy(copy, text, size);
	return copy;
}

void mem_free(void *memory)
{
	if (memory == NULL)
		return;
	atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
	free(memory);
}

void mem_wipe_free(void *memory, size_t size)
{
	if (memory == NULL)
		return;
	explicit_bzero(memory, size);
	mem_free(memory);
}

void mem_fail_after(long n)
{
	fail_countdown = n;
}

long mem_live(void)
{
	return atomic_load_explicit(&live, memory_order_relaxed);
}
