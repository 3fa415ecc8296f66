/*
 * conf: the settings, read once from the environment in the parent before the workers fork.
 *
 * One table in conf.c names each variable with its kind, bounds, default and a line of help;
 * docs/configuration.md is held against it by a test. A malformed value, or a PARTYSTUDY_
 * variable that nobody knows, stops the start.
 */
#ifndef PARTYSTUDY_CORE_CONF_H
#define PARTYSTUDY_CORE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conf {
	/* listening */
	const char *http_address;  /* PARTYSTUDY_HTTP_ADDRESS, IPv4 */
	int http_port;             /* PARTYSTUDY_HTTP_PORT */
	const char *https_address; /* PARTYSTUDY_HTTPS_ADDRESS */
	int https_port;            /* PARTYSTUDY_HTTPS_PORT */
	int ops_port;              /* PARTYSTUDY_OPS_PORT, loopback only: /livez /readyz /metrics */
	int workers;               /* PARTYSTUDY_WORKERS, 0: one per core */
	const char *tls_cert;      /* PARTYSTUDY_TLS_CERT, PEM chain */
	const char *tls_key;       /* PARTYSTUDY_TLS_KEY, PEM */

	/* requests */
	int body_max;             /* PARTYSTUDY_BODY_MAX, bytes */
	int batch_body_max;       /* PARTYSTUDY_BATCH_BODY_MAX, bytes */
	int header_timeout_s;     /* PARTYSTUDY_HEADER_TIMEOUT */
	int body_timeout_s;       /* PARTYSTUDY_BODY_TIMEOUT */
	int keepalive_s;          /* PARTYSTUDY_KEEPALIVE */
	int request_timeout_ms;   /* PARTYSTUDY_REQUEST_TIMEOUT_MS: deadline of one request */
	int drain_timeout_s;      /* PARTYSTUDY_DRAIN_TIMEOUT: for requests in flight at SIGTERM */
	int worker_connections;   /* PARTYSTUDY_WORKER_CONNECTIONS */
	const char *trusted_proxy; /* PARTYSTUDY_TRUSTED_PROXY: address whose X-Forwarded-For is believed; "" none */

	/* database */
	const char *database_url;  /* DATABASE_URL */
	int db_connections;        /* PARTYSTUDY_DB_CONNECTIONS: fast lane, per worker */
	int db_slow_connections;   /* PARTYSTUDY_DB_SLOW_CONNECTIONS: slow lane, per worker */
	int db_queue;              /* PARTYSTUDY_DB_QUEUE: calls waiting or in flight, per lane and worker */
	int db_statement_timeout_ms; /* PARTYSTUDY_DB_STATEMENT_TIMEOUT_MS */

	/* identity */
	const char *key_dir;       /* PARTYSTUDY_KEY_DIR: signing keys, <kid>.pem */
	const char *issuer;        /* PARTYSTUDY_ISSUER */
	const char *audience;      /* PARTYSTUDY_AUDIENCE */
	int access_token_s;        /* PARTYSTUDY_ACCESS_TOKEN_TTL */
	int refresh_token_s;       /* PARTYSTUDY_REFRESH_TOKEN_TTL */
	int hash_concurrency;      /* PARTYSTUDY_HASH_CONCURRENCY: password hashes at once, per worker */
	int hash_memory_kib;       /* PARTYSTUDY_HASH_MEMORY_KIB: Argon2id memory */
	int hash_passes;           /* PARTYSTUDY_HASH_PASSES */
	int login_attempts;        /* PARTYSTUDY_LOGIN_ATTEMPTS: free failures before slowing down */

	/* study */
	int study_speed_percent;   /* PARTYSTUDY_STUDY_SPEED_PERCENT: 200 is 2x */
	int study_first_report_s;  /* PARTYSTUDY_STUDY_FIRST_REPORT: clock believed for a lesson's first live report */
	int study_offline_days;    /* PARTYSTUDY_STUDY_OFFLINE_DAYS: how old an offline report may be */

	const char *log_level;     /* PARTYSTUDY_LOG_LEVEL: error, info, debug */
};

/*
 * Reads the environment into the one configuration. Returns 0, or -1 with every complaint, a line
 * each, in `errors` (NUL-terminated, cut to `size`).
 */
int conf_load(char *errors, size_t size);

/* The configuration; valid after conf_load. */
const struct conf *conf(void);

/* One row of the table, for `partystudy help settings` and the documentation test. NULL at the end. */
struct conf_row {
	const char *name;
	const char *fallback;
	const char *help;
};
const struct conf_row *conf_rows(size_t index);

#endif
