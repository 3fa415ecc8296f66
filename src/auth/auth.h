/*
 * auth: passwords, access tokens, opaque secrets and the brake on guessing. Pure of HTTP and SQL.
 *
 * Keys: every <kid>.pem in the key directory is a P-256 key. The one whose name sorts last among
 * those that hold a private key signs, once it has been there for 10 s and every worker and node has
 * seen it; all of them verify and are published as JWKS. To rotate: add
 * a file, wait for one access-token lifetime, remove the old one. The directory is looked at again
 * every few seconds, no restart is needed.
 */
#ifndef PARTYSTUDY_AUTH_AUTH_H
#define PARTYSTUDY_AUTH_AUTH_H

#include "core/buf.h"
#include "core/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUTH_TOKEN_MAX 2048   /* bytes of an access token */
#define AUTH_HASH_TEXT 128    /* an Argon2id string with its NUL */
#define AUTH_SECRET_TEXT 44   /* 32 random bytes in base64url and a NUL */
#define AUTH_PASSWORD_MIN 10  /* code points */
#define AUTH_PASSWORD_MAX 128 /* code points */

/* ── keys and access tokens ─────────────────────────────────────────────────────────────────── */

/* Reads the keys. 0, or -1 with a line in `error`: no key, an unreadable or a wrong one. */
int keys_load(const char *dir, char *error, size_t size);
/* Looks again; keeps the present keys when the directory is unusable. Called by a timer. */
void keys_refresh(void);
/* {"keys":[…]} (RFC 7517), public parts only. Valid until the next keys_refresh. */
const char *keys_jwks(size_t *len);

struct token_claims {
	char subject[UUID_TEXT];
	char session[UUID_TEXT];
	uint32_t roles; /* bit set of enum role */
	int64_t issued_at;  /* seconds since 1970 */
	int64_t expires_at;
};

enum token_verdict { TOKEN_OK, TOKEN_INVALID, TOKEN_EXPIRED };

/*
 * Signs an access token: iss, aud, sub, sid, roles, iat, nbf, exp, jti, token_use=access (after
 * RFC 9068). Returns a NUL-terminated token that token_free frees, NULL on failure.
 */
char *token_sign(const struct token_claims *claims);
void token_free(char *token);

/*
 * Verifies: length, algorithm ES256 before any claim is read, kid known, signature, iss, aud,
 * token_use, nbf/iat with 30 s of leeway and exp with 5 s, claim types. Verified tokens are remembered by
 * SHA-256 until they expire or their key goes.
 */
enum token_verdict token_verify(const char *token, size_t len, struct token_claims *out);

/* ── opaque secrets (refresh tokens) and signed cursors ──────────────────────────────────────── */

/* 32 random bytes as base64url. */
void secret_new(char out[AUTH_SECRET_TEXT]);
/* SHA-256 of it as \x… hex, the form in which it is stored. */
void secret_digest(const char *secret, size_t len, char out[68]);

/*
 * A cursor is base64url(8 bytes of HMAC-SHA256 over context and payload ‖ payload). `context` is
 * the operation's id and what the list was filtered by, so that a cursor serves its own list only.
 * The key is derived from the oldest signing key's file, so that every worker and node agrees.
 */
bool cursor_seal(struct buf *out, const char *context, const char *payload, size_t len);
/* Appends the payload; false when it is not ours. */
bool cursor_open(struct buf *out, const char *context, const char *cursor, size_t len);

/* ── passwords ──────────────────────────────────────────────────────────────────────────────── */

struct password_job;
typedef void (*password_on_done)(bool ok, const char *hash, void *ctx);

/*
 * Verifies `password` against an Argon2id string, off the loop; on_done(ok, NULL, ctx) comes on the
 * loop. `hash` NULL: an unknown user; as much work is done and ok is false. Returns NULL when too
 * many are under way already (answer 503). The texts are copied, and wiped after use.
 */
struct password_job *password_verify(const char *password, const char *hash,
                                     password_on_done on_done, void *ctx);
/* Hashes; on_done(true, hash, ctx), or on_done(false, NULL, ctx) when memory is short. */
struct password_job *password_hash(const char *password, password_on_done on_done, void *ctx);
/* The client has gone: on_done will not be called. */
void password_abandon(struct password_job *job);
/* Hashes now, in the calling process: for the command line, never on the loop. */
bool password_hash_blocking(const char *password, char out[AUTH_HASH_TEXT]);
/* Jobs under way. */
int password_pending(void);

/* ── the brake: in memory shared by the workers ─────────────────────────────────────────────── */

/* Makes the shared table; in the parent, before the workers fork. 0 or -1. */
int throttle_init(void);
/*
 * Seconds that a log-in for this account from this address has to wait, 0 when it may go on. Failed
 * attempts beyond the free ones double the wait, per account and per address (an address gets ten
 * times as many free ones), up to 15 minutes; it fades with time.
 */
int throttle_wait(const char *account, const char *address);
/* Counts an attempt; before its outcome is known, so that guesses sent at once all count. */
void throttle_failed(const char *account, const char *address);
/* It was the right password: the account is free again, and the address gets this attempt back. */
void throttle_passed(const char *account, const char *address);

#endif
