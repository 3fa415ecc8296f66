/*
 * test_token: access tokens and the keys behind them: what is signed verifies, every known way to
 * forge one fails, and keys come and go while the process runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "auth/auth_priv.h"
#include "core/clock.h"
#include "auth/permission.h"
#include "core/conf.h"

#include "auth_fixture.h"

#include <jansson.h>
#include <openssl/err.h>

#define NOW    1800000000
#define SUB    "018f0000-0000-7000-8000-000000000001"
#define SID    "018f0000-0000-7000-8000-000000000002"
#define HEADER "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k2\"}"
#define WHO    "\"iss\":\"https://study.test\",\"aud\":\"partystudy\",\"token_use\":\"access\","
#define IDS    "\"sub\":\"" SUB "\",\"sid\":\"" SID "\","
#define TIMES  "\"iat\":1800000000,\"nbf\":1800000000,\"exp\":1800000900"
#define GOOD   "{" WHO IDS "\"roles\":[\"member\"]," TIMES "}"

static EVP_PKEY *key1; /* k1: oldest, private */
static EVP_PKEY *key2; /* k2: signs */
static EVP_PKEY *stranger;
static int64_t fake_now;

static int64_t on_now(void)
{
	return fake_now;
}

static enum token_verdict verify(const char *token)
{
	struct token_claims claims;
	return token_verify(token, strlen(token), &claims);
}

static enum token_verdict verify_made(const char *header, const char *payload, EVP_PKEY *pkey)
{
	char token[FIXTURE_TEXT];
	fixture_token(token, header, payload, pkey);
	return verify(token);
}

/* A payload with one part of GOOD replaced. */
static enum token_verdict verify_changed(const char *from, const char *to)
{
	char payload[4096];
	const char *at = strstr(GOOD, from);
	assert_non_null(at);
	snprintf(payload, sizeof(payload), "%.*s%s%s", (int)(at - GOOD), GOOD, to,
		 at + strlen(from));
	return verify_made(HEADER, payload, key2);
}

/* The files are an hour old, so to speak: a key that has just come does not sign yet. */
static int64_t an_hour_later(void)
{
	return clock_unix() + 3600;
}

static int set_up_all(void **state)
{
	(void)state;
	if (sodium_init() == -1)
		return -1;
	fixture_conf();
	key1 = EVP_EC_gen("P-256");
	key2 = EVP_EC_gen("P-256");
	stranger = EVP_EC_gen("P-256");
	token_now = on_now;
	keys_now = an_hour_later;
	return key1 != NULL && key2 != NULL && stranger != NULL ? 0 : -1;
}

static int tear_down_all(void **state)
{
	(void)state;
	EVP_PKEY_free(key1);
	EVP_PKEY_free(key2);
	EVP_PKEY_free(stranger);
	return 0;
}

static int set_up(void **state)
{
	char error[512];
	(void)state;
	fake_now = NOW;
	fixture_dir_make();
	fixture_write_key("k1.pem", key1, true);
	fixture_write_key("k2.pem", key2, true);
	token_cache_clear();
	return keys_load(fixture_dir, error, sizeof(error));
}

static int tear_down(void **state)
{
	(void)state;
	fixture_dir_remove();
	return 0;
}

static struct token_claims sample(void)
{
	struct token_claims claims = {.subject = SUB,
				      .session = SID,
				      .roles = 1U << ROLE_member | 1U << ROLE_admin,
				      .issued_at = NOW,
				      .expires_at = NOW + 900};
	return claims;
}

/* ── what is signed verifies ────────────────────────────────────────────────────────────────── */

static void signed_token_verifies(void **state)
{
	struct token_claims out;
	struct token_claims in = sample();
	char *token = token_sign(&in);
	(void)state;

	assert_non_null(token);
	assert_int_equal(token_verify(token, strlen(token), &out), TOKEN_OK);
	assert_string_equal(out.subject, SUB);
	assert_string_equal(out.session, SID);
	assert_int_equal(out.roles, in.roles);
	assert_int_equal(out.issued_at, NOW);
	assert_int_equal(out.expires_at, NOW + 900);
	token_free(token);
}

/* One signature in 128 or so has a short r or s: padding must be right. */
static void many_signatures_verify(void **state)
{
	struct token_claims in = sample();
	(void)state;
	for (int i = 0; i < 600; i++) {
		char *token = token_sign(&in);
		assert_int_equal(verify(token), TOKEN_OK);
		token_free(token);
	}
}

static void foreign_signer_verifies(void **state)
{
	(void)state;
	assert_int_equal(verify_made(HEADER, GOOD, key2), TOKEN_OK);
	assert_int_equal(verify_changed("\"partystudy\"", "[\"other\",\"partystudy\"]"), TOKEN_OK);
	assert_int_equal(verify_changed("[\"member\"]", "[\"member\",\"of_tomorrow\"]"), TOKEN_OK);
	assert_int_equal(verify_changed("[\"member\"]", "[]"), TOKEN_OK);
}

static void no_error_is_left_for_tls(void **state)
{
	char token[FIXTURE_TEXT];
	static const uint8_t zeros[64];
	(void)state;
	/* r and s of zero are what OpenSSL complains about in its queue, not only in its answer */
	fixture_token(token, HEADER, GOOD, NULL);
	fixture_base64(token, zeros, sizeof(zeros));
	assert_int_equal(verify(token), TOKEN_INVALID);
	assert_int_equal(ERR_peek_error(), 0);
}

/* ── forgeries ──────────────────────────────────────────────────────────────────────────────── */

static void other_algorithms_are_refused(void **state)
{
	char token[FIXTURE_TEXT];
	char pem[1024];
	uint8_t mac[32];
	unsigned len = sizeof(mac);
	(void)state;

	assert_int_equal(
	    verify_made("{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"k2\"}", GOOD, NULL),
	    TOKEN_INVALID);
	assert_int_equal(
	    verify_made("{\"alg\":\"none\",\"typ\":\"JWT\",\"kid\":\"k2\"}", GOOD, key2),
	    TOKEN_INVALID);
	/* HS256 with the public key as the secret, the classic */
	fixture_token(token, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":\"k2\"}", GOOD, NULL);
	fixture_pem(pem, key2, false);
	HMAC(EVP_sha256(), pem, (int)strlen(pem), (const uint8_t *)token, strlen(token) - 1, mac,
	     &len);
	fixture_base64(token, mac, sizeof(mac));
	assert_int_equal(verify(token), TOKEN_INVALID);
	assert_int_equal(
	    verify_made("{\"alg\":\"es256\",\"typ\":\"JWT\",\"kid\":\"k2\"}", GOOD, key2),
	    TOKEN_INVALID);
	assert_int_equal(
	    verify_made("{\"alg\":[\"ES256\"],\"typ\":\"JWT\",\"kid\":\"k2\"}", GOOD, key2),
	    TOKEN_INVALID);
}

static void odd_headers_are_refused(void **state)
{
	static const char *const headers[] = {
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\"}",
	    "{\"alg\":\"ES256\",\"kid\":\"k2\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"jwt\",\"kid\":\"k2\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"k2\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k3\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"K2\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":2}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"../k2\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"./k2\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k2\",\"crit\":[\"exp\"]}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k2\",\"jku\":\"https://x.test\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k2\",\"jwk\":{\"kty\":\"EC\"}}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k2\",\"x5u\":\"https://x.test\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\",\"kid\":\"k2\"}",
	    "{\"alg\":\"none\",\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k2\"}",
	    "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k2\"}x",
	    "[\"ES256\"]",
	    "\"ES256\"",
	    "{",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
		assert_int_equal(verify_made(headers[i], GOOD, key2), TOKEN_INVALID);
}

static void wrong_keys_are_refused(void **state)
{
	(void)state;
	assert_int_equal(verify_made(HEADER, GOOD, stranger), TOKEN_INVALID);
	/* signed by a key of ours, but not by the one it names */
	assert_int_equal(verify_made(HEADER, GOOD, key1), TOKEN_INVALID);
	assert_int_equal(
	    verify_made("{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\"}", GOOD, key1),
	    TOKEN_OK);
}

static void wrong_claims_are_refused(void **state)
{
	static const char *const changes[][2] = {
	    {"https://study.test", "https://study.test/"},
	    {"\"iss\":\"https://study.test\"", "\"iss\":1"},
	    {"\"iss\":\"https://study.test\",", ""},
	    {"\"partystudy\"", "\"other\""},
	    {"\"partystudy\"", "[]"},
	    {"\"partystudy\"", "{\"partystudy\":1}"},
	    {"\"access\"", "\"refresh\""},
	    {"\"token_use\":\"access\",", ""},
	    {"\"" SUB "\"", "\"1\""},
	    {"\"" SUB "\"", "1"},
	    {"\"" SID "\"", "\"" SID "0\""},
	    {"\"sid\":\"" SID "\",", ""},
	    {"[\"member\"]", "\"member\""},
	    {"[\"member\"]", "[1]"},
	    {"\"roles\":[\"member\"],", ""},
	    {"\"exp\":1800000900", "\"exp\":\"1800000900\""},
	    {"\"exp\":1800000900", "\"exp\":1800000900.5"},
	    {"\"exp\":1800000900", "\"exp\":9223372036854775807"},
	    {"\"exp\":1800000900", "\"exp\":99999999999999999999"},
	    {"\"exp\":1800000900", "\"exp\":-1"},
	    {"\"exp\":1800000900", "\"exp\":true"},
	    {",\"exp\":1800000900", ""},
	    {"\"iat\":1800000000,", ""},
	    {"\"nbf\":1800000000,", ""},
	    {"\"nbf\":1800000000", "\"nbf\":null"},
	    {"\"exp\":1800000900", "\"exp\":1800000900,\"exp\":1900000000"},
	    {"\"iat\"", "\"sub\":\"" SID "\",\"iat\""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		if (verify_changed(changes[i][0], changes[i][1]) != TOKEN_INVALID)
			fail_msg("taken: %s for %s", changes[i][1], changes[i][0]);
	}
}

static void times_are_kept(void **state)
{
	char token[FIXTURE_TEXT];
	(void)state;
	fixture_token(token, HEADER, GOOD, key2);
	fake_now = NOW - TOKEN_LEEWAY_S - 1;
	assert_int_equal(verify(token), TOKEN_INVALID);
	fake_now = NOW - TOKEN_LEEWAY_S;
	assert_int_equal(verify(token), TOKEN_OK);
	token_cache_clear();
	fake_now = NOW + 900 + TOKEN_EXPIRY_LEEWAY_S;
	assert_int_equal(verify(token), TOKEN_EXPIRED);
	/* the same when it is remembered */
	fake_now = NOW + 900 + TOKEN_EXPIRY_LEEWAY_S - 1;
	assert_int_equal(verify(token), TOKEN_OK);
	assert_int_equal(verify(token), TOKEN_OK);
	fake_now++;
	assert_int_equal(verify(token), TOKEN_EXPIRED);
	/* an expired one that is forged as well is not "expired" */
	assert_int_equal(verify_made(HEADER, GOOD, stranger), TOKEN_INVALID);
}

static void not_before_is_kept(void **state)
{
	(void)state;
	assert_int_equal(verify_changed("\"nbf\":1800000000", "\"nbf\":1800000031"), TOKEN_INVALID);
	assert_int_equal(verify_changed("\"iat\":1800000000", "\"iat\":1800000031"), TOKEN_INVALID);
	assert_int_equal(verify_changed("\"nbf\":1800000000", "\"nbf\":1800000030"), TOKEN_OK);
}

/* ── damage ─────────────────────────────────────────────────────────────────────────────────── */

static void every_cut_is_refused(void **state)
{
	char token[FIXTURE_TEXT];
	struct token_claims out;
	(void)state;
	fixture_token(token, HEADER, GOOD, key2);
	for (size_t len = 0; len < strlen(token); len++)
		assert_int_equal(token_verify(token, len, &out), TOKEN_INVALID);
}

static void every_changed_byte_is_refused(void **state)
{
	char token[FIXTURE_TEXT];
	(void)state;
	fixture_token(token, HEADER, GOOD, key2);
	assert_int_equal(verify(token), TOKEN_OK);
	for (size_t i = 0; token[i] != '\0'; i++) {
		char was = token[i];
		static const char others[] = "A_=. \n+\x80";
		for (const char *other = others; *other != '\0'; other++) {
			token[i] = *other;
			if (*other != was && verify(token) != TOKEN_INVALID)
				fail_msg("taken with %d at %zu", *other, i);
		}
		token[i] = was;
	}
	assert_int_equal(verify(token), TOKEN_OK);
}

static void odd_shapes_are_refused(void **state)
{
	char token[FIXTURE_TEXT];
	char longer[FIXTURE_TEXT];
	struct token_claims out;
	static const uint8_t zeros[64];
	(void)state;

	fixture_token(token, HEADER, GOOD, NULL);
	assert_int_equal(verify(token), TOKEN_INVALID);
	fixture_base64(token, zeros, sizeof(zeros));
	assert_int_equal(verify(token), TOKEN_INVALID);
	fixture_token(token, HEADER, GOOD, key2);
	snprintf(longer, sizeof(longer), "%.8000s.", token);
	assert_int_equal(verify(longer), TOKEN_INVALID);
	snprintf(longer, sizeof(longer), "%.8000s=", token);
	assert_int_equal(verify(longer), TOKEN_INVALID);
	snprintf(longer, sizeof(longer), " %.8000s", token);
	assert_int_equal(verify(longer), TOKEN_INVALID);
	/* a NUL and more after a good token */
	assert_int_equal(token_verify(token, strlen(token) + 1, &out), TOKEN_INVALID);
	assert_int_equal(verify(""), TOKEN_INVALID);
	assert_int_equal(verify("."), TOKEN_INVALID);
	assert_int_equal(verify(".."), TOKEN_INVALID);
	assert_int_equal(verify("..."), TOKEN_INVALID);
}

static void the_length_is_capped(void **state)
{
	char payload[4096];
	char token[FIXTURE_TEXT];
	size_t pad = 1024;
	(void)state;

	/* grows until one byte more would be too much: the last good one passes, the next does not
	 */
	for (;; pad++) {
		snprintf(payload, sizeof(payload),
			 "{\"pad\":\"%0*d\"," WHO IDS "\"roles\":[]," TIMES "}", (int)pad, 0);
		fixture_token(token, HEADER, payload, key2);
		if (strlen(token) > AUTH_TOKEN_MAX)
			break;
		if (strlen(token) >= AUTH_TOKEN_MAX - 1)
			assert_int_equal(verify(token), TOKEN_OK);
	}
	assert_int_equal(verify(token), TOKEN_INVALID);
}

static void deep_json_is_refused(void **state)
{
	char payload[1400];
	(void)state;
	memset(payload, '[', sizeof(payload) - 1);
	payload[sizeof(payload) - 1] = '\0';
	assert_int_equal(verify_made(HEADER, payload, key2), TOKEN_INVALID);
	assert_int_equal(verify_changed("[\"member\"],", "[\"member\"],\"x\":[[[[1]]]],"),
			 TOKEN_OK);
	/* good in all else: only the depth is wrong */
	assert_int_equal(verify_changed("[\"member\"],",
					"[\"member\"],\"x\":"
					"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1"
					"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]],"),
			 TOKEN_INVALID);
}

static void odd_claims_sign_but_do_not_verify(void **state)
{
	struct token_claims in = sample();
	char *token;
	(void)state;
	memset(in.subject, 'a', sizeof(in.subject) - 1);
	in.roles = UINT32_MAX; /* bits beyond the roles are passed over */
	token = token_sign(&in);
	assert_non_null(token);
	assert_int_equal(verify(token), TOKEN_INVALID); /* no UUID */
	token_free(token);
	token_free(NULL);
}

/* ── remembering ────────────────────────────────────────────────────────────────────────────── */

static void second_time_is_remembered(void **state)
{
	char token[FIXTURE_TEXT];
	struct token_claims out;
	(void)state;
	fixture_token(token, HEADER, GOOD, key2);
	assert_int_equal(verify(token), TOKEN_OK);
	uint64_t before = token_cache_hits();
	assert_int_equal(token_verify(token, strlen(token), &out), TOKEN_OK);
	assert_int_equal(token_cache_hits(), before + 1);
	assert_string_equal(out.subject, SUB);
	/* what failed is not remembered */
	assert_int_equal(verify_made(HEADER, GOOD, stranger), TOKEN_INVALID);
	assert_int_equal(token_cache_hits(), before + 1);
}

static void full_sets_make_room(void **state)
{
	uint8_t digest[32] = {0};
	struct token_claims claims = sample();
	(void)state;
	for (uint8_t i = 0; i < 6; i++) {
		digest[31] = i;
		claims.expires_at = NOW + i;
		token_cache_put(digest, &claims);
	}
	/* four places: the two that expire first are gone */
	for (uint8_t i = 0; i < 6; i++) {
		digest[31] = i;
		assert_int_equal(token_cache_get(digest, &claims), i >= 2);
		if (i >= 2)
			assert_int_equal(claims.expires_at, NOW + i);
	}
}

/* ── keys ───────────────────────────────────────────────────────────────────────────────────── */

static void removed_key_stops_at_once(void **state)
{
	char old[FIXTURE_TEXT];
	char new[FIXTURE_TEXT];
	(void)state;
	fixture_token(old, "{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k1\"}", GOOD, key1);
	fixture_token(new, HEADER, GOOD, key2);
	assert_int_equal(verify(old), TOKEN_OK);
	assert_int_equal(verify(new), TOKEN_OK);
	fixture_remove("k1.pem");
	keys_refresh();
	assert_int_equal(verify(old), TOKEN_INVALID);
	assert_int_equal(verify(new), TOKEN_OK);
}

static void replaced_key_stops_at_once(void **state)
{
	char token[FIXTURE_TEXT];
	(void)state;
	fixture_token(token, HEADER, GOOD, key2);
	assert_int_equal(verify(token), TOKEN_OK);
	fixture_remove("k2.pem");
	fixture_write_key("k2.pem", stranger, true);
	keys_refresh();
	assert_int_equal(verify(token), TOKEN_INVALID);
	assert_int_equal(verify_made(HEADER, GOOD, stranger), TOKEN_OK);
}

static void added_key_signs(void **state)
{
	char token[FIXTURE_TEXT];
	struct token_claims in = sample();
	uint64_t before = keys_generation();
	(void)state;
	fixture_token(token, HEADER, GOOD, key2);
	assert_int_equal(verify(token), TOKEN_OK);
	fixture_write_key("k3.pem", stranger, true);
	keys_refresh();
	assert_string_equal(keys_signing()->id, "k3");
	/* what was remembered stays so */
	assert_int_equal(keys_generation(), before);
	assert_int_equal(verify(token), TOKEN_OK);
	char *fresh = token_sign(&in);
	assert_int_equal(verify(fresh), TOKEN_OK);
	token_free(fresh);
}

static void public_key_verifies_only(void **state)
{
	(void)state;
	fixture_write_key("k9.pem", stranger, false);
	keys_refresh();
	assert_string_equal(keys_signing()->id, "k2");
	assert_int_equal(
	    verify_made("{\"alg\":\"ES256\",\"typ\":\"JWT\",\"kid\":\"k9\"}", GOOD, stranger),
	    TOKEN_OK);
}

static void bad_file_is_passed_over(void **state)
{
	char pem[1024];
	(void)state;
	fixture_pem(pem, stranger, true);
	pem[strlen(pem) / 2] = '\0';
	fixture_write("k3.pem", pem);
	fixture_write("k 4.pem", "no key id");
	fixture_write(".k5.pem", "hidden");
	keys_refresh();
	assert_string_equal(keys_signing()->id, "k2");
	assert_null(keys_find("k3", 2));
	/* and once it is whole, taken */
	fixture_write_key("k3.pem", stranger, true);
	keys_refresh();
	assert_string_equal(keys_signing()->id, "k3");
}

static void damaged_file_keeps_its_key(void **state)
{
	char token[FIXTURE_TEXT];
	(void)state;
	fixture_token(token, HEADER, GOOD, key2);
	fixture_write("k2.pem", "-----BEGIN PRIVATE KEY-----\n");
	fixture_remove("k1.pem");
	keys_refresh();
	assert_string_equal(keys_signing()->id, "k2");
	assert_null(keys_find("k1", 2));
	assert_int_equal(verify(token), TOKEN_OK);
}

static void last_signing_key_stays(void **state)
{
	struct token_claims in = sample();
	(void)state;
	fixture_remove("k1.pem");
	fixture_remove("k2.pem");
	keys_refresh();
	assert_string_equal(keys_signing()->id, "k2");
	fixture_write_key("k3.pem", stranger, false);
	keys_refresh();
	assert_string_equal(keys_signing()->id, "k2");
	char *token = token_sign(&in);
	assert_int_equal(verify(token), TOKEN_OK);
	token_free(token);
}

static void unchanged_directory_is_not_read_again(void **state)
{
	size_t len;
	const char *before = keys_jwks(&len);
	(void)state;
	keys_refresh();
	assert_ptr_equal(keys_jwks(&len), before);
}

static int load_error(const char *expected)
{
	char error[512] = "";
	int ret = keys_load(fixture_dir, error, sizeof(error));
	if (strstr(error, expected) == NULL)
		fail_msg("said: %s", error);
	return ret;
}

static void load_is_strict(void **state)
{
	char error[512];
	char pem[1024];
	EVP_PKEY *other = EVP_EC_gen("P-384");
	EVP_PKEY *rsa = EVP_RSA_gen(2048);
	(void)state;

	fixture_write_key("k3.pem", other, true);
	assert_int_equal(load_error("k3.pem: not a P-256 key"), -1);
	fixture_remove("k3.pem");
	fixture_pem(pem, other, false);
	fixture_write("k3.pem", pem);
	assert_int_equal(load_error("k3.pem: not a P-256 key"), -1);
	char path[512];
	fixture_path(path, "k3.pem");
	FILE *file = fopen(path, "w");
	PEM_write_PrivateKey(file, rsa, NULL, NULL, 0, NULL, NULL);
	fclose(file);
	assert_int_equal(load_error("k3.pem: not a P-256 key"), -1);
	/* encrypted: nobody is asked for a passphrase */
	file = fopen(path, "w");
	PEM_write_PKCS8PrivateKey(file, key1, EVP_aes_128_cbc(), "secret", 6, NULL, NULL);
	fclose(file);
	assert_int_equal(load_error("k3.pem: not a PEM key"), -1);
	fixture_remove("k3.pem");
	fixture_write("k 3.pem", "x");
	assert_int_equal(load_error("key id"), -1);
	fixture_remove("k 3.pem");
	fixture_path(path, "k3.pem");
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(load_error("k3.pem: cannot be read"), -1);
	fixture_remove("k3.pem");
	fixture_write("k3.pem", "");
	assert_int_equal(load_error("k3.pem: not a PEM key"), -1);
	fixture_remove("k3.pem");
	assert_int_equal(keys_load("/nonexistent/keys", error, sizeof(error)), -1);
	fixture_remove("k1.pem");
	fixture_remove("k2.pem");
	assert_int_equal(load_error("no private"), -1);
	EVP_PKEY_free(other);
	EVP_PKEY_free(rsa);
}

static void too_many_keys_are_refused(void **state)
{
	char name[32];
	(void)state;
	for (int i = 0; i < KEYS_MAX; i++) {
		snprintf(name, sizeof(name), "m%02d.pem", i);
		fixture_write_key(name, stranger, true);
	}
	keys_refresh();
	assert_string_equal(keys_signing()->id, "k2");
	assert_int_equal(load_error("too many"), -1);
}

static void jwks_is_what_portals_expect(void **state)
{
	size_t len;
	char pem[1024];
	(void)state;
	const char *text = keys_jwks(&len);
	json_t *jwks = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(jwks);
	json_t *keys = json_object_get(jwks, "keys");
	assert_int_equal(json_array_size(keys), 2);
	json_t *first = json_array_get(keys, 0);
	assert_int_equal(json_object_size(first), 7);
	assert_string_equal(json_string_value(json_object_get(first, "kid")), "k1");
	assert_string_equal(json_string_value(json_object_get(first, "kty")), "EC");
	assert_string_equal(json_string_value(json_object_get(first, "crv")), "P-256");
	assert_string_equal(json_string_value(json_object_get(first, "use")), "sig");
	assert_string_equal(json_string_value(json_object_get(first, "alg")), "ES256");
	assert_int_equal(json_string_length(json_object_get(first, "x")), 43);
	assert_int_equal(json_string_length(json_object_get(first, "y")), 43);
	/* the point is the key's: the end of an uncompressed SubjectPublicKeyInfo */
	uint8_t der[256];
	uint8_t *at = der;
	uint8_t x[32];
	int size = i2d_PUBKEY(key1, &at);
	sodium_base642bin(x, sizeof(x), json_string_value(json_object_get(first, "x")), 43, NULL,
			  NULL, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	assert_memory_equal(x, der + size - 64, 32);
	/* nothing private */
	fixture_pem(pem, key1, true);
	assert_null(strstr(text, "\"d\""));
	json_decref(jwks);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(signed_token_verifies),
	    CASE(many_signatures_verify),
	    CASE(foreign_signer_verifies),
	    CASE(no_error_is_left_for_tls),
	    CASE(other_algorithms_are_refused),
	    CASE(odd_headers_are_refused),
	    CASE(wrong_keys_are_refused),
	    CASE(wrong_claims_are_refused),
	    CASE(times_are_kept),
	    CASE(not_before_is_kept),
	    CASE(every_cut_is_refused),
	    CASE(every_changed_byte_is_refused),
	    CASE(odd_shapes_are_refused),
	    CASE(the_length_is_capped),
	    CASE(deep_json_is_refused),
	    CASE(odd_claims_sign_but_do_not_verify),
	    CASE(second_time_is_remembered),
	    CASE(full_sets_make_room),
	    CASE(removed_key_stops_at_once),
	    CASE(replaced_key_stops_at_once),
	    CASE(added_key_signs),
	    CASE(public_key_verifies_only),
	    CASE(bad_file_is_passed_over),
	    CASE(damaged_file_keeps_its_key),
	    CASE(last_signing_key_stays),
	    CASE(unchanged_directory_is_not_read_again),
	    CASE(load_is_strict),
	    CASE(too_many_keys_are_refused),
	    CASE(jwks_is_what_portals_expect),
	};
	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
