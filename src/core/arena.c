/*
 * arena: chunks of memory that are freed together. Entry points in arena.h.
 *
 * The first chunk comes with the arena, so that a plain request costs one allocation; later ones
 * double up to CHUNK_MAX. What does not fit into the rest of the current chunk and is large gets a
 * chunk of its own behind it, so that the rest is not lost. With the sanitizers every allocation
 * has its own chunk of exactly its size: they then see an overrun by one byte.
 *
 * Invariant: used <= limit; the chunks' own sum stays below twice that and one first chunk.
 */
#include "core/arena.h"
#include "core/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define CHUNK_FIRST 4096
#define CHUNK_MAX   65536
#define ALIGNMENT   _Alignof(max_align_t)

#ifdef PARTYSTUDY_SANITIZE
static const bool exact_chunks = true;
#else
static const bool exact_chunks = false;
#endif

struct chunk {
	struct chunk *next;
	size_t size;
	size_t taken;
	_Alignas(max_align_t) unsigned char bytes[];
};

struct arena {
	size_t limit;
	size_t used;
	size_t next_size;
	bool overflowed;
	struct chunk *current; /* allocations come from here; older ones follow by `next` */
	_Alignas(max_align_t) unsigned char first[CHUNK_FIRST];
};

static struct chunk *first_chunk(struct arena *arena)
{
	struct chunk *chunk = (struct chunk *)(void *)arena->first;
	*chunk = (struct chunk){.next = NULL, .size = CHUNK_FIRST - sizeof *chunk, .taken = 0};
	return chunk;
}

struct arena *arena_new(size_t limit)
{
	/* Not mem_alloc: each allocation is zeroed when it is made, most of `first` may never be.
	 */
	struct arena *arena = mem_resize(NULL, sizeof *arena);
	if (arena == NULL)
		return NULL;
	arena->limit = limit;
	arena->used = 0;
	arena->next_size = (size_t)2 * CHUNK_FIRST;
	arena->overflowed = false;
	arena->current = first_chunk(arena);
	return arena;
}

void arena_free(struct arena *arena)
{
	if (arena == NULL)
		return;
	struct chunk *chunk = arena->current;
	while (chunk != NULL) {
		struct chunk *next = chunk->next;
		if ((void *)chunk != (void *)arena->first)
			mem_free(chunk);
		chunk = next;
	}
	mem_free(arena);
}

static struct chunk *chunk_new(size_t size)
{
	if (size > SIZE_MAX - sizeof(struct chunk))
		return NULL;
	struct chunk *chunk = mem_resize(NULL, sizeof *chunk + size);
	if (chunk != NULL)
		*chunk = (struct chunk){.next = NULL, .size = size, .taken = 0};
	return chunk;
}

static void *chunk_take(struct chunk *chunk, size_t size)
{
	unsigned char *bytes = chunk->bytes + chunk->taken;
	chunk->taken += size;
	return bytes;
}

/* A chunk behind the current one, which stays in use. */
static void *take_own_chunk(struct arena *arena, size_t size)
{
	struct chunk *chunk = chunk_new(size);
	if (chunk == NULL)
		return NULL;
	chunk->next = arena->current->next;
	arena->current->next = chunk;
	return chunk_take(chunk, size);
}

static void *take_new_chunk(struct arena *arena, size_t size)
{
	struct chunk *chunk = chunk_new(arena->next_size);
	if (chunk == NULL)
		return NULL;
	if (arena->next_size < CHUNK_MAX)
		arena->next_size *= 2;
	chunk->next = arena->current;
	arena->current = chunk;
	return chunk_take(chunk, size);
}

static void *take(struct arena *arena, size_t exact, size_t rounded)
{
	struct chunk *current = arena->current;

	if (exact_chunks)
		return take_own_chunk(arena, exact);
	if (rounded <= current->size - current->taken)
		return chunk_take(current, rounded);
	if (rounded > arena->next_size / 2)
		return take_own_chunk(arena, rounded);
	return take_new_chunk(arena, rounded);
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size == 0)
		size = 1; /* so that NULL always means failure */
	size_t left = arena->limit - arena->used;
	size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	void *memory = NULL;

	if (size <= left && rounded >= size && rounded <= left)
		memory = take(arena, size, rounded);
	if (memory == NULL) {
		arena->overflowed = true;
		return NULL;
	}
	arena->used += rounded;
	return memset(memory, 0, size);
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
	if (len == SIZE_MAX) {
		arena->overflowed = true;
		return NULL;
	}
	char *copy = arena_alloc(arena, len + 1);
	if (copy != NULL && len > 0)
		memcpy(copy, text, len);
	return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		arena->overflowed = true;
	else
		text = arena_alloc(arena, (size_t)len + 1);
	if (text == NULL)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}

bool arena_overflowed(const struct arena *arena)
{
	return arena->overflowed;
}

size_t arena_used(const struct arena *arena)
{
	return arena->used;
}
