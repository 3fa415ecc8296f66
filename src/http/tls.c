/*
 * tls: the SSL_CTX of the https server, its renewal, and reads and writes through it (tls.h).
 *
 * There is one context per process at a time. A renewed certificate makes a new one; connections
 * hold a reference to theirs and keep it until they end. The keys that seal session tickets lie in
 * memory shared by the workers, so that a ticket of one is good at the other; whichever worker
 * first sees that they are old replaces them, which costs returning clients one full handshake.
 */
#include "http/tls.h"

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

#include <openssl/err.h>
#include <openssl/rand.h>

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define TICKET_KEYS      80 /* a name, an HMAC key and an AES-256 key, as OpenSSL wants them */
#define TICKET_LIFE_MS   (12u * 3600u * 1000u)
#define TICKET_TURN_NONE UINT_MAX /* odd, hence never that of whole keys */
#define TICKET_LIFE_S    (4 * 3600)

/* What tells that a file is another one than before. */
struct stamp {
	ino_t inode;
	off_t size;
	struct timespec modified;
};

/* In shared memory. `turn` is odd while the keys are being replaced. */
struct tickets {
	atomic_uint turn;
	_Atomic uint64_t made_ms;
	unsigned char keys[TICKET_KEYS];
};

static struct {
	SSL_CTX *ctx;
	char cert[PATH_MAX];
	char key[PATH_MAX];
	struct stamp cert_stamp;
	struct stamp key_stamp;
	struct tickets *tickets;
	unsigned ticket_turn; /* of the keys that ctx holds */
} tls;

/* ── session tickets ────────────────────────────────────────────────────────────────────────── */

static int tickets_init(void)
{
	tls.tickets = mmap(NULL, sizeof *tls.tickets, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tls.tickets == MAP_FAILED)
		return -1;
	tls.tickets->made_ms = clock_monotonic_ms();
	return RAND_bytes(tls.tickets->keys, TICKET_KEYS) == 1 ? 0 : -1;
}

static void tickets_rotate(void)
{
	struct tickets *shared = tls.tickets;
	unsigned turn = shared->turn;
	unsigned char fresh[TICKET_KEYS];
	if (clock_monotonic_ms() - shared->made_ms < TICKET_LIFE_MS || (turn & 1u) != 0)
		return;
	if (RAND_bytes(fresh, TICKET_KEYS) != 1 ||
	    !atomic_compare_exchange_strong(&shared->turn, &turn, turn + 1))
		return;
	memcpy(shared->keys, fresh, TICKET_KEYS);
	shared->made_ms = clock_monotonic_ms();
	shared->turn = turn + 2;
	OPENSSL_cleanse(fresh, sizeof fresh);
}

/*
 * Gives the shared keys to `ctx`. When another worker is just writing them the context has keys of
 * its own for now, and the next tls_refresh tries again.
 */
static void tickets_apply(SSL_CTX *ctx)
{
	unsigned char keys[TICKET_KEYS];
	unsigned turn = tls.tickets->turn;
	memcpy(keys, tls.tickets->keys, TICKET_KEYS);
	bool whole = (turn & 1u) == 0 && tls.tickets->turn == turn;
	bool taken = whole && SSL_CTX_set_tlsext_ticket_keys(ctx, keys, TICKET_KEYS) == 1;
	tls.ticket_turn = taken ? turn : TICKET_TURN_NONE;
	OPENSSL_cleanse(keys, sizeof keys);
}

/* ── the context ────────────────────────────────────────────────────────────────────────────── */

/* A client that names protocols but not ours would talk past us: no_application_protocol. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *in, unsigned int in_len, void *arg)
{
	static const unsigned char ours[] = "\x08http/1.1";
	(void)ssl;
	(void)arg;
	for (unsigned int at = 0; at < in_len; at += 1u + in[at]) {
		if (in_len - at >= 9 && memcmp(in + at, ours, 9) == 0) {
			*out = in + at + 1;
			*out_len = 8;
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* A key with a passphrase must not make OpenSSL ask for it on the terminal. */
static int on_passphrase(char *out, int size, int writing, void *arg)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static bool set_protocol(SSL_CTX *ctx)
{
	static const unsigned char context[] = "partystudy";
	SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
				     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
				     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				  SSL_MODE_RELEASE_BUFFERS);
	/* Sessions live in the clients' tickets: a cache here would grow and serve one worker. */
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(ctx, TICKET_LIFE_S);
	SSL_CTX_set_read_ahead(ctx, 1); /* one recv for a record's head and body */
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	SSL_CTX_set_default_passwd_cb(ctx, on_passphrase);
	return SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1 &&
	       SSL_CTX_set_session_id_context(ctx, context, sizeof context - 1) == 1 &&
	       SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:"
					    "ECDHE-RSA-AES128-GCM-SHA256:"
					    "ECDHE-ECDSA-AES256-GCM-SHA384:"
					    "ECDHE-RSA-AES256-GCM-SHA384:"
					    "ECDHE-ECDSA-CHACHA20-POLY1305:"
					    "ECDHE-RSA-CHACHA20-POLY1305") == 1;
}

/* OpenSSL's oldest error in `error`, after `what`. */
static void explain(char *error, size_t size, const char *what, const char *path)
{
	char reason[160];
	ERR_error_string_n(ERR_peek_error(), reason, sizeof reason);
	(void)snprintf(error, size, "%s %s: %s", what, path, reason);
}

static SSL_CTX *context_new(char *error, size_t size)
{
	ERR_clear_error();
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	if (ctx == NULL || !set_protocol(ctx))
		explain(error, size, "cannot set up TLS for", tls.cert);
	else if (SSL_CTX_use_certificate_chain_file(ctx, tls.cert) != 1)
		explain(error, size, "cannot use the certificate", tls.cert);
	else if (SSL_CTX_use_PrivateKey_file(ctx, tls.key, SSL_FILETYPE_PEM) != 1)
		explain(error, size, "cannot use the key", tls.key);
	else if (SSL_CTX_check_private_key(ctx) != 1) /* also when one is RSA and the other is EC */
		explain(error, size, "the certificate does not belong to the key", tls.key);
	else {
		tickets_apply(ctx);
		return ctx;
	}
	SSL_CTX_free(ctx);
	ERR_clear_error();
	return NULL;
}

/* ── the files ──────────────────────────────────────────────────────────────────────────────── */

/*
 * The path stays as it was given. Made absolute, it would lead through directories that the user of
 * the workers may not enter (a checkout below /root); relative, it starts where they stand, since
 * conf/kore.conf.in makes the parent's directory their root. Symbolic links stay too: renewal tools
 * replace the link and not the file.
 */
static bool keep_path(char out[PATH_MAX], const char *path)
{
	int len = snprintf(out, PATH_MAX, "%s", path);
	return len > 0 && len < PATH_MAX;
}

static struct stamp stamp_of(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0)
		return (struct stamp){0};
	return (struct stamp){st.st_ino, st.st_size, st.st_mtim};
}

static bool stamp_same(const struct stamp *a, const struct stamp *b)
{
	return a->inode == b->inode && a->size == b->size &&
	       a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec;
}

int tls_init(const char *cert, const char *key, char *error, size_t size)
{
	if (!keep_path(tls.cert, cert) || !keep_path(tls.key, key)) {
		(void)snprintf(error, size, "the path of %s or %s is too long", cert, key);
		return -1;
	}
	if (tickets_init() != 0) {
		(void)snprintf(error, size, "no ticket keys: %s", strerror(errno));
		return -1;
	}
	tls.cert_stamp = stamp_of(tls.cert);
	tls.key_stamp = stamp_of(tls.key);
	tls.ctx = context_new(error, size);
	return tls.ctx != NULL ? 0 : -1;
}

/*
 * The stamps are taken before the files are read, and kept even when they do not load: a pair that
 * is replaced one file after the other fails once and is looked at again with its second half.
 */
static void refresh_certificate(void)
{
	char error[512];
	struct stamp cert = stamp_of(tls.cert), key = stamp_of(tls.key);
	if (stamp_same(&cert, &tls.cert_stamp) && stamp_same(&key, &tls.key_stamp))
		return;
	tls.cert_stamp = cert;
	tls.key_stamp = key;
	SSL_CTX *fresh = context_new(error, sizeof error);
	if (fresh == NULL) {
		log_error("the certificate stays as it was: %s", error);
		return;
	}
	SSL_CTX_free(tls.ctx); /* connections hold references of their own */
	tls.ctx = fresh;
	log_info("the certificate has been renewed from %s", tls.cert);
}

void tls_refresh(void)
{
	if (tls.ctx == NULL)
		return;
	refresh_certificate();
	tickets_rotate();
	if (tls.tickets->turn != tls.ticket_turn)
		tickets_apply(tls.ctx);
}

/* ── a connection ───────────────────────────────────────────────────────────────────────────── */

SSL *tls_session(int fd)
{
	SSL *ssl = tls.ctx != NULL ? SSL_new(tls.ctx) : NULL;
	if (ssl == NULL)
		return NULL;
	if (SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_accept_state(ssl);
	return ssl;
}

static enum tls_result result_of(const SSL *ssl, int returned)
{
	switch (SSL_get_error(ssl, returned)) {
	case SSL_ERROR_NONE:
		return TLS_OK;
	case SSL_ERROR_WANT_READ:
		return TLS_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return TLS_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return TLS_EOF;
	default:
		return TLS_ERROR;
	}
}

enum tls_result tls_read(SSL *ssl, void *bytes, size_t len, size_t *done)
{
	ERR_clear_error();
	return result_of(ssl, SSL_read_ex(ssl, bytes, len, done));
}

enum tls_result tls_write(SSL *ssl, const void *bytes, size_t len, size_t *done)
{
	ERR_clear_error();
	return result_of(ssl, SSL_write_ex(ssl, bytes, len, done));
}

bool tls_established(const SSL *ssl)
{
	return SSL_is_init_finished(ssl) == 1;
}

void tls_goodbye(SSL *ssl)
{
	ERR_clear_error();
	if (tls_established(ssl))
		(void)SSL_shutdown(ssl);
	ERR_clear_error();
}
