/*
 * secret: opaque secrets (refresh tokens, client secrets) and signed cursors.
 *
 * Entry points: secret_new, secret_digest, cursor_seal, cursor_open; inside auth/ digest_sha256.
 * Cursors are signed, not encrypted: they may hold nothing that the list did not show. MACs are
 * compared in constant time. SHA-256 is OpenSSL's, fetched once (fast with the processor's own
 * instructions); HMAC is libsodium's, which keeps no context and cannot fail.
 */
#include "auth/auth_priv.h"

#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

#define URLSAFE     sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define CURSOR_TEXT sodium_base64_ENCODED_LEN(CURSOR_MAC + CURSOR_PAYLOAD_MAX, URLSAFE)

bool digest_sha256(const void *bytes, size_t len, uint8_t out[32])
{
	static EVP_MD *algorithm;
	static EVP_MD_CTX *ctx;

	if (algorithm == NULL)
		algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (ctx == NULL)
		ctx = EVP_MD_CTX_new();
	return algorithm != NULL && ctx != NULL && EVP_DigestInit_ex2(ctx, algorithm, NULL) == 1 &&
	       EVP_DigestUpdate(ctx, bytes, len) == 1 && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

void secret_new(char out[AUTH_SECRET_TEXT])
{
	uint8_t bytes[32];

	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2base64(out, AUTH_SECRET_TEXT, bytes, sizeof(bytes), URLSAFE);
	sodium_memzero(bytes, sizeof(bytes));
}

void secret_digest(const char *secret, size_t len, char out[68])
{
	uint8_t digest[32];

	/* libsodium's: it cannot fail, and a failure here would store a digest that fits anything.
	 */
	crypto_hash_sha256(digest, (const uint8_t *)secret, len);
	out[0] = '\\';
	out[1] = 'x';
	sodium_bin2hex(out + 2, 66, digest, sizeof(digest));
}

/* `context` ends with its NUL, so that no part of it can pass for payload. */
static bool cursor_mac(uint8_t out[CURSOR_MAC], const char *context, const uint8_t *payload,
		       size_t len)
{
	crypto_auth_hmacsha256_state state;
	uint8_t mac[crypto_auth_hmacsha256_BYTES];
	const uint8_t *key = keys_cursor_key();

	if (key == NULL)
		return false;
	crypto_auth_hmacsha256_init(&state, key, crypto_auth_hmacsha256_KEYBYTES);
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)context, strlen(context) + 1);
	crypto_auth_hmacsha256_update(&state, payload, len);
	crypto_auth_hmacsha256_final(&state, mac);
	memcpy(out, mac, CURSOR_MAC);
	sodium_memzero(&state, sizeof(state));
	return true;
}

bool cursor_seal(struct buf *out, const char *context, const char *payload, size_t len)
{
	uint8_t bytes[CURSOR_MAC + CURSOR_PAYLOAD_MAX];
	char text[CURSOR_TEXT];

	if (len > CURSOR_PAYLOAD_MAX)
		return false;
	if (len > 0)
		memcpy(bytes + CURSOR_MAC, payload, len);
	if (!cursor_mac(bytes, context, bytes + CURSOR_MAC, len))
		return false;
	sodium_bin2base64(text, sizeof(text), bytes, CURSOR_MAC + len, URLSAFE);
	buf_puts(out, text);
	return !out->failed;
}

bool cursor_open(struct buf *out, const char *context, const char *cursor, size_t len)
{
	uint8_t bytes[CURSOR_MAC + CURSOR_PAYLOAD_MAX];
	uint8_t mac[CURSOR_MAC];
	size_t got = 0;

	if (sodium_base642bin(bytes, sizeof(bytes), cursor, len, NULL, &got, NULL, URLSAFE) != 0 ||
	    got < CURSOR_MAC || !cursor_mac(mac, context, bytes + CURSOR_MAC, got - CURSOR_MAC) ||
	    sodium_memcmp(mac, bytes, CURSOR_MAC) != 0)
		return false;
	buf_append(out, bytes + CURSOR_MAC, got - CURSOR_MAC);
	return !out->failed;
}
