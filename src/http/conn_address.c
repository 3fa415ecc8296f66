/*
 * conn_address: who the client is, as an address. X-Forwarded-For is read only when the peer is the
 * proxy named in the settings, and only from its right end, which is the part that proxy has
 * written: everything to the left of it is what the client says of itself.
 */
#include "http/conn.h"

#include "core/conf.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

void conn_peer(const struct connection *c, char *out, size_t size)
{
	if (inet_ntop(AF_INET, &c->addr.ipv4.sin_addr, out, (socklen_t)size) == NULL)
		(void)snprintf(out, size, "-");
}

/* Writes an address in its canonical form; false when `text` is none. */
static bool canonical(const char *text, char *out, size_t size)
{
	struct in6_addr address;
	if (inet_pton(AF_INET, text, &address) == 1)
		return inet_ntop(AF_INET, &address, out, (socklen_t)size) != NULL;
	if (inet_pton(AF_INET6, text, &address) == 1)
		return inet_ntop(AF_INET6, &address, out, (socklen_t)size) != NULL;
	return false;
}

/* The last element of the list that ends at `*len`, cut off it; false at its beginning. */
static bool last_element(const char *list, size_t *len, char element[64])
{
	if (*len == 0)
		return false;
	size_t start = *len;
	while (start > 0 && list[start - 1] != ',')
		start--;
	size_t from = start, to = *len;
	*len = start > 0 ? start - 1 : 0;
	while (from < to && list[from] == ' ')
		from++;
	while (to > from && list[to - 1] == ' ')
		to--;
	if (to - from >= 64)
		return false;
	memcpy(element, list + from, to - from);
	element[to - from] = '\0';
	return true;
}

void conn_address(const struct http_request *req, char *out, size_t size)
{
	const char *trusted = conf()->trusted_proxy;
	const char *list;
	char element[64], found[INET6_ADDRSTRLEN];

	if (req->owner == NULL) {
		(void)snprintf(out, size, "-");
		return;
	}
	conn_peer(req->owner, out, size);
	/* Kore's look-up does not change the request. */
	if (trusted[0] == '\0' || strcmp(out, trusted) != 0 ||
	    !http_request_header((struct http_request *)(uintptr_t)req, "x-forwarded-for", &list))
		return;
	size_t len = strlen(list);
	while (strcmp(out, trusted) == 0 && last_element(list, &len, element)) {
		if (!canonical(element, found, sizeof found))
			return;
		(void)snprintf(out, size, "%s", found);
	}
}
