/*
 * conf: the settings. Entry points in conf.h.
 *
 * To add one: a member in struct conf, a row in `settings`, a row in docs/configuration.md. Each
 * row says what kind it is and what is allowed; everything else follows from it. Values are copied,
 * as Kore writes over the environment when it sets the process title.
 *
 * An empty value is as good as none. All complaints are gathered before giving up.
 */
#include "core/conf.h"
#include "core/mem.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX    "PARTYSTUDY_"
#define VALUE_MAX 4096

enum kind {
	KIND_INT,    /* digits only, min to max */
	KIND_PORT,   /* as an int; no two of the same */
	KIND_STRING, /* 1 to VALUE_MAX - 1 bytes, no control characters */
	KIND_PATH,   /* as a string; a relative one holds in the directory where Kore runs */
	KIND_IPV4,
	KIND_IP,     /* IPv4 or IPv6, or empty */
	KIND_LEVEL,  /* error, info, debug */
	KIND_SECRET, /* a string that no complaint may show */
	KIND_COMMAND /* read by the shell command, not here */
};

struct setting {
	struct conf_row row;
	enum kind kind;
	int min;
	int max;
	size_t offset; /* into struct conf */
};

#define ROW(name, kind, min, max, fallback, help, member)                                          \
	{                                                                                          \
		{name, fallback, help}, KIND_##kind, min, max, offsetof(struct conf, member)       \
	}
#define COMMAND_ROW(name, fallback, help)                                                          \
	{                                                                                          \
		{name, fallback, "(command only) " help}, KIND_COMMAND, 0, 0, 0                    \
	}

/*
 * Name, kind, least, most, default (NULL: required), help, member. One line each and numbers spelt
 * out: the command reads the table with sed.
 */
/* clang-format off */
static const struct setting settings[] = {
	/* listening */
	ROW("PARTYSTUDY_HTTP_ADDRESS", IPV4, 0, 0, "127.0.0.1", "IPv4 address for HTTP; 0.0.0.0: all", http_address),
	ROW("PARTYSTUDY_HTTP_PORT", PORT, 1, 65535, "8080", "port for HTTP", http_port),
	ROW("PARTYSTUDY_HTTPS_ADDRESS", IPV4, 0, 0, "127.0.0.1", "IPv4 address for HTTPS; 0.0.0.0: all", https_address),
	ROW("PARTYSTUDY_HTTPS_PORT", PORT, 1, 65535, "8443", "port for HTTPS", https_port),
	ROW("PARTYSTUDY_OPS_PORT", PORT, 1, 65535, "8081", "loopback port for /livez, /readyz and /metrics", ops_port),
	ROW("PARTYSTUDY_WORKERS", INT, 0, 256, "0", "worker processes; 0: one per core", workers),
	ROW("PARTYSTUDY_TLS_CERT", PATH, 0, 0, NULL, "certificate chain, PEM", tls_cert),
	ROW("PARTYSTUDY_TLS_KEY", PATH, 0, 0, NULL, "private key of the certificate, PEM", tls_key),

	/* requests */
	ROW("PARTYSTUDY_BODY_MAX", INT, 1024, 67108864, "1048576", "largest request body, bytes", body_max),
	ROW("PARTYSTUDY_BATCH_BODY_MAX", INT, 1024, 67108864, "4194304", "largest body of a batch operation, bytes", batch_body_max),
	ROW("PARTYSTUDY_HEADER_TIMEOUT", INT, 1, 300, "10", "seconds for a request's head to arrive", header_timeout_s),
	ROW("PARTYSTUDY_BODY_TIMEOUT", INT, 1, 3600, "30", "seconds for a request's body to arrive", body_timeout_s),
	ROW("PARTYSTUDY_KEEPALIVE", INT, 1, 3600, "75", "seconds that an idle connection is kept", keepalive_s),
	ROW("PARTYSTUDY_REQUEST_TIMEOUT_MS", INT, 100, 120000, "5000", "deadline of one request, milliseconds", request_timeout_ms),
	ROW("PARTYSTUDY_DRAIN_TIMEOUT", INT, 0, 600, "10", "seconds for requests in flight when the server stops", drain_timeout_s),
	ROW("PARTYSTUDY_WORKER_CONNECTIONS", INT, 16, 1000000, "12000", "client connections per worker", worker_connections),
	ROW("PARTYSTUDY_TRUSTED_PROXY", IP, 0, 0, "", "address of the proxy whose X-Forwarded-For is believed; empty: none", trusted_proxy),

	/* database */
	ROW("DATABASE_URL", SECRET, 0, 0, NULL, "libpq connection string or URI", database_url),
	ROW("PARTYSTUDY_DB_CONNECTIONS", INT, 1, 64, "2", "database connections per worker for point statements", db_connections),
	ROW("PARTYSTUDY_DB_SLOW_CONNECTIONS", INT, 1, 16, "1", "database connections per worker for reports and exports", db_slow_connections),
	ROW("PARTYSTUDY_DB_QUEUE", INT, 1, 1000000, "2000", "database calls waiting or in flight, per lane and worker; beyond: 503", db_queue),
	ROW("PARTYSTUDY_DB_STATEMENT_TIMEOUT_MS", INT, 50, 600000, "4000", "PostgreSQL's own limit on a statement, milliseconds", db_statement_timeout_ms),

	/* identity */
	ROW("PARTYSTUDY_KEY_DIR", PATH, 0, 0, NULL, "directory of the signing keys, <kid>.pem", key_dir),
	ROW("PARTYSTUDY_ISSUER", STRING, 0, 0, "partystudy", "iss of the access tokens", issuer),
	ROW("PARTYSTUDY_AUDIENCE", STRING, 0, 0, "partystudy", "aud of the access tokens", audience),
	ROW("PARTYSTUDY_ACCESS_TOKEN_TTL", INT, 1, 86400, "900", "life of an access token, seconds", access_token_s),
	ROW("PARTYSTUDY_REFRESH_TOKEN_TTL", INT, 1, 31536000, "2592000", "life of a refresh token, seconds", refresh_token_s),
	ROW("PARTYSTUDY_HASH_CONCURRENCY", INT, 1, 64, "2", "password hashes at once, per worker", hash_concurrency),
	ROW("PARTYSTUDY_HASH_MEMORY_KIB", INT, 1024, 1048576, "65536", "memory of one Argon2id hash, KiB", hash_memory_kib),
	ROW("PARTYSTUDY_HASH_PASSES", INT, 1, 20, "3", "passes of one Argon2id hash", hash_passes),
	ROW("PARTYSTUDY_LOGIN_ATTEMPTS", INT, 1, 1000, "5", "failed log-ins of an account before it has to wait", login_attempts),

	/* study */
	ROW("PARTYSTUDY_STUDY_SPEED_PERCENT", INT, 100, 1000, "200", "fastest playback that counts as study; 200: twice the speed", study_speed_percent),
	ROW("PARTYSTUDY_STUDY_FIRST_REPORT", INT, 0, 86400, "60", "seconds believed for a lesson's first live report", study_first_report_s),
	ROW("PARTYSTUDY_STUDY_OFFLINE_DAYS", INT, 1, 3650, "30", "how old an offline report may be, days", study_offline_days),

	/* log */
	ROW("PARTYSTUDY_LOG_LEVEL", LEVEL, 0, 0, "info", "error, info or debug", log_level),

	/* read by ./partystudy only */
	COMMAND_ROW("PARTYSTUDY_VAR", "./var", "where the cluster, keys, logs and configuration are kept"),
	COMMAND_ROW("PARTYSTUDY_BUILD_DIR", "./build", "where it is built (-asan is added with PARTYSTUDY_SANITIZE=1)"),
	COMMAND_ROW("PARTYSTUDY_BUILD_TYPE", "Release", "Release, RelWithDebInfo or Debug"),
	COMMAND_ROW("PARTYSTUDY_DEMO", "1", "1: load the demo organisation (0 when DATABASE_URL is set)"),
	COMMAND_ROW("PARTYSTUDY_PG_BIN", "", "directory of PostgreSQL's programs; empty: the newest"),
	COMMAND_ROW("PARTYSTUDY_SANITIZE", "0", "1: build and serve with the sanitizers; never in production"),
	COMMAND_ROW("PARTYSTUDY_SECCOMP_TRACE", "0", "1: log the system calls that the filter refuses"),
};
/* clang-format on */

#define SETTINGS (sizeof settings / sizeof settings[0])

static struct conf current;
static char *copies[SETTINGS]; /* what current points into */

/* ── complaints ─────────────────────────────────────────────────────────────────────────────── */

struct complaints {
	char *text;
	size_t size;
	size_t len;
	int count;
};

__attribute__((format(printf, 2, 3))) static void complain(struct complaints *c, const char *format,
							   ...)
{
	va_list args;

	c->count++;
	if (c->len + 1 >= c->size)
		return;
	va_start(args, format);
	int wrote = vsnprintf(c->text + c->len, c->size - c->len, format, args);
	va_end(args);
	if (wrote < 0)
		return;
	c->len += (size_t)wrote;
	if (c->len >= c->size)
		c->len = c->size - 1; /* cut */
}

/* Control characters in a wrong value must not reach a terminal. */
static void complain_value(struct complaints *c, const struct setting *s, const char *value,
			   const char *allowed)
{
	char shown[81];
	size_t i = 0;

	for (; value[i] != '\0' && i < sizeof shown - 1; i++)
		shown[i] = (unsigned char)value[i] < 0x20 || value[i] == 0x7F ? '?' : value[i];
	shown[i] = '\0';
	complain(c, "%s is '%s': %s is expected\n", s->row.name, shown, allowed);
}

/* ── values ─────────────────────────────────────────────────────────────────────────────────── */

static bool parse_int(const char *text, int min, int max, int *out)
{
	long number = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		number = number * 10 + (*text - '0');
		if (number > max) /* also keeps it from overflowing */
			return false;
	}
	*out = (int)number;
	return number >= min;
}

static bool is_text(const char *value)
{
	size_t len = strlen(value);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7F)
			return false;
	return len > 0 && len < VALUE_MAX;
}

static bool is_address(const char *value, bool ipv6_too)
{
	struct in_addr v4;
	struct in6_addr v6;

	return inet_pton(AF_INET, value, &v4) == 1 ||
	       (ipv6_too && inet_pton(AF_INET6, value, &v6) == 1);
}

static bool is_level(const char *value)
{
	return strcmp(value, "error") == 0 || strcmp(value, "info") == 0 ||
	       strcmp(value, "debug") == 0;
}

/* What is wrong with a text value, in the words "… is expected"; NULL when nothing is. */
static const char *text_expected(enum kind kind, const char *value)
{
	switch (kind) {
	case KIND_IPV4:
		return is_address(value, false) ? NULL : "an IPv4 address";
	case KIND_IP:
		return *value == '\0' || is_address(value, true) ? NULL : "an IP address";
	case KIND_LEVEL:
		return is_level(value) ? NULL : "error, info or debug";
	case KIND_STRING:
	case KIND_PATH:
	case KIND_SECRET:
	case KIND_INT:
	case KIND_PORT:
	case KIND_COMMAND:
		break;
	}
	return is_text(value) ? NULL : "text without control characters, at most 4095 bytes,";
}

static void *member_of(const struct setting *s)
{
	return (char *)&current + s->offset;
}

static void set_int(struct complaints *c, const struct setting *s, const char *value)
{
	int number = 0;

	if (!parse_int(value, s->min, s->max, &number)) {
		char allowed[64];
		snprintf(allowed, sizeof allowed, "a whole number from %d to %d", s->min, s->max);
		complain_value(c, s, value, allowed);
		parse_int(s->row.fallback, s->min, s->max, &number);
	}
	memcpy(member_of(s), &number, sizeof number);
}

static void set_text(struct complaints *c, const struct setting *s, const char *value)
{
	char **copy = &copies[s - settings];
	const char *expected = text_expected(s->kind, value);

	if (expected != NULL && s->kind == KIND_SECRET)
		complain(c, "%s: %s is expected\n", s->row.name, expected);
	else if (expected != NULL)
		complain_value(c, s, value, expected);
	mem_free(*copy);
	*copy = mem_strdup(value);
	if (*copy == NULL)
		complain(c, "%s: out of memory\n", s->row.name);
	const char *kept = *copy != NULL ? *copy : "";
	memcpy(member_of(s), &kept, sizeof kept);
}

static void load_one(struct complaints *c, const struct setting *s)
{
	const char *value = getenv(s->row.name);

	if (s->kind == KIND_COMMAND)
		return;
	if (value == NULL || *value == '\0') {
		if (s->row.fallback == NULL) {
			const char *none = "";
			complain(c, "%s is not set: it is required\n", s->row.name);
			memcpy(member_of(s), &none, sizeof none);
			return;
		}
		value = s->row.fallback;
	}
	if (s->kind == KIND_INT || s->kind == KIND_PORT)
		set_int(c, s, value);
	else
		set_text(c, s, value);
}

/* ── what no single value shows ─────────────────────────────────────────────────────────────── */

static bool is_known(const char *name, size_t len)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		const char *known = settings[i].row.name;
		if (strlen(known) == len && memcmp(known, name, len) == 0)
			return true;
	}
	return false;
}

/* A misspelt name would otherwise be a setting that silently does nothing. */
static void check_unknown(struct complaints *c)
{
	for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
		size_t len = strcspn(*entry, "=");
		if (strncmp(*entry, PREFIX, sizeof PREFIX - 1) == 0 && !is_known(*entry, len))
			complain(c, "%.*s is not a setting\n", len > 80 ? 80 : (int)len, *entry);
	}
}

/* The listeners share ports among workers (SO_REUSEPORT), so the kernel would not object. */
static void check_ports(struct complaints *c)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		for (size_t j = i + 1; j < SETTINGS; j++) {
			const struct setting *a = &settings[i], *b = &settings[j];
			if (a->kind == KIND_PORT && b->kind == KIND_PORT &&
			    *(int *)member_of(a) == *(int *)member_of(b))
				complain(c, "%s and %s are the same port\n", a->row.name,
					 b->row.name);
		}
	}
}

int conf_load(char *errors, size_t size)
{
	struct complaints c = {.text = errors, .size = size};

	if (size > 0)
		errors[0] = '\0';
	for (size_t i = 0; i < SETTINGS; i++)
		load_one(&c, &settings[i]);
	check_ports(&c);
	check_unknown(&c);
	return c.count == 0 ? 0 : -1;
}

const struct conf *conf(void)
{
	return &current;
}

const struct conf_row *conf_rows(size_t index)
{
	return index < SETTINGS ? &settings[index].row : NULL;
}
