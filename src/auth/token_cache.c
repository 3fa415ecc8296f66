/*
 * token_cache: the access tokens that this process has verified, so that a request costs one
 * SHA-256 instead of a signature check.
 *
 * Entry points: token_cache_get, _put, _clear, _hits. A fixed table: SETS sets of WAYS entries, the
 * set chosen by the digest's first bytes, the digest compared as a whole. An entry counts only
 * under the key generation that it was made in, so a key that goes takes its tokens with it at
 * once. Expiry is for the caller to judge. Only tokens with a good signature are put in, so nobody
 * outside can fill it.
 */
#include "auth/auth_priv.h"

#include <string.h>

#include <sodium.h>

#define SETS 1024 /* a power of two */
#define WAYS 4

struct entry {
	uint64_t generation; /* 0: unused */
	uint8_t digest[32];
	struct token_claims claims;
};

static struct entry table[SETS][WAYS];
static uint64_t hits;

static struct entry *set_of(const uint8_t digest[32])
{
	return table[((unsigned)digest[0] << 8 | digest[1]) % SETS];
}

static bool holds(const struct entry *entry, const uint8_t digest[32])
{
	return entry->generation == keys_generation() &&
	       sodium_memcmp(entry->digest, digest, sizeof(entry->digest)) == 0;
}

bool token_cache_get(const uint8_t digest[32], struct token_claims *out)
{
	const struct entry *set = set_of(digest);

	for (size_t i = 0; i < WAYS; i++) {
		if (holds(&set[i], digest)) {
			*out = set[i].claims;
			hits++;
			return true;
		}
	}
	return false;
}

/* The place to lose: a void one, or the one that would expire first anyway. */
static struct entry *victim(struct entry *set)
{
	struct entry *worst = &set[0];
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].generation != keys_generation())
			return &set[i];
		if (set[i].claims.expires_at < worst->claims.expires_at)
			worst = &set[i];
	}
	return worst;
}

void token_cache_put(const uint8_t digest[32], const struct token_claims *claims)
{
	struct entry *entry = victim(set_of(digest));

	entry->generation = keys_generation();
	memcpy(entry->digest, digest, sizeof(entry->digest));
	entry->claims = *claims;
}

void token_cache_clear(void)
{
	memset(table, 0, sizeof(table));
}

uint64_t token_cache_hits(void)
{
	return hits;
}
