/* mem: the only place that calls the C library's allocator, so that tests can count and fail it. */
#ifndef PARTYSTUDY_CORE_MEM_H
#define PARTYSTUDY_CORE_MEM_H

#include <stddef.h>

/* Zeroed memory or NULL. */
void *mem_alloc(size_t size);
/* As realloc: the new part is not zeroed; NULL leaves the old memory as it was. */
void *mem_resize(void *memory, size_t size);
char *mem_strdup(const char *text);
/* NULL is allowed. */
void mem_free(void *memory);
/* Overwrites secrets in a way that no compiler removes, then frees. */
void mem_wipe_free(void *memory, size_t size);

/*
 * For tests only. mem_fail_after(n) makes the n-th allocation from now fail, once (1: the next one;
 * 0: none, also what is armed already); mem_live() counts the blocks that nobody has freed yet.
 */
void mem_fail_after(long n);
long mem_live(void);

#endif
