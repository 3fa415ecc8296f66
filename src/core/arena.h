/*
 * arena: the memory of one request.
 *
 * Everything a request needs while it lives is taken from its arena and goes with it in one call.
 * A failed allocation gives NULL and sets the overflow bit, so that a caller that builds many
 * small things may check once, at the end. An arena never grows past its limit: what a user can
 * size is bounded by it.
 */
#ifndef PARTYSTUDY_CORE_ARENA_H
#define PARTYSTUDY_CORE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* Makes an arena that may hold up to `limit` bytes. NULL when memory is short. Owned by the caller. */
struct arena *arena_new(size_t limit);

/* Frees the arena and everything taken from it. NULL is allowed. */
void arena_free(struct arena *arena);

/* `size` zeroed bytes aligned for any type, or NULL (and the overflow bit). */
void *arena_alloc(struct arena *arena, size_t size);

/* A NUL-terminated copy of `len` bytes of `text`, or NULL (and the overflow bit). */
char *arena_strndup(struct arena *arena, const char *text, size_t len);

/* printf into the arena; NULL (and the overflow bit) when it does not fit. */
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* True once any allocation has failed. */
bool arena_overflowed(const struct arena *arena);

/* Bytes taken so far. */
size_t arena_used(const struct arena *arena);

#endif
