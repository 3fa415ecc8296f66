/*
 * metrics: see metrics.h. To add one: a member of struct slot, a place where it is counted, a line
 * in metrics_write.
 */
#include "http/metrics.h"

#include "core/log.h"
#include "db/db.h"

#include <kore/kore.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <unistd.h>

#define SLOTS 64 /* workers are fewer */

/* Upper bounds in microseconds of the latency histogram. */
static const uint64_t bounds[] = {500,   1000,   2500,   5000,    10000,  25000,
				  50000, 100000, 250000, 1000000, 5000000};
#define BOUNDS (sizeof(bounds) / sizeof(bounds[0]))

struct slot {
	_Atomic uint64_t by_class[6]; /* replies 1xx … 5xx; [0] unused */
	_Atomic uint64_t latency[BOUNDS + 1];
	_Atomic uint64_t latency_us;
	_Atomic uint64_t clients_gone;
	_Atomic uint64_t log_dropped;
	_Atomic uint64_t db_calls, db_errors, db_refused, db_timeouts, db_reconnects;
	_Atomic int64_t requests_pending, connections, db_ready, db_wanted, db_waiting,
	    db_in_flight;
	_Atomic int64_t pid;
};

static struct slot *slots;

static struct slot *mine(void)
{
	return &slots[worker->id % SLOTS];
}

int metrics_init(void)
{
	slots = mmap(NULL, sizeof(*slots) * SLOTS, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return slots == MAP_FAILED ? -1 : 0;
}

void metrics_worker_start(void)
{
	mine()->pid = getpid();
}

void metrics_worker_tick(int requests_pending)
{
	struct slot *slot = mine();
	struct db_stats db;

	db_stats(&db);
	slot->requests_pending = requests_pending;
	slot->connections = worker_active_connections;
	slot->log_dropped = log_dropped();
	slot->db_calls = db.calls;
	slot->db_errors = db.errors;
	slot->db_refused = db.refused;
	slot->db_timeouts = db.timeouts;
	slot->db_reconnects = db.reconnects;
	slot->db_ready = db.connections_ready;
	slot->db_wanted = db.connections_wanted;
	slot->db_waiting = db.waiting;
	slot->db_in_flight = db.in_flight;
}

void metrics_request(int status, uint64_t us)
{
	struct slot *slot = mine();
	size_t i = 0;

	if (status >= 100 && status < 600)
		atomic_fetch_add_explicit(&slot->by_class[status / 100], 1, memory_order_relaxed);
	while (i < BOUNDS && us > bounds[i])
		i++;
	atomic_fetch_add_explicit(&slot->latency[i], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&slot->latency_us, us, memory_order_relaxed);
}

void metrics_client_gone(void)
{
	atomic_fetch_add_explicit(&mine()->clients_gone, 1, memory_order_relaxed);
}

static void describe(struct buf *out, const char *name, const char *kind, const char *help)
{
	buf_printf(out, "# HELP partystudy_%s %s\n# TYPE partystudy_%s %s\n", name, help, name,
		   kind);
}

#define EACH_WORKER(at)                                                                            \
	for (struct slot *at = slots; at < slots + SLOTS; at++)                                    \
		if (at->pid != 0)

#define COUNTER(out, member, name, help)                                                           \
	do {                                                                                       \
		uint64_t sum = 0;                                                                  \
		EACH_WORKER(s) sum += s->member;                                                   \
		describe(out, name, "counter", help);                                              \
		buf_printf(out, "partystudy_%s %" PRIu64 "\n", name, sum);                         \
	} while (0)

#define GAUGE(out, member, name, help)                                                             \
	do {                                                                                       \
		describe(out, name, "gauge", help);                                                \
		EACH_WORKER(s)                                                                     \
		buf_printf(out, "partystudy_%s{worker=\"%d\"} %" PRId64 "\n", name,                \
			   (int)(s - slots), (int64_t)s->member);                                  \
	} while (0)

static void write_requests(struct buf *out)
{
	describe(out, "requests_total", "counter", "Replies sent, by class of status.");
	for (int class = 2; class < 6; class ++) {
		uint64_t sum = 0;

		EACH_WORKER(s) sum += s->by_class[class];
		buf_printf(out, "partystudy_requests_total{class=\"%dxx\"} %" PRIu64 "\n", class,
			   sum);
	}
	describe(out, "requests_by_worker_total", "counter", "Replies sent, by worker.");
	EACH_WORKER(s)
	{
		uint64_t sum = 0;

		for (int class = 1; class < 6; class ++)
			sum += s->by_class[class];
		buf_printf(out, "partystudy_requests_by_worker_total{worker=\"%d\"} %" PRIu64 "\n",
			   (int)(s - slots), sum);
	}
}

static void write_latency(struct buf *out)
{
	uint64_t seen = 0, total_us = 0;

	describe(out, "request_seconds", "histogram", "Time from the request's head to its reply.");
	for (size_t i = 0; i <= BOUNDS; i++) {
		EACH_WORKER(s) seen += s->latency[i];
		if (i < BOUNDS)
			buf_printf(out,
				   "partystudy_request_seconds_bucket{le=\"%g\"} %" PRIu64 "\n",
				   (double)bounds[i] / 1e6, seen);
	}
	EACH_WORKER(s) total_us += s->latency_us;
	buf_printf(out, "partystudy_request_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n", seen);
	buf_printf(out, "partystudy_request_seconds_sum %g\n", (double)total_us / 1e6);
	buf_printf(out, "partystudy_request_seconds_count %" PRIu64 "\n", seen);
}

void metrics_write(struct buf *out)
{
	write_requests(out);
	write_latency(out);
	COUNTER(out, clients_gone, "clients_gone_total", "Clients that left before their reply.");
	COUNTER(out, log_dropped, "log_lines_dropped_total",
		"Log lines that could not be written.");
	COUNTER(out, db_calls, "db_calls_total", "Units of work sent to PostgreSQL.");
	COUNTER(out, db_errors, "db_errors_total", "Units of work that failed.");
	COUNTER(out, db_refused, "db_refused_total", "Units of work refused: the queue was full.");
	COUNTER(out, db_timeouts, "db_timeouts_total", "Units of work that missed their deadline.");
	COUNTER(out, db_reconnects, "db_reconnects_total", "Connections to PostgreSQL made again.");
	GAUGE(out, requests_pending, "requests_pending", "Requests not answered yet.");
	GAUGE(out, connections, "connections", "Open connections of clients.");
	GAUGE(out, db_ready, "db_connections_ready", "Connections to PostgreSQL that are ready.");
	GAUGE(out, db_wanted, "db_connections_wanted", "Connections to PostgreSQL that should be.");
	GAUGE(out, db_waiting, "db_calls_waiting", "Units of work not sent yet.");
	GAUGE(out, db_in_flight, "db_calls_in_flight", "Units of work sent and not answered.");
}
