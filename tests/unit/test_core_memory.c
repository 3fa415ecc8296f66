/*
 * Tests of core/mem, core/arena and core/buf: what they give, where they stop, and that the failure
 * of any one allocation leaves them usable and loses no block.
 */
#include "core/arena.h"
#include "core/buf.h"
#include "core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool all_zero(const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

/* ── mem ────────────────────────────────────────────────────────────────────────────────────── */

static void test_mem_zeroed_and_counted(void **unused)
{
	(void)unused;
	long before = mem_live();
	unsigned char *memory = mem_alloc(100);
	assert_non_null(memory);
	assert_true(all_zero(memory, 100));
	char *text = mem_strdup("支部");
	assert_string_equal(text, "支部");
	assert_int_equal(mem_live(), before + 2);
	text = mem_resize(text, 1000);
	assert_string_equal(text, "支部");
	assert_int_equal(mem_live(), before + 2);
	mem_free(memory);
	mem_wipe_free(text, 1000);
	mem_free(NULL);
	mem_wipe_free(NULL, 10);
	assert_int_equal(mem_live(), before);
}

static void test_mem_no_bytes_is_no_failure(void **unused)
{
	(void)unused;
	void *none = mem_alloc(0);
	assert_non_null(none);
	none = mem_resize(none, 0);
	assert_non_null(none);
	mem_free(none);
}

static void test_mem_fails_once_where_told(void **unused)
{
	(void)unused;
	mem_fail_after(2);
	void *first = mem_alloc(1), *second = mem_alloc(1), *third = mem_alloc(1);
	assert_non_null(first);
	assert_null(second);
	assert_non_null(third);
	mem_fail_after(1);
	mem_fail_after(0);
	void *disarmed = mem_alloc(1);
	assert_non_null(disarmed);
	mem_fail_after(1);
	assert_null(mem_resize(first, 50));
	mem_free(first); /* a failed resize leaves it as it was */
	mem_free(third);
	mem_free(disarmed);
}

/* ── arena ──────────────────────────────────────────────────────────────────────────────────── */

static void test_arena_gives_zeroed_aligned_memory(void **unused)
{
	(void)unused;
	struct arena *arena = arena_new(1000000);
	for (size_t size = 0; size < 700; size += 7) {
		unsigned char *memory = arena_alloc(arena, size);
		assert_non_null(memory);
		assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
		assert_true(all_zero(memory, size));
		memset(memory, 0xEE, size); /* a neighbour must not see it as zeroes */
	}
	assert_false(arena_overflowed(arena));
	arena_free(arena);
	arena_free(NULL);
}

static void test_arena_blocks_do_not_overlap(void **unused)
{
	(void)unused;
	enum { COUNT = 400 };
	struct arena *arena = arena_new(8u << 20);
	unsigned char *blocks[COUNT];
	for (size_t i = 0; i < COUNT; i++) { /* small, middling and large ones in turn */
		size_t size = i % 10 == 9 ? 100000 : i * 13 + 1;
		blocks[i] = arena_alloc(arena, size);
		assert_non_null(blocks[i]);
		memset(blocks[i], (int)(i % 251), size);
	}
	for (size_t i = 0; i < COUNT; i++) {
		size_t size = i % 10 == 9 ? 100000 : i * 13 + 1;
		assert_int_equal(blocks[i][0], i % 251);
		assert_int_equal(blocks[i][size - 1], i % 251);
	}
	arena_free(arena);
}

static void test_arena_stops_at_its_limit(void **unused)
{
	(void)unused;
	struct arena *arena = arena_new(10000);
	size_t taken = 0;
	while (arena_alloc(arena, 16) != NULL)
		taken += 16;
	assert_int_equal(taken, 10000);
	assert_int_equal(arena_used(arena), 10000);
	assert_true(arena_overflowed(arena));
	arena_free(arena);
}

static void test_arena_refuses_absurd_sizes(void **unused)
{
	(void)unused;
	size_t sizes[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 15, SIZE_MAX - 100, SIZE_MAX / 2};
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct arena *arena = arena_new(1000);
		assert_null(arena_alloc(arena, sizes[i]));
		assert_true(arena_overflowed(arena));
		assert_int_equal(arena_used(arena), 0);
		assert_null(arena_strndup(arena, "x", SIZE_MAX));
		arena_free(arena);
		arena = arena_new(SIZE_MAX); /* without the limit's help */
		assert_null(arena_alloc(arena, SIZE_MAX - i));
		arena_free(arena);
	}
}

static void test_arena_texts(void **unused)
{
	(void)unused;
	struct arena *arena = arena_new(200);
	assert_string_equal(arena_strndup(arena, "党委办公室", 6), "党委");
	assert_string_equal(arena_strndup(arena, NULL, 0), "");
	assert_string_equal(arena_printf(arena, "%s-%d", "a", 7), "a-7");
	assert_memory_equal(arena_strndup(arena, "a\0b", 3), "a\0b", 4);
	assert_null(arena_printf(arena, "%0300d", 1));
	assert_true(arena_overflowed(arena));
	assert_non_null(arena_printf(arena, "%s", "small still fits"));
	arena_free(arena);
}

/* Takes many sizes; at every place where memory may run out, once. */
static void test_arena_survives_each_failure(void **unused)
{
	(void)unused;
	long before = mem_live();
	for (long n = 1; n < 12; n++) {
		mem_fail_after(n);
		struct arena *arena = arena_new(1u << 20);
		assert_true((arena == NULL) == (n == 1));
		bool failed = false;
		for (size_t size = 100; arena != NULL && size < 100000; size = size * 3 / 2) {
			unsigned char *memory = arena_alloc(arena, size);
			if (memory == NULL)
				failed = true;
			else
				memset(memory, 1, size);
		}
		if (arena != NULL) {
			assert_int_equal(arena_overflowed(arena), failed);
			mem_fail_after(0);
			assert_non_null(arena_alloc(arena, 10000));
		}
		arena_free(arena);
		mem_fail_after(0);
		assert_int_equal(mem_live(), before);
	}
}

/* ── buf ────────────────────────────────────────────────────────────────────────────────────── */

static void test_buf_is_always_a_string(void **unused)
{
	(void)unused;
	struct buf buf;
	buf_init(&buf, 0);
	assert_string_equal(buf.data, "");
	buf_append(&buf, NULL, 0);
	assert_string_equal(buf.data, "");
	buf_puts(&buf, "abc");
	buf_putc(&buf, 'd');
	assert_string_equal(buf.data, "abcd");
	assert_int_equal(buf.len, 4);
	buf_reset(&buf);
	assert_string_equal(buf.data, "");
	buf_free(&buf);
	assert_string_equal(buf.data, "");
	buf_puts(&buf, "usable afterwards");
	assert_string_equal(buf.data, "usable afterwards");
	buf_free(&buf);
	buf_free(&buf);
}

static void test_buf_of_zeroes_works(void **unused)
{
	(void)unused;
	struct buf buf = {0};
	buf_reset(&buf);
	assert_string_equal(buf.data, "");
	buf = (struct buf){0};
	buf_printf(&buf, "%d", 1);
	assert_string_equal(buf.data, "1");
	buf_free(&buf);
	buf = (struct buf){0};
	buf_free(&buf);
}

static void test_buf_grows_and_keeps_bytes(void **unused)
{
	(void)unused;
	struct buf buf;
	buf_init(&buf, 3);
	for (int i = 0; i < 100000; i++)
		buf_putc(&buf, (char)('a' + i % 26));
	assert_int_equal(buf.len, 100000);
	assert_false(buf.failed);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf.data[i], 'a' + i % 26);
	buf_append(&buf, "\0x", 2);
	assert_int_equal(buf.len, 100002);
	assert_int_equal(buf.data[100001], 'x');
	assert_int_equal(buf.data[100002], 0);
	buf_free(&buf);
}

static void test_buf_printf_at_every_length(void **unused)
{
	(void)unused;
	for (int len = 0; len < 600; len++) { /* around the first capacity, too */
		struct buf buf;
		buf_init(&buf, 0);
		buf_puts(&buf, "<");
		buf_printf(&buf, "%0*d", len, 0);
		buf_puts(&buf, ">");
		assert_int_equal(buf.len, strlen(buf.data));
		assert_int_equal(buf.len, 2 + (len > 1 ? len : 1));
		assert_int_equal(buf.data[buf.len - 1], '>');
		buf_free(&buf);
	}
}

static void test_buf_int(void **unused)
{
	(void)unused;
	struct {
		int64_t number;
		const char *text;
	} cases[] = {{0, "0"},
		     {-1, "-1"},
		     {1234567890123456789, "1234567890123456789"},
		     {INT64_MAX, "9223372036854775807"},
		     {INT64_MIN, "-9223372036854775808"}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf buf;
		buf_init(&buf, 0);
		buf_int(&buf, cases[i].number);
		assert_string_equal(buf.data, cases[i].text);
		buf_free(&buf);
	}
}

static void test_buf_refuses_absurd_sizes(void **unused)
{
	(void)unused;
	struct buf buf;
	buf_init(&buf, 0);
	buf_puts(&buf, "kept");
	assert_false(buf_reserve(&buf, SIZE_MAX));
	assert_true(buf.failed);
	buf_puts(&buf, "ignored");
	assert_string_equal(buf.data, "kept");
	buf_reset(&buf);
	assert_false(buf.failed);
	assert_false(buf_reserve(&buf, SIZE_MAX - 3));
	buf_free(&buf);
}

static void test_buf_survives_each_failure(void **unused)
{
	(void)unused;
	long before = mem_live();
	for (long n = 1; n < 8; n++) {
		struct buf buf;
		mem_fail_after(n);
		buf_init(&buf, 10);
		for (int i = 0; i < 300; i++) {
			buf_puts(&buf, "0123456789");
			buf_printf(&buf, "%s", "0123456789");
			buf_int(&buf, 1234567890);
			buf_putc(&buf, '\n');
		}
		assert_true(buf.failed);
		assert_int_equal(buf.len, strlen(buf.data)); /* whole and terminated */
		mem_fail_after(0);
		buf_reset(&buf);
		buf_puts(&buf, "again");
		assert_false(buf.failed);
		assert_string_equal(buf.data, "again");
		buf_free(&buf);
		assert_int_equal(mem_live(), before);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mem_zeroed_and_counted),
	    cmocka_unit_test(test_mem_no_bytes_is_no_failure),
	    cmocka_unit_test(test_mem_fails_once_where_told),
	    cmocka_unit_test(test_arena_gives_zeroed_aligned_memory),
	    cmocka_unit_test(test_arena_blocks_do_not_overlap),
	    cmocka_unit_test(test_arena_stops_at_its_limit),
	    cmocka_unit_test(test_arena_refuses_absurd_sizes),
	    cmocka_unit_test(test_arena_texts),
	    cmocka_unit_test(test_arena_survives_each_failure),
	    cmocka_unit_test(test_buf_is_always_a_string),
	    cmocka_unit_test(test_buf_of_zeroes_works),
	    cmocka_unit_test(test_buf_grows_and_keeps_bytes),
	    cmocka_unit_test(test_buf_printf_at_every_length),
	    cmocka_unit_test(test_buf_int),
	    cmocka_unit_test(test_buf_refuses_absurd_sizes),
	    cmocka_unit_test(test_buf_survives_each_failure),
	};
	return cmocka_run_group_tests_name("core/memory", tests, NULL, NULL);
}
