/*
 * throttle: the brake on guessing passwords, in memory that all workers share.
 *
 * Entry points: throttle_init (parent), throttle_wait, throttle_failed, throttle_passed. Two
 * tables, one for accounts and one for addresses, each SETS sets of WAYS slots; a slot is one
 * 64-bit atomic {tag, count, time}, so that a killed worker can leave nothing locked or half
 * written. Set and tag come from a keyed hash, so nobody can aim at another's slot. A full set
 * gives up the slot with the fewest failures: flooding with new names cannot push out an account
 * under attack. It forgets everything at a restart, and it counts on one machine only.
 */
#include "auth/auth_priv.h"
#include "core/clock.h"
#include "core/conf.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include <sodium.h>

#define SETS           4096 /* a power of two */
#define WAYS           4
#define ADDRESS_FACTOR 10 /* an office shares one address */
#define WAIT_MAX_S     900
#define WAIT_DOUBLINGS 10 /* 1 s doubled ten times passes WAIT_MAX_S */
#define FORGET_S       60 /* one failure is forgotten in this time once the wait is over */
#define SWAP_TRIES     16 /* lost races before a failure goes uncounted */

#define COUNT_BITS 12
#define TIME_BITS  32
#define COUNT_MAX  ((1 << COUNT_BITS) - 1)

typedef _Atomic uint64_t slot;

struct table {
	slot slots[SETS][WAYS];
};

struct shared {
	struct table accounts;
	struct table addresses;
};

/* A slot unpacked. `count` 0: free. */
struct record {
	uint32_t tag; /* 20 bits */
	uint32_t count;
	uint32_t time; /* of the last failure */
};

struct place {
	slot *set;
	uint32_t tag;
	int free_attempts;
};

static struct shared *shared;
static uint8_t hash_key[crypto_shorthash_KEYBYTES];

static int64_t monotonic_seconds(void)
{
	return (int64_t)(clock_monotonic_ms() / 1000);
}

int64_t (*throttle_now)(void) = monotonic_seconds;

int throttle_init(void)
{
	if (sodium_init() == -1)
		return -1;
	void *memory = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -1;
	if (shared != NULL)
		munmap(shared, sizeof(struct shared));
	shared = memory;
	crypto_shorthash_keygen(hash_key);
	return 0;
}

static uint64_t pack(struct record r)
{
	return (uint64_t)r.tag << (COUNT_BITS + TIME_BITS) | (uint64_t)r.count << TIME_BITS |
	       r.time;
}

static struct record unpack(uint64_t word)
{
	return (struct record){.tag = (uint32_t)(word >> (COUNT_BITS + TIME_BITS)),
			       .count = (uint32_t)(word >> TIME_BITS) & COUNT_MAX,
			       .time = (uint32_t)word};
}

static struct place place_of(struct table *table, const void *name, size_t len, int free_attempts)
{
	uint8_t bytes[crypto_shorthash_BYTES];
	uint64_t hash;

	crypto_shorthash(bytes, name, len, hash_key);
	memcpy(&hash, bytes, sizeof(hash));
	int most = COUNT_MAX - WAIT_DOUBLINGS - 1;
	return (struct place){.set = table->slots[hash % SETS],
			      .tag = (uint32_t)(hash >> (COUNT_BITS + TIME_BITS)),
			      .free_attempts = free_attempts < most ? free_attempts : most};
}

static struct place place_of_account(const char *account)
{
	return place_of(&shared->accounts, account, strlen(account), conf()->login_attempts);
}

/* An IPv6 customer holds a whole /64: counting single addresses would count nothing. */
static struct place place_of_address(const char *address)
{
	int most = conf()->login_attempts * ADDRESS_FACTOR;
	struct in6_addr v6;

	if (strchr(address, ':') != NULL && inet_pton(AF_INET6, address, &v6) == 1 &&
	    !IN6_IS_ADDR_V4MAPPED(&v6))
		return place_of(&shared->addresses, &v6, 8, most);
	return place_of(&shared->addresses, address, strlen(address), most);
}

/* Seconds to wait after the last of `count` failures. */
static int penalty(uint32_t count, int free_attempts)
{
	int beyond = (int)count - free_attempts;
	if (beyond <= 0)
		return 0;
	int wait = beyond > WAIT_DOUBLINGS ? WAIT_MAX_S : 1 << (beyond - 1);
	return wait < WAIT_MAX_S ? wait : WAIT_MAX_S;
}

static int64_t elapsed_since(const struct record *r)
{
	int64_t elapsed = throttle_now() - (int64_t)r->time;
	return elapsed > 0 ? elapsed : 0;
}

/* What is left of the count now. */
static uint32_t faded(const struct record *r, int free_attempts)
{
	int64_t calm = elapsed_since(r) - penalty(r->count, free_attempts);
	int64_t forgotten = calm > 0 ? calm / FORGET_S : 0;
	return forgotten < (int64_t)r->count ? r->count - (uint32_t)forgotten : 0;
}

static int wait_at(struct place place)
{
	int64_t longest = 0;
	for (size_t i = 0; i < WAYS; i++) {
		struct record r = unpack(atomic_load(&place.set[i]));
		if (r.count == 0 || r.tag != place.tag)
			continue;
		int64_t left = penalty(r.count, place.free_attempts) - elapsed_since(&r);
		if (left > longest)
			longest = left;
	}
	return (int)longest;
}

/* The slot of this tag, or the one to give up for it, and what it holds. */
static slot *choose(struct place place, uint64_t *held)
{
	slot *best = NULL;
	uint32_t fewest = UINT32_MAX;

	for (size_t i = 0; i < WAYS; i++) {
		uint64_t word = atomic_load(&place.set[i]);
		struct record r = unpack(word);
		if (r.count > 0 && r.tag == place.tag) {
			*held = word;
			return &place.set[i];
		}
		uint32_t left = faded(&r, place.free_attempts);
		if (best == NULL || left < fewest) {
			best = &place.set[i];
			fewest = left;
			*held = word;
		}
	}
	return best;
}

static void count_failure(struct place place)
{
	/* Beyond this the wait is the longest already; a higher count would only fade later. */
	uint32_t most = (uint32_t)(place.free_attempts + WAIT_DOUBLINGS + 1);

	for (int i = 0; i < SWAP_TRIES; i++) {
		uint64_t held = 0;
		slot *at = choose(place, &held);
		struct record r = unpack(held);
		uint32_t count =
		    r.count > 0 && r.tag == place.tag ? faded(&r, place.free_attempts) : 0;
		struct record next = {.tag = place.tag,
				      .count = count < most ? count + 1 : most,
				      .time = (uint32_t)throttle_now()};
		if (atomic_compare_exchange_strong(at, &held, pack(next)))
			return;
	}
}

/* Takes `most` failures back. A lost race leaves the newer count, which is right. */
static void count_down(struct place place, uint32_t most)
{
	for (size_t i = 0; i < WAYS; i++) {
		uint64_t held = atomic_load(&place.set[i]);
		struct record r = unpack(held);
		if (r.count == 0 || r.tag != place.tag)
			continue;
		r.count -= r.count < most ? r.count : most;
		(void)atomic_compare_exchange_strong(&place.set[i], &held, pack(r));
	}
}

int throttle_wait(const char *account, const char *address)
{
	if (shared == NULL)
		return 0;
	int one = wait_at(place_of_account(account));
	int other = wait_at(place_of_address(address));
	return one > other ? one : other;
}

void throttle_failed(const char *account, const char *address)
{
	if (shared == NULL)
		return;
	count_failure(place_of_account(account));
	count_failure(place_of_address(address));
}

void throttle_passed(const char *account, const char *address)
{
	if (shared == NULL)
		return;
	count_down(place_of_account(account), COUNT_MAX);
	/*
	 * Only what this attempt had added before it passed: whoever owns one account could
	 * otherwise guess at others for ever.
	 */
	count_down(place_of_address(address), 1);
}
