/*
 * token: access tokens (JWT, ES256), signed and verified with libjwt.
 *
 * Entry points: token_sign, token_free, token_verify. What libjwt leaves open is decided here
 * before it is called: the shape of the text, the header (exactly alg=ES256, typ=JWT and a kid that
 * names a key we hold, so no `crit`, `jwk` or `x5u` can have a say), the kind of key. Claims are
 * read with jansson and only after the signature is good. token_verify depends on nothing but its
 * bytes, the keys, the clock and the cache; it never allocates more than a few times the token.
 */
#include "auth/auth_priv.h"
#include "auth/permission.h"
#include "core/clock.h"
#include "core/conf.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/mem.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <jwt.h>
#include <openssl/err.h>
#include <sodium.h>

#define SEGMENTS        3
#define SIGNATURE_BYTES 64                    /* r and s of P-256 */
#define HEADER_BYTES    256                   /* ours take at most 107 */
#define SECONDS_MAX     INT64_C(253402300799) /* the end of year 9999 */
#define JSON_FLAGS      JSON_REJECT_DUPLICATES

int64_t (*token_now)(void) = clock_unix;

struct segment {
	const char *text;
	size_t len;
};

/* ── signing ────────────────────────────────────────────────────────────────────────────────── */

static void write_text(struct jsonw *w, const char *key, const char *text)
{
	jsonw_key(w, key);
	jsonw_text(w, text);
}

static void write_int(struct jsonw *w, const char *key, int64_t number)
{
	jsonw_key(w, key);
	jsonw_int(w, number);
}

static void write_claims(struct buf *buf, const struct token_claims *claims)
{
	char id[UUID_TEXT];
	struct jsonw w;

	uuid_v7(id);
	jsonw_init(&w, buf);
	jsonw_object_open(&w);
	write_text(&w, "iss", conf()->issuer);
	write_text(&w, "aud", conf()->audience);
	write_text(&w, "sub", claims->subject);
	write_text(&w, "sid", claims->session);
	write_text(&w, "jti", id);
	write_text(&w, "token_use", "access");
	write_int(&w, "iat", claims->issued_at);
	write_int(&w, "nbf", claims->issued_at);
	write_int(&w, "exp", claims->expires_at);
	jsonw_key(&w, "roles");
	jsonw_array_open(&w);
	for (int role = 0; role < (int)ROLE_COUNT; role++) {
		if ((claims->roles >> role & 1U) != 0)
			jsonw_text(&w, role_name((enum role)role));
	}
	jsonw_array_close(&w);
	jsonw_object_close(&w);
}

/* Into a buffer of ours: a string from libjwt would have to go back to an allocator that is not. */
static bool encode_into(jwt_t *jwt, char *out, size_t size)
{
	FILE *stream = fmemopen(out, size, "w");
	if (stream == NULL)
		return false;
	bool ok = jwt_encode_fp(jwt, stream) == 0 && fflush(stream) == 0 && ferror(stream) == 0;
	return fclose(stream) == 0 && ok;
}

static bool sign_into(char *out, size_t size, const char *claims, const struct key *key)
{
	jwt_t *jwt = NULL;
	if (jwt_new(&jwt) != 0)
		return false;
	bool ok = jwt_set_alg(jwt, JWT_ALG_ES256, (const unsigned char *)key->private_pem,
			      (int)strlen(key->private_pem)) == 0 &&
		  jwt_add_header(jwt, "kid", key->id) == 0 &&
		  jwt_add_grants_json(jwt, claims) == 0 && encode_into(jwt, out, size);
	jwt_free(jwt); /* it wipes its copy of the key */
	ERR_clear_error();
	return ok;
}

char *token_sign(const struct token_claims *claims)
{
	const struct key *key = keys_signing();
	struct buf text;

	if (key == NULL)
		return NULL;
	buf_init(&text, 512);
	write_claims(&text, claims);
	char *token = mem_alloc(AUTH_TOKEN_MAX + 1);
	/* fmemopen ends the text with a NUL only where there is room: the last byte is kept for it.
	 */
	bool ok = !text.failed && token != NULL &&
		  sign_into(token, AUTH_TOKEN_MAX + 1, text.data, key) &&
		  memchr(token, '\0', AUTH_TOKEN_MAX + 1) != NULL;
	buf_free(&text);
	if (!ok) {
		log_error("an access token could not be signed");
		token_free(token);
		return NULL;
	}
	return token;
}

void token_free(char *token)
{
	if (token != NULL)
		mem_wipe_free(token, AUTH_TOKEN_MAX + 1);
}

/* ── the shape and the header ───────────────────────────────────────────────────────────────── */

/* Three segments parted by dots, none of them empty. The alphabet is checked when decoding. */
static bool split(const char *token, size_t len, struct segment out[SEGMENTS])
{
	const char *at = token;
	const char *end = token + len;

	for (int i = 0; i < SEGMENTS; i++) {
		const char *dot = memchr(at, '.', (size_t)(end - at));
		if ((dot == NULL) != (i == SEGMENTS - 1))
			return false;
		const char *stop = dot != NULL ? dot : end;
		out[i] = (struct segment){at, (size_t)(stop - at)};
		if (out[i].len == 0)
			return false;
		at = stop + 1;
	}
	return true;
}

/* Strict base64url: no padding, no white space, no stray bits in the last character. */
static bool decode(const struct segment *segment, uint8_t *out, size_t size, size_t *len)
{
	return sodium_base642bin(out, size, segment->text, segment->len, NULL, len, NULL,
				 sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0;
}

static json_t *decode_object(const struct segment *segment, uint8_t *space, size_t size)
{
	size_t len = 0;
	if (!decode(segment, space, size, &len) || !jsonw_depth_ok((const char *)space, len))
		return NULL;
	json_t *json = json_loadb((const char *)space, len, JSON_FLAGS, NULL);
	if (json_is_object(json))
		return json;
	json_decref(json);
	return NULL;
}

static bool text_is(const json_t *json, const char *expected)
{
	return json_is_string(json) && json_string_length(json) == strlen(expected) &&
	       strcmp(json_string_value(json), expected) == 0;
}

/* The key that the header names; NULL for any header that is not exactly ours. */
static const struct key *header_key(const struct segment *segment)
{
	uint8_t space[HEADER_BYTES];
	const struct key *key = NULL;
	json_t *header = decode_object(segment, space, sizeof(space));
	const json_t *kid = json_object_get(header, "kid");

	if (json_object_size(header) == 3 && text_is(json_object_get(header, "alg"), "ES256") &&
	    text_is(json_object_get(header, "typ"), "JWT") && json_is_string(kid) &&
	    key_id_valid(json_string_value(kid), json_string_length(kid)))
		key = keys_find(json_string_value(kid), json_string_length(kid));
	json_decref(header);
	return key;
}

/* ── the signature ──────────────────────────────────────────────────────────────────────────── */

static bool signature_good(const char *token, const struct key *key)
{
	jwt_t *jwt = NULL;
	bool ok = jwt_decode(&jwt, token, (const unsigned char *)key->public_pem,
			     (int)strlen(key->public_pem)) == 0 &&
		  jwt_get_alg(jwt) == JWT_ALG_ES256;
	jwt_free(jwt);
	/* A failure left in the queue would be taken by TLS code for its own. */
	ERR_clear_error();
	return ok;
}

/* ── the claims ─────────────────────────────────────────────────────────────────────────────── */

static bool audience_ok(const json_t *aud)
{
	size_t i;
	json_t *one;

	if (text_is(aud, conf()->audience))
		return true;
	json_array_foreach(aud, i, one)
	{
		if (text_is(one, conf()->audience))
			return true;
	}
	return false;
}

static bool read_uuid(const json_t *json, char out[UUID_TEXT])
{
	if (!json_is_string(json) || !uuid_valid(json_string_value(json), json_string_length(json)))
		return false;
	memcpy(out, json_string_value(json), UUID_TEXT);
	return true;
}

static bool read_seconds(const json_t *json, int64_t *out)
{
	if (!json_is_integer(json))
		return false;
	*out = json_integer_value(json);
	return *out >= 0 && *out <= SECONDS_MAX;
}

/* Names that this version does not know are passed over: a newer server may have signed. */
static bool read_roles(const json_t *json, uint32_t *out)
{
	size_t i;
	json_t *one;

	if (!json_is_array(json))
		return false;
	*out = 0;
	json_array_foreach(json, i, one)
	{
		if (!json_is_string(one))
			return false;
		int role = role_by_name(json_string_value(one), json_string_length(one));
		if (role >= 0)
			*out |= UINT32_C(1) << role;
	}
	return true;
}

static enum token_verdict read_claims(const json_t *json, struct token_claims *out)
{
	int64_t not_before;
	int64_t now = token_now();

	if (!text_is(json_object_get(json, "iss"), conf()->issuer) ||
	    !audience_ok(json_object_get(json, "aud")) ||
	    !text_is(json_object_get(json, "token_use"), "access") ||
	    !read_uuid(json_object_get(json, "sub"), out->subject) ||
	    !read_uuid(json_object_get(json, "sid"), out->session) ||
	    !read_roles(json_object_get(json, "roles"), &out->roles) ||
	    !read_seconds(json_object_get(json, "iat"), &out->issued_at) ||
	    !read_seconds(json_object_get(json, "nbf"), &not_before) ||
	    !read_seconds(json_object_get(json, "exp"), &out->expires_at))
		return TOKEN_INVALID;
	if (out->issued_at > now + TOKEN_LEEWAY_S || not_before > now + TOKEN_LEEWAY_S)
		return TOKEN_INVALID;
	return TOKEN_OK;
}

/* ── verifying ──────────────────────────────────────────────────────────────────────────────── */

static enum token_verdict verify_anew(const char *token, size_t len, struct token_claims *out)
{
	struct segment segments[SEGMENTS];
	uint8_t space[AUTH_TOKEN_MAX];
	uint8_t signature[SIGNATURE_BYTES];
	size_t signature_len = 0;

	if (!split(token, len, segments) ||
	    !decode(&segments[2], signature, sizeof(signature), &signature_len) ||
	    signature_len != SIGNATURE_BYTES)
		return TOKEN_INVALID;
	const struct key *key = header_key(&segments[0]);
	if (key == NULL)
		return TOKEN_INVALID;
	/* Parsed first, since libjwt would parse it before the signature without a bound on depth;
	 * nothing is read from it until the signature is known to be good. */
	json_t *claims = decode_object(&segments[1], space, sizeof(space));
	enum token_verdict verdict = TOKEN_INVALID;
	if (claims != NULL && signature_good(token, key))
		verdict = read_claims(claims, out);
	json_decref(claims);
	return verdict;
}

static enum token_verdict judge_expiry(const struct token_claims *claims)
{
	return token_now() >= claims->expires_at + TOKEN_EXPIRY_LEEWAY_S ? TOKEN_EXPIRED : TOKEN_OK;
}

enum token_verdict token_verify(const char *token, size_t len, struct token_claims *out)
{
	char copy[AUTH_TOKEN_MAX + 1]; /* libjwt wants a NUL after it */
	uint8_t digest[32];
	struct token_claims claims;

	memset(out, 0, sizeof(*out));
	memset(&claims, 0, sizeof(claims));
	if (len == 0 || len > AUTH_TOKEN_MAX || !digest_sha256(token, len, digest))
		return TOKEN_INVALID;
	if (!token_cache_get(digest, &claims)) {
		memcpy(copy, token, len);
		copy[len] = '\0';
		if (verify_anew(copy, len, &claims) != TOKEN_OK)
			return TOKEN_INVALID;
		if (judge_expiry(&claims) == TOKEN_OK)
			token_cache_put(digest, &claims);
	}
	enum token_verdict verdict = judge_expiry(&claims);
	if (verdict == TOKEN_OK)
		*out = claims;
	return verdict;
}
