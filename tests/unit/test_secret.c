/*
 * test_secret: opaque secrets and signed cursors: what is sealed opens, and only in its own list,
 * unchanged, and while the oldest key is there. Nothing here needs a server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/auth_priv.h"
#include "core/conf.h"

#include "auth_fixture.h"

static EVP_PKEY *oldest;
static EVP_PKEY *newest;

static int load(void)
{
	char error[512];
	return keys_load(fixture_dir, error, sizeof(error));
}

static int set_up_all(void **state)
{
	(void)state;
	if (sodium_init() == -1)
		return -1;
	fixture_conf();
	oldest = EVP_EC_gen("P-256");
	newest = EVP_EC_gen("P-256");
	fixture_dir_make();
	fixture_write_key("a.pem", oldest, true);
	return load();
}

static int tear_down_all(void **state)
{
	(void)state;
	fixture_dir_remove();
	EVP_PKEY_free(oldest);
	EVP_PKEY_free(newest);
	return 0;
}

static bool opens(const char *context, const char *cursor, size_t len, const char *expected)
{
	struct buf out;
	buf_init(&out, 0);
	bool ok = cursor_open(&out, context, cursor, len);
	if (ok)
		assert_memory_equal(out.data, expected, strlen(expected));
	if (!ok)
		assert_int_equal(out.len, 0);
	buf_free(&out);
	return ok;
}

static void secrets_are_random_text(void **state)
{
	char one[AUTH_SECRET_TEXT];
	char other[AUTH_SECRET_TEXT];
	(void)state;
	secret_new(one);
	secret_new(other);
	assert_int_equal(strlen(one), 43);
	assert_int_equal(strspn(one, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789-_"),
			 43);
	assert_string_not_equal(one, other);
}

static void digest_is_sha256_in_hex(void **state)
{
	char out[68];
	uint8_t bytes[32];
	char hex[65];
	(void)state;
	secret_digest("abc", 3, out);
	assert_string_equal(out,
			    "\\xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	for (int i = 0; i < 2; i++) { /* twice: the context is used again */
		assert_true(digest_sha256("abc", 3, bytes));
		sodium_bin2hex(hex, sizeof(hex), bytes, sizeof(bytes));
		assert_string_equal(hex, out + 2);
	}
	secret_digest("", 0, out);
	assert_string_equal(out,
			    "\\xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void cursor_opens_in_its_own_list(void **state)
{
	struct buf cursor;
	const char *payload = "[\"2026-01-01\",\"\xe5\xad\xa6\"]";
	(void)state;
	buf_init(&cursor, 0);
	assert_true(cursor_seal(&cursor, "course_list?q=1", payload, strlen(payload)));
	assert_true(opens("course_list?q=1", cursor.data, cursor.len, payload));
	assert_false(opens("course_list?q=2", cursor.data, cursor.len, payload));
	assert_false(opens("course_list?q=", cursor.data, cursor.len, payload));
	assert_false(opens("", cursor.data, cursor.len, payload));
	buf_free(&cursor);
}

static void context_and_payload_do_not_mix(void **state)
{
	struct buf cursor;
	(void)state;
	buf_init(&cursor, 0);
	assert_true(cursor_seal(&cursor, "ab", "c", 1));
	/* the same bytes in a row, parted elsewhere */
	uint8_t bytes[CURSOR_MAC + 2];
	size_t len;
	char moved[32];
	sodium_base642bin(bytes, sizeof(bytes), cursor.data, cursor.len, NULL, &len, NULL,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	memcpy(bytes + CURSOR_MAC, "bc", 2);
	sodium_bin2base64(moved, sizeof(moved), bytes, sizeof(bytes),
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	assert_false(opens("a", moved, strlen(moved), "bc"));
	buf_free(&cursor);
}

static void changed_cursors_do_not_open(void **state)
{
	struct buf cursor;
	(void)state;
	buf_init(&cursor, 0);
	assert_true(cursor_seal(&cursor, "list", "[1,2,3]", 7));
	for (size_t i = 0; i < cursor.len; i++) {
		char was = cursor.data[i];
		for (const char *other = "A-=+ \n"; *other != '\0'; other++) {
			cursor.data[i] = *other;
			assert_int_equal(opens("list", cursor.data, cursor.len, "[1,2,3]"),
					 *other == was);
		}
		cursor.data[i] = was;
	}
	for (size_t len = 0; len < cursor.len; len++)
		assert_false(opens("list", cursor.data, len, "[1,2,3]"));
	assert_false(opens("list", "", 0, ""));
	buf_free(&cursor);
}

static void sizes_are_bounded(void **state)
{
	struct buf cursor;
	char payload[CURSOR_PAYLOAD_MAX + 2];
	(void)state;
	memset(payload, 'x', sizeof(payload) - 1);
	payload[CURSOR_PAYLOAD_MAX] = '\0';
	buf_init(&cursor, 0);
	assert_true(cursor_seal(&cursor, "list", payload, CURSOR_PAYLOAD_MAX));
	assert_true(opens("list", cursor.data, cursor.len, payload));
	buf_reset(&cursor);
	assert_false(cursor_seal(&cursor, "list", payload, CURSOR_PAYLOAD_MAX + 1));
	assert_int_equal(cursor.len, 0);
	/* far too long, as a user may send it */
	for (int i = 0; i < 5000; i++)
		buf_putc(&cursor, 'A');
	assert_false(opens("list", cursor.data, cursor.len, ""));
	buf_reset(&cursor);
	assert_true(cursor_seal(&cursor, "list", "", 0));
	assert_true(opens("list", cursor.data, cursor.len, ""));
	buf_free(&cursor);
}

/* A second key changes nothing for the cursors out there; without the oldest they end. */
static void cursors_live_as_long_as_the_oldest_key(void **state)
{
	struct buf cursor;
	(void)state;
	buf_init(&cursor, 0);
	assert_true(cursor_seal(&cursor, "list", "[1]", 3));
	fixture_write_key("b.pem", newest, true);
	keys_refresh();
	assert_string_equal(keys_signing()->id, "b");
	assert_true(opens("list", cursor.data, cursor.len, "[1]"));
	fixture_remove("a.pem");
	keys_refresh();
	assert_false(opens("list", cursor.data, cursor.len, "[1]"));
	buf_free(&cursor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(secrets_are_random_text),
	    cmocka_unit_test(digest_is_sha256_in_hex),
	    cmocka_unit_test(cursor_opens_in_its_own_list),
	    cmocka_unit_test(context_and_payload_do_not_mix),
	    cmocka_unit_test(changed_cursors_do_not_open),
	    cmocka_unit_test(sizes_are_bounded),
	    cmocka_unit_test(cursors_live_as_long_as_the_oldest_key),
	};
	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
