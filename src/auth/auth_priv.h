/*
 * auth_priv: what the files of src/auth share, and the seams that the tests need. Nothing outside
 * src/auth and tests/ may include it.
 */
#ifndef PARTYSTUDY_AUTH_AUTH_PRIV_H
#define PARTYSTUDY_AUTH_AUTH_PRIV_H

#include "auth/auth.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ── keys (keys.c, key_file.c) ──────────────────────────────────────────────────────────────── */

#define KEYS_MAX        32
#define KEY_ID_TEXT     65   /* 64 characters and a NUL */
#define KEY_FILE_MAX    8192 /* bytes of a key file */
#define KEY_PUBLIC_PEM  256  /* a P-256 SubjectPublicKeyInfo takes 178 */
#define KEY_PRIVATE_PEM 512  /* a P-256 PKCS #8 takes 241 */
#define KEY_COORDINATE  32

/* Plain data, so that a set of keys is copied and wiped as bytes. */
struct key {
	char id[KEY_ID_TEXT];
	bool has_private;
	int64_t since; /* seconds since 1970 when its file came or changed */
	uint8_t x[KEY_COORDINATE];
	uint8_t y[KEY_COORDINATE];
	uint8_t scalar[KEY_COORDINATE];    /* zero without a private part */
	char public_pem[KEY_PUBLIC_PEM];   /* "" only in an unused key */
	char private_pem[KEY_PRIVATE_PEM]; /* "" without a private part */
};

/* What a file looked like from outside; a change of any of it makes keys_refresh read again. */
struct key_mark {
	char id[KEY_ID_TEXT];
	int64_t mtime_ns;
	int64_t ctime_ns;
	int64_t size;
	uint64_t inode;
};

/* True for 1 to 64 characters of A-Z a-z 0-9 _ -. */
bool key_id_valid(const char *id, size_t len);
/* Parses a PEM text into `key` (id left alone). NULL, or what is wrong with it. */
const char *key_parse(struct key *key, const char *text, size_t len);
/* Reads <id>.pem in the open directory. NULL, or what is wrong with it. */
const char *key_read(struct key *key, int dir_fd, const char *id);
/*
 * Lists the *.pem files of an open directory, sorted by id, into `marks` (KEYS_MAX of them).
 * Returns how many, or -1 when there are more or the directory is unreadable. `bad_name` counts
 * those passed over for a name that can be no key id.
 */
int key_list(int dir_fd, struct key_mark *marks, int *bad_name);

const struct key *keys_find(const char *id, size_t len);
/*
 * The key that signs: the last that every worker and node must have seen by now, so that none of
 * them meets a token of a key that it does not know. NULL before keys_load.
 */
const struct key *keys_signing(void);
#define KEY_SETTLE_S 10 /* keys_refresh runs every 2 s; the rest is for nodes that share a directory */
/* Seconds since 1970; tests replace it. */
extern int64_t (*keys_now)(void);
/* Grows whenever a key goes or changes: what was verified before must be verified again. */
uint64_t keys_generation(void);
/* 32 bytes for cursors, NULL before keys_load. */
const uint8_t *keys_cursor_key(void);

/* ── token (token.c, token_cache.c) ─────────────────────────────────────────────────────────── */

#define TOKEN_LEEWAY_S        30 /* clocks of our nodes may differ: nbf and iat */
#define TOKEN_EXPIRY_LEEWAY_S 5  /* exp: just enough for a request under way */

/* Seconds since 1970; tests replace it. */
extern int64_t (*token_now)(void);

/* True when `digest` is of a token verified under the present key generation. */
bool token_cache_get(const uint8_t digest[32], struct token_claims *out);
void token_cache_put(const uint8_t digest[32], const struct token_claims *claims);
void token_cache_clear(void);
/* Hits since the process began. */
uint64_t token_cache_hits(void);

/* ── secret ─────────────────────────────────────────────────────────────────────────────────── */

#define CURSOR_PAYLOAD_MAX 1200 /* sealed it takes 1611 characters: a URI holds about 2,000 */
#define CURSOR_MAC         8

/* SHA-256 with the algorithm fetched once per process. False only when OpenSSL has no memory. */
bool digest_sha256(const void *bytes, size_t len, uint8_t out[32]);

/* ── password (password.c, password_kdf.c) ──────────────────────────────────────────────────── */

#define PASSWORD_BYTES        (AUTH_PASSWORD_MAX * 4) /* UTF-8 takes at most 4 per code point */
#define PASSWORD_QUEUE_FACTOR 8                       /* waiting jobs for each that runs */

/* The computing itself: slow, thread-safe. */
bool password_kdf_hash(char out[AUTH_HASH_TEXT], const char *password, size_t len);
bool password_kdf_verify(const char *hash, const char *password, size_t len);
/* A string that no password fits and that costs as much to try as a real one. */
void password_kdf_dummy(char out[AUTH_HASH_TEXT]);

/* ── throttle ───────────────────────────────────────────────────────────────────────────────── */

/* Seconds on a clock that only goes forward and that all workers share; tests replace it. */
extern int64_t (*throttle_now)(void);

#endif
