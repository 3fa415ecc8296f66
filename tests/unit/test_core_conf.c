/*
 * Tests of core/conf: the defaults, the bounds of every row of the table, and that nothing wrong
 * in the environment goes unseen.
 */
#include "core/conf.h"
#include "core/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char errors[8192];

static int set_up(void **unused)
{
	(void)unused;
	clearenv();
	setenv("DATABASE_URL", "postgresql://study@/study?host=/run/postgresql", 1);
	setenv("PARTYSTUDY_KEY_DIR", "/etc/partystudy/keys", 1);
	setenv("PARTYSTUDY_TLS_CERT", "tls/cert.pem", 1);
	setenv("PARTYSTUDY_TLS_KEY", "tls/key.pem", 1);
	return 0;
}

static void assert_complaint(const char *name, const char *value, const char *expected)
{
	set_up(NULL);
	setenv(name, value, 1);
	if (conf_load(errors, sizeof errors) == 0)
		fail_msg("%s='%s' was taken", name, value);
	if (strstr(errors, name) == NULL || strstr(errors, expected) == NULL)
		fail_msg("%s='%s' → %s", name, value, errors);
}

static void assert_taken(const char *name, const char *value)
{
	set_up(NULL);
	setenv(name, value, 1);
	if (conf_load(errors, sizeof errors) != 0)
		fail_msg("%s='%s' → %s", name, value, errors);
}

static void test_defaults(void **unused)
{
	(void)unused;
	assert_int_equal(conf_load(errors, sizeof errors), 0);
	assert_string_equal(errors, "");
	const struct conf *c = conf();
	assert_string_equal(c->http_address, "127.0.0.1");
	assert_int_equal(c->http_port, 8080);
	assert_string_equal(c->https_address, "127.0.0.1");
	assert_int_equal(c->https_port, 8443);
	assert_int_equal(c->ops_port, 8081);
	assert_int_equal(c->workers, 0);
	assert_int_equal(c->body_max, 1 << 20);
	assert_int_equal(c->batch_body_max, 4 << 20);
	assert_int_equal(c->header_timeout_s, 10);
	assert_int_equal(c->body_timeout_s, 30);
	assert_int_equal(c->keepalive_s, 75);
	assert_int_equal(c->request_timeout_ms, 5000);
	assert_int_equal(c->drain_timeout_s, 10);
	assert_int_equal(c->worker_connections, 12000);
	assert_string_equal(c->trusted_proxy, "");
	assert_string_equal(c->database_url, "postgresql://study@/study?host=/run/postgresql");
	assert_int_equal(c->db_connections, 2);
	assert_int_equal(c->db_slow_connections, 1);
	assert_int_equal(c->db_queue, 2000);
	assert_int_equal(c->db_statement_timeout_ms, 4000);
	assert_string_equal(c->key_dir, "/etc/partystudy/keys");
	assert_string_equal(c->tls_cert, "tls/cert.pem");
	assert_string_equal(c->tls_key, "tls/key.pem");
	assert_int_equal(c->access_token_s, 900);
	assert_int_equal(c->refresh_token_s, 30 * 86400);
	assert_int_equal(c->hash_concurrency, 2);
	assert_int_equal(c->hash_memory_kib, 65536);
	assert_int_equal(c->hash_passes, 3);
	assert_int_equal(c->login_attempts, 5);
	assert_int_equal(c->study_speed_percent, 200);
	assert_int_equal(c->study_first_report_s, 60);
	assert_int_equal(c->study_offline_days, 30);
	assert_string_equal(c->log_level, "info");
}

static void test_values_are_copied(void **unused)
{
	(void)unused;
	static char entry[] = "PARTYSTUDY_ISSUER=https://study.example.cn";
	putenv(entry);
	setenv("PARTYSTUDY_HTTP_PORT", "18080", 1);
	assert_int_equal(conf_load(errors, sizeof errors), 0);
	memset(entry + strlen("PARTYSTUDY_ISSUER="), 'x',
	       8); /* what setting a process title does */
	assert_string_equal(conf()->issuer, "https://study.example.cn");
	assert_int_equal(conf()->http_port, 18080);
	set_up(NULL);
	assert_int_equal(conf_load(errors, sizeof errors), 0);
	assert_int_equal(conf()->http_port, 8080);
}

static void test_loading_again_loses_nothing(void **unused)
{
	(void)unused;
	assert_int_equal(conf_load(errors, sizeof errors), 0);
	long before = mem_live();
	assert_int_equal(conf_load(errors, sizeof errors), 0);
	assert_int_equal(mem_live(), before);
}

static void test_required(void **unused)
{
	(void)unused;
	clearenv();
	setenv("PARTYSTUDY_KEY_DIR", "", 1); /* as good as none */
	assert_int_equal(conf_load(errors, sizeof errors), -1);
	assert_non_null(strstr(errors, "DATABASE_URL is not set"));
	assert_non_null(strstr(errors, "PARTYSTUDY_KEY_DIR is not set"));
	assert_non_null(strstr(errors, "PARTYSTUDY_TLS_CERT is not set"));
	assert_non_null(strstr(errors, "PARTYSTUDY_TLS_KEY is not set"));
	assert_int_equal(conf()->http_port, 8080); /* the rest is there all the same */
}

static void test_malformed_integers(void **unused)
{
	(void)unused;
	static const char *const bad[] = {"x",         "1x",  "-1",   "+1",  " 1",
					  "1 ",        "1.5", "0x10", "1e3", "99999999999999999999",
					  "4294967297"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_complaint("PARTYSTUDY_DB_CONNECTIONS", bad[i], "from 1 to 64");
		assert_non_null(strstr(errors, bad[i]));
	}
	assert_taken("PARTYSTUDY_DB_CONNECTIONS", "007");
	assert_int_equal(conf()->db_connections, 7);
	assert_taken("PARTYSTUDY_DB_CONNECTIONS", "");
	assert_int_equal(conf()->db_connections, 2);
}

static void test_integers_at_their_bounds(void **unused)
{
	(void)unused;
	struct {
		const char *name, *below, *least, *most, *above;
	} rows[] = {
	    {"PARTYSTUDY_HTTP_PORT", "0", "1", "65535", "65536"},
	    {"PARTYSTUDY_BODY_MAX", "1023", "1024", "67108864", "67108865"},
	    {"PARTYSTUDY_REQUEST_TIMEOUT_MS", "99", "100", "120000", "120001"},
	    {"PARTYSTUDY_HASH_MEMORY_KIB", "1023", "1024", "1048576", "1048577"},
	    {"PARTYSTUDY_STUDY_SPEED_PERCENT", "99", "100", "1000", "1001"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_complaint(rows[i].name, rows[i].below, rows[i].least);
		assert_taken(rows[i].name, rows[i].least);
		assert_taken(rows[i].name, rows[i].most);
		assert_complaint(rows[i].name, rows[i].above, rows[i].most);
	}
}

static void test_texts(void **unused)
{
	(void)unused;
	assert_complaint("PARTYSTUDY_HTTP_ADDRESS", "localhost", "an IPv4 address");
	assert_complaint("PARTYSTUDY_HTTP_ADDRESS", "::1", "an IPv4 address");
	assert_taken("PARTYSTUDY_HTTPS_ADDRESS", "0.0.0.0");
	assert_complaint("PARTYSTUDY_TRUSTED_PROXY", "10.0.0.0/8", "an IP address");
	assert_taken("PARTYSTUDY_TRUSTED_PROXY", "fd00::1");
	assert_taken("PARTYSTUDY_TRUSTED_PROXY", "10.0.0.1");
	assert_complaint("PARTYSTUDY_LOG_LEVEL", "INFO", "error, info or debug");
	assert_complaint("PARTYSTUDY_LOG_LEVEL", "infos", "error, info or debug");
	assert_taken("PARTYSTUDY_LOG_LEVEL", "debug");
	assert_complaint("PARTYSTUDY_ISSUER", "a\nb\x1b[2J", "control characters");
	assert_null(strchr(errors, 0x1b));
	assert_taken("PARTYSTUDY_TLS_KEY", "/etc/tls/key.pem");
}

static void test_texts_are_bounded(void **unused)
{
	(void)unused;
	static char longest[4097];
	memset(longest, 'a', sizeof longest - 1);
	assert_complaint("PARTYSTUDY_AUDIENCE", longest, "4095");
	assert_true(strlen(errors) < 300);
	longest[4095] = '\0';
	assert_taken("PARTYSTUDY_AUDIENCE", longest);
}

static void test_the_database_url_is_never_shown(void **unused)
{
	(void)unused;
	assert_complaint("DATABASE_URL", "postgresql://u:geheim@h/\n", "is expected");
	assert_null(strstr(errors, "geheim"));
}

static void test_unknown_names(void **unused)
{
	(void)unused;
	assert_complaint("PARTYSTUDY_HTTP_PROT", "8080", "not a setting");
	assert_complaint("PARTYSTUDY_", "1", "not a setting");
	assert_complaint("PARTYSTUDY_HTTP_PORT2", "1", "not a setting");
	assert_complaint("PARTYSTUDY_HTTP_POR", "1", "not a setting");
	assert_complaint("PARTYSTUDY_http_port", "1", "not a setting");
	assert_taken("PARTYSTUDYX", "1");
	assert_taken("XPARTYSTUDY_A", "1");
	assert_taken("PARTYSTUDY_SECCOMP_TRACE", "1"); /* the command's own */
	assert_taken("PARTYSTUDY_VAR", "anything");
}

static void test_equal_ports(void **unused)
{
	(void)unused;
	assert_complaint("PARTYSTUDY_OPS_PORT", "8080", "same port");
	assert_non_null(strstr(errors, "PARTYSTUDY_HTTP_PORT"));
	assert_complaint("PARTYSTUDY_HTTPS_PORT", "8081", "same port");
}

static void test_all_complaints_at_once_and_cut(void **unused)
{
	(void)unused;
	setenv("PARTYSTUDY_WORKERS", "many", 1);
	setenv("PARTYSTUDY_KEEPALIVE", "0", 1);
	setenv("PARTYSTUDY_COLOUR", "red", 1);
	assert_int_equal(conf_load(errors, sizeof errors), -1);
	assert_non_null(strstr(errors, "PARTYSTUDY_WORKERS is 'many'"));
	assert_non_null(strstr(errors, "PARTYSTUDY_KEEPALIVE is '0'"));
	assert_non_null(strstr(errors, "PARTYSTUDY_COLOUR"));
	for (size_t size = 0; size < 200; size++) {
		char small[200];
		memset(small, '#', sizeof small);
		assert_int_equal(conf_load(small, size), -1);
		assert_true(size == 0 || strlen(small) == size - 1 || strlen(small) < size);
		assert_int_equal(small[size == 0 ? 0 : size], '#');
	}
}

static void test_lost_memory_is_a_complaint(void **unused)
{
	(void)unused;
	mem_fail_after(3);
	assert_int_equal(conf_load(errors, sizeof errors), -1);
	mem_fail_after(0);
	assert_non_null(strstr(errors, "out of memory"));
	assert_int_equal(conf_load(errors, sizeof errors), 0);
}

/* Each row's default must be a value that the row itself takes. */
static void test_rows(void **unused)
{
	(void)unused;
	size_t count = 0;
	for (const struct conf_row *row; (row = conf_rows(count)) != NULL; count++) {
		assert_true(strcmp(row->name, "DATABASE_URL") == 0 ||
			    strncmp(row->name, "PARTYSTUDY_", 11) == 0);
		assert_true(strlen(row->help) > 0);
		if (row->fallback != NULL)
			assert_taken(row->name, row->fallback);
		for (size_t i = 0; i < count; i++)
			assert_string_not_equal(conf_rows(i)->name, row->name);
	}
	assert_true(count > 40);
	assert_null(conf_rows(count + 100));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
	const struct CMUnitTest tests[] = {
	    TEST(test_defaults),
	    TEST(test_values_are_copied),
	    TEST(test_loading_again_loses_nothing),
	    TEST(test_required),
	    TEST(test_malformed_integers),
	    TEST(test_integers_at_their_bounds),
	    TEST(test_texts),
	    TEST(test_texts_are_bounded),
	    TEST(test_the_database_url_is_never_shown),
	    TEST(test_unknown_names),
	    TEST(test_equal_ports),
	    TEST(test_all_complaints_at_once_and_cut),
	    TEST(test_lost_memory_is_a_complaint),
	    TEST(test_rows),
	};
	return cmocka_run_group_tests_name("core/conf", tests, NULL, NULL);
}
