/*
 * module: the hooks by which Kore starts, runs and stops us.
 *
 * Start, in the parent: settings, keys, certificate, tables and sockets, in an order in which the
 * first thing wrong stops the start with one line on standard error and exit status 1. What the
 * workers share (the brake on log-ins, TLS ticket keys, counters) is made here, before they fork.
 *
 * Stop: Kore leaves its loop at once on SIGTERM. A worker therefore takes the signals itself, stops
 * accepting, finishes what is in flight within PARTYSTUDY_DRAIN_TIMEOUT, and only then lets Kore
 * see the signal. A second signal changes nothing. Kore's parent closes its end of the message pipe
 * at once when it stops, which by default ends the worker: that too only begins the drain.
 */
#include "auth/auth.h"
#include "core/conf.h"
#include "core/log.h"
#include "db/db.h"
#include "http/conn.h"
#include "http/guard.h"
#include "http/listen.h"
#include "http/request.h"
#include "http/tls.h"

#include <kore/kore.h>
#include <kore/http.h>
#include <kore/hooks.h>

#include <jansson.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define LOG_FLUSH_MS 50
#define STOP_LOOK_MS 100
#define TICK_MS      1000
#define REFRESH_MS   2000

static volatile sig_atomic_t stop_wanted;
static pid_t parent;

/* ── the parent ─────────────────────────────────────────────────────────────────────────────── */

static void give_up(const char *why) __attribute__((noreturn));

static void give_up(const char *why)
{
	(void)fprintf(stderr, "partystudy: %s\n", why);
	(void)unlink(kore_pidfile); /* Kore has just written it */
	exit(1);
}

static void check(int result, const char *why)
{
	if (result != 0)
		give_up(why);
}

/* One seed for all workers, unknown outside: else a body could be made whose keys all collide. */
static int seed_json(void)
{
	size_t seed = 0;
	while (seed == 0)
		if (getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed)
			return -1;
	json_object_seed(seed);
	return 0;
}

/*
 * What the guard and conn promise rests on Kore's own limits being no tighter than theirs, whatever
 * the configuration file says.
 */
static void widen_limits(void)
{
	const struct conf *c = conf();
	size_t body = (size_t)(c->batch_body_max > c->body_max ? c->batch_body_max : c->body_max);
	http_header_max = GUARD_KEPT_MAX;
	http_body_disk_offload = 0;
	if (http_body_max < body)
		http_body_max = body;
}

void kore_parent_configure(int argc, char **argv)
{
	char error[4096] = "";
	(void)argc;
	(void)argv;

	/* What Kore has printed so far would come out again from each worker. */
	(void)fflush(stdout);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	parent = getpid();
	check(conf_load(error, sizeof error), error);
	check(seed_json(), "no random numbers from the system");
	check(throttle_init(), "no shared memory for the brake on log-ins");
	check(keys_load(conf()->key_dir, error, sizeof error), error);
	check(tls_init(conf()->tls_cert, conf()->tls_key, error, sizeof error), error);
	check(request_init(), "the tables of operations do not build");
	check(listen_prepare(worker_count != 0 ? worker_count : cpu_count, error, sizeof error),
	      error);
	widen_limits();
	/* Kore would unload and load the module under its feet; keys and certificate renew anyway.
	 */
	(void)signal(SIGHUP, SIG_IGN);
}

/* ── stopping a worker ──────────────────────────────────────────────────────────────────────── */

static void on_stop_signal(int sig)
{
	(void)sig;
	stop_wanted = 1;
}

static void take_signals(void)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGQUIT};
	struct sigaction action = {.sa_handler = on_stop_signal};
	(void)sigfillset(&action.sa_mask);
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		(void)sigaction(signals[i], &action, NULL);
	(void)signal(SIGHUP, SIG_IGN);
}

/* The calls that no request waits for any more (clients that went away) may still be running. */
static bool is_drained(void)
{
	if (conn_busy() > 0)
		return false;
	db_drain();
	return db_pending() == 0 && password_pending() == 0;
}

static void on_stop_look(void *arg, uint64_t now)
{
	static uint64_t deadline;
	(void)arg;
	if (stop_wanted == 0)
		return;
	if (deadline == 0) {
		log_info("stopping: %d connections are busy", conn_busy());
		deadline = now + (uint64_t)conf()->drain_timeout_s * 1000;
		listen_stop();
		conn_drain();
		return; /* what conn_drain has just read is looked at in this turn */
	}
	if (!is_drained() && now < deadline)
		return;
	sig_recv = SIGTERM; /* Kore's loop ends with its next turn */
}

/* ── a worker ───────────────────────────────────────────────────────────────────────────────── */

static void on_log_flush(void *arg, uint64_t now)
{
	(void)arg;
	(void)now;
	log_flush();
}

static void on_tick(void *arg, uint64_t now)
{
	(void)arg;
	(void)now;
	if (getppid() != parent)
		stop_wanted = 1;
	request_worker_tick();
}

static void on_refresh(void *arg, uint64_t now)
{
	(void)arg;
	(void)now;
	keys_refresh();
	tls_refresh();
}

static enum log_level level_of(const char *name)
{
	if (strcmp(name, "debug") == 0)
		return LOG_LEVEL_DEBUG;
	return strcmp(name, "error") == 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO;
}

static void start_database(void)
{
	const struct conf *c = conf();
	struct db_settings settings = {
	    .url = c->database_url,
	    .connections = {[DB_FAST] = c->db_connections, [DB_SLOW] = c->db_slow_connections},
	    .queue = c->db_queue,
	    .statement_timeout_ms = c->db_statement_timeout_ms,
	};
	db_start(&settings);
}

void kore_worker_configure(void)
{
	log_init(level_of(conf()->log_level), worker->id);
	take_signals();
	start_database();
	request_worker_start();
	conn_start();
	(void)kore_timer_add(on_log_flush, LOG_FLUSH_MS, NULL, 0);
	(void)kore_timer_add(on_stop_look, STOP_LOOK_MS, NULL, 0);
	(void)kore_timer_add(on_tick, TICK_MS, NULL, 0);
	(void)kore_timer_add(on_refresh, REFRESH_MS, NULL, 0);
	on_refresh(NULL, 0); /* not the parent's keys: those are of its start */
	/* Without sockets a worker is of no use, and a new one would have none either. */
	if (listen_start(worker->id) != 0)
		kore_shutdown();
}

void kore_worker_teardown(void)
{
	db_stop();
	log_info("stopped");
	log_flush();
	/*
	 * What Kore would do next, without the rest of its way out: that unloads us while task threads
	 * may still run, and under the sanitizers the C library's destructors hang.
	 */
	kore_msg_send(KORE_MSG_PARENT, KORE_MSG_SHUTDOWN, NULL, 0);
	_exit(0);
}
