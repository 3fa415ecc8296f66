/*
 * listen: binds in the parent, accepts in the workers (listen.h).
 *
 * Three servers of the Kore configuration are served: "http", "https" and "ops". A port of 0 leaves
 * the first two out. The ops port is on the loopback address, whatever the settings say.
 */
#include "http/listen.h"

#include "core/conf.h"
#include "core/log.h"
#include "core/mem.h"

#include <kore/kore.h>

#include <sys/epoll.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OPS_RESERVE                                                                                \
	8 /* connections that only the ops port may take: health must be seen when full */

enum server { SERVER_HTTP, SERVER_HTTPS, SERVER_OPS, SERVER_COUNT };

struct place {
	const char *server;   /* in the Kore configuration */
	const char *callback; /* what Kore calls for a new connection */
	const char *setting;
	const char *address;
	int port;
};

static int *sockets; /* SERVER_COUNT for each worker; -1: none */
static int socket_count;

static struct {
	struct listener *listener; /* NULL: none */
	bool paused;
} listeners[SERVER_COUNT];

static struct place place_of(enum server which)
{
	const struct conf *c = conf();
	switch (which) {
	case SERVER_HTTP:
		return (struct place){"http", "conn_accept_http", "PARTYSTUDY_HTTP_PORT",
				      c->http_address, c->http_port};
	case SERVER_HTTPS:
		return (struct place){"https", "conn_accept_https", "PARTYSTUDY_HTTPS_PORT",
				      c->https_address, c->https_port};
	default:
		return (struct place){"ops", "conn_accept_ops", "PARTYSTUDY_OPS_PORT", "127.0.0.1",
				      c->ops_port};
	}
}

/* ── in the parent ──────────────────────────────────────────────────────────────────────────── */

/* A bound socket, or -1 with errno. Without `share` it fails when anyone else listens there. */
static int socket_bind(const struct place *place, bool share)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_port = htons((uint16_t)place->port)};
	int on = 1;
	if (inet_pton(AF_INET, place->address, &address.sin_addr) != 1) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    (!share || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0) &&
	    bind(fd, (struct sockaddr *)&address, sizeof address) == 0)
		return fd;
	int why = errno;
	(void)close(fd);
	errno = why;
	return -1;
}

/*
 * SO_REUSEPORT lets a second server of the same user bind the same port and take half of the
 * connections: the probe without it finds that out.
 */
static int place_bind(const struct place *place, enum server which, int workers)
{
	int probe = socket_bind(place, false);
	if (probe == -1)
		return -1;
	(void)close(probe);
	for (int w = 0; w < workers; w++) {
		int fd = socket_bind(place, true);
		if (fd == -1)
			return -1;
		sockets[w * SERVER_COUNT + (int)which] = fd;
		if (listen(fd, (int)kore_socket_backlog) == -1)
			return -1;
	}
	return 0;
}

int listen_prepare(int workers, char *error, size_t size)
{
	socket_count = workers * SERVER_COUNT;
	sockets = mem_alloc((size_t)socket_count * sizeof *sockets);
	if (sockets == NULL) {
		(void)snprintf(error, size, "no memory for the listening sockets");
		return -1;
	}
	memset(sockets, 0xff, (size_t)socket_count * sizeof *sockets); /* all -1 */
	for (int which = 0; which < SERVER_COUNT; which++) {
		struct place place = place_of((enum server)which);
		if (place.port == 0)
			continue;
		if (kore_server_lookup(place.server) == NULL) {
			(void)snprintf(error, size, "the Kore configuration has no server \"%s\"",
				       place.server);
			return -1;
		}
		if (place_bind(&place, (enum server)which, workers) != 0) {
			(void)snprintf(error, size, "cannot listen on %s:%d (%s): %s",
				       place.address, place.port, place.setting, strerror(errno));
			return -1;
		}
	}
	return 0;
}

/* ── in a worker ────────────────────────────────────────────────────────────────────────────── */

static uint32_t ops_reserve(void)
{
	uint32_t quarter = worker_max_connections / 4;
	return quarter < OPS_RESERVE ? quarter : OPS_RESERVE;
}

static int listener_start(enum server which, int fd)
{
	struct place place = place_of(which);
	struct kore_runtime_call *connect = kore_runtime_getcall(place.callback);
	if (connect == NULL) {
		log_error("Kore does not find %s in the module", place.callback);
		return -1;
	}
	struct listener *l = kore_listener_create(kore_server_lookup(place.server));
	l->fd = fd;
	l->family = AF_INET;
	l->connect = connect;
	listeners[which].listener = l;
	return 0;
}

int listen_start(int worker_id)
{
	int first = (worker_id - 1) * SERVER_COUNT;
	if (first < 0 || first + SERVER_COUNT > socket_count) {
		log_error("there are no listening sockets for worker %d", worker_id);
		return -1;
	}
	for (int i = 0; i < socket_count; i++) {
		if (sockets[i] == -1)
			continue;
		if (i < first || i >= first + SERVER_COUNT)
			(void)close(sockets[i]);
		else if (listener_start((enum server)(i - first), sockets[i]) != 0)
			return -1;
	}
	/* Kore accepts as many in a go, full or not: two listeners must not eat up the reserve. */
	worker_accept_threshold = ops_reserve() > 4 ? ops_reserve() / 4 : 1;
	return 0;
}

static bool has_room(enum server which)
{
	uint32_t reserve = which == SERVER_OPS ? 1 : ops_reserve();
	return worker_active_connections + reserve < worker_max_connections;
}

/*
 * Kore leaves the sockets of a full worker in epoll, level-triggered, and would turn round and
 * round without accepting.
 */
void listen_balance(void)
{
	for (int i = 0; i < SERVER_COUNT; i++) {
		struct listener *l = listeners[i].listener;
		bool room = has_room((enum server)i);
		if (l == NULL || room != listeners[i].paused)
			continue;
		if (room)
			kore_platform_event_schedule(l->fd, EPOLLIN, 0, l);
		else
			kore_platform_disable_read(l->fd);
		listeners[i].paused = !room;
	}
}

void listen_stop(void)
{
	for (int i = 0; i < SERVER_COUNT; i++) {
		struct listener *l = listeners[i].listener;
		if (l == NULL)
			continue;
		l->evt.flags |= KORE_EVENT_READ;
		kore_listener_accept(l, 0);
		/* The parent holds the socket too: closing ours alone would leave it listening. */
		(void)shutdown(l->fd, SHUT_RDWR);
		if (!listeners[i].paused)
			kore_platform_disable_read(l->fd);
		kore_listener_free(l);
		listeners[i].listener = NULL;
	}
}
