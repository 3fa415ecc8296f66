/*
 * auth_fixture: a key directory in a temporary place and tokens made by hand, for the tests of
 * src/auth. Signs with OpenSSL alone, so that libjwt is not tested against itself.
 */
#ifndef PARTYSTUDY_TESTS_AUTH_FIXTURE_H
#define PARTYSTUDY_TESTS_AUTH_FIXTURE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <sodium.h>

#define FIXTURE_UNUSED __attribute__((unused))
#define FIXTURE_TEXT   8192

static char fixture_dir[64];

/* The settings that the tests rely on; the rest stay at their defaults. */
FIXTURE_UNUSED static void fixture_conf(void)
{
	char errors[1024];

	setenv("PARTYSTUDY_ISSUER", "https://study.test", 1);
	setenv("PARTYSTUDY_AUDIENCE", "partystudy", 1);
	setenv("PARTYSTUDY_HASH_CONCURRENCY", "2", 1);
	setenv("PARTYSTUDY_HASH_MEMORY_KIB", "8192", 1);
	setenv("PARTYSTUDY_HASH_PASSES", "1", 1);
	setenv("PARTYSTUDY_LOGIN_ATTEMPTS", "5", 1);
	/* required, and not looked at */
	setenv("DATABASE_URL", "postgresql:///none", 0);
	setenv("PARTYSTUDY_TLS_CERT", "/none", 0);
	setenv("PARTYSTUDY_TLS_KEY", "/none", 0);
	setenv("PARTYSTUDY_KEY_DIR", "/none", 0);
	if (conf_load(errors, sizeof(errors)) != 0) {
		fprintf(stderr, "%s\n", errors);
		exit(1);
	}
}

FIXTURE_UNUSED static void fixture_dir_make(void)
{
	snprintf(fixture_dir, sizeof(fixture_dir), "/tmp/partystudy-test-XXXXXX");
	if (mkdtemp(fixture_dir) == NULL)
		abort();
}

FIXTURE_UNUSED static void fixture_path(char out[512], const char *name)
{
	snprintf(out, 512, "%s/%s", fixture_dir, name);
}

FIXTURE_UNUSED static void fixture_remove(const char *name)
{
	char path[512];
	fixture_path(path, name);
	if (unlink(path) != 0)
		abort();
}

FIXTURE_UNUSED static void fixture_dir_remove(void)
{
	struct dirent *entry;
	DIR *dir = opendir(fixture_dir);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			fixture_remove(entry->d_name);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(fixture_dir);
}

FIXTURE_UNUSED static void fixture_write(const char *name, const char *text)
{
	char path[512];
	fixture_path(path, name);
	FILE *file = fopen(path, "w");
	if (file == NULL || fputs(text, file) == EOF || fclose(file) != 0)
		abort();
}

/* The PEM text of a key, private or public. */
FIXTURE_UNUSED static void fixture_pem(char out[1024], EVP_PKEY *pkey, bool with_private)
{
	char *bytes = NULL;
	BIO *bio = BIO_new(BIO_s_mem());
	int ok = with_private ? PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
			      : PEM_write_bio_PUBKEY(bio, pkey);
	long len = BIO_get_mem_data(bio, &bytes);
	if (ok != 1 || len <= 0 || len >= 1024)
		abort();
	memcpy(out, bytes, (size_t)len);
	out[len] = '\0';
	BIO_free(bio);
}

FIXTURE_UNUSED static void fixture_write_key(const char *name, EVP_PKEY *pkey, bool with_private)
{
	char text[1024];
	fixture_pem(text, pkey, with_private);
	fixture_write(name, text);
}

/* Appends base64url of `bytes` to `out` (FIXTURE_TEXT bytes). */
FIXTURE_UNUSED static void fixture_base64(char *out, const void *bytes, size_t len)
{
	size_t at = strlen(out);
	sodium_bin2base64(out + at, FIXTURE_TEXT - at, bytes, len,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* r and s, 32 bytes each, of a fresh ES256 signature. */
FIXTURE_UNUSED static void fixture_sign(uint8_t out[64], const char *text, EVP_PKEY *pkey)
{
	uint8_t der[128];
	size_t len = sizeof(der);
	const uint8_t *at = der;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, pkey) != 1 ||
	    EVP_DigestSign(ctx, der, &len, (const uint8_t *)text, strlen(text)) != 1)
		abort();
	EVP_MD_CTX_free(ctx);
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)len);
	if (signature == NULL || BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, 32) != 32 ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + 32, 32) != 32)
		abort();
	ECDSA_SIG_free(signature);
}

/* header.payload. with the signature by `pkey`; none when it is NULL. */
FIXTURE_UNUSED static void fixture_token(char out[FIXTURE_TEXT], const char *header,
					 const char *payload, EVP_PKEY *pkey)
{
	uint8_t signature[64];

	out[0] = '\0';
	fixture_base64(out, header, strlen(header));
	strncat(out, ".", 2);
	fixture_base64(out, payload, strlen(payload));
	if (pkey != NULL)
		fixture_sign(signature, out, pkey);
	strncat(out, ".", 2);
	if (pkey != NULL)
		fixture_base64(out, signature, sizeof(signature));
}

#endif
