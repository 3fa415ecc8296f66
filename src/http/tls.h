/*
 * tls: OpenSSL for the connections of the server "https". Kore's own TLS does not work with
 * OpenSSL 3 (its key manager's hooks are never called), so the context is ours.
 *
 * Offers TLS 1.2 and 1.3, ECDHE with AEAD ciphers only, ALPN http/1.1, and stateless session
 * tickets that every worker accepts. Knows no HTTP and no connection of Kore's, only a socket.
 */
#ifndef PARTYSTUDY_HTTP_TLS_H
#define PARTYSTUDY_HTTP_TLS_H

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>

enum tls_result {
	TLS_OK,
	TLS_WANT_READ,  /* goes on when the socket is readable */
	TLS_WANT_WRITE, /* goes on when the socket is writable */
	TLS_EOF,        /* the peer has closed */
	TLS_ERROR
};

/*
 * Reads the certificate chain and the key (PEM) and makes the ticket keys that the workers share.
 * In the parent, before they fork. 0, or -1 with a line in `error`.
 */
int tls_init(const char *cert, const char *key, char *error, size_t size);

/*
 * Looks whether the files have changed and takes the new certificate for connections to come; a
 * pair that does not load is logged and the present one stays. Called by a timer in each worker.
 */
void tls_refresh(void);

/* The server's side of a handshake on a non-blocking socket; NULL when memory is short. */
SSL *tls_session(int fd);

/* The handshake happens inside the first reads. `done` counts bytes when the result is TLS_OK. */
enum tls_result tls_read(SSL *ssl, void *bytes, size_t len, size_t *done);
enum tls_result tls_write(SSL *ssl, const void *bytes, size_t len, size_t *done);

/* True once the handshake is over: before it nothing may be sent. */
bool tls_established(const SSL *ssl);

/* Says goodbye (close_notify) as far as the socket takes it. */
void tls_goodbye(SSL *ssl);

#endif
