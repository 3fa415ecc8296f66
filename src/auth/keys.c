/*
 * keys: the set of signing and verifying keys in force in this process.
 *
 * Entry points: keys_load (parent, strict), keys_refresh (timer, lenient), keys_jwks; inside auth/
 * keys_find, keys_signing, keys_generation, keys_cursor_key. Invariants: after keys_load there is
 * always a key that signs; a set is built aside and then put in the place of the old one as a
 * whole. A file that turns bad keeps the key it held before, so that no half-written file signs
 * anyone out; only removing the file removes the key. Parsing is in key_file.c.
 */
#include "auth/auth_priv.h"
#include "core/clock.h"
#include "core/jsonw.h"
#include "core/log.h"
#include "core/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

/* Another label, another key: what a cursor's MAC shows says nothing about signatures. */
#define CURSOR_LABEL "partystudy cursor v1"

struct key_set {
	struct key keys[KEYS_MAX]; /* sorted by id */
	size_t count;
	uint8_t cursor_key[crypto_auth_hmacsha256_BYTES];
	struct key_mark marks[KEYS_MAX];
	int marked;
	struct buf jwks;
};

int64_t (*keys_now)(void) = clock_unix;

static struct key_set *current;
static uint64_t generation = 1;
static char directory[PATH_MAX];

static void set_free(struct key_set *set)
{
	if (set == NULL)
		return;
	buf_free(&set->jwks);
	mem_wipe_free(set, sizeof(*set));
}

static const struct key *set_find(const struct key_set *set, const char *id, size_t len)
{
	for (size_t i = 0; set != NULL && i < set->count; i++) {
		if (strlen(set->keys[i].id) == len && memcmp(set->keys[i].id, id, len) == 0)
			return &set->keys[i];
	}
	return NULL;
}

static bool same_public(const struct key *a, const struct key *b)
{
	return memcmp(a->x, b->x, sizeof(a->x)) == 0 && memcmp(a->y, b->y, sizeof(a->y)) == 0;
}

static void jwk_coordinate(struct jsonw *w, const char *name, const uint8_t bytes[KEY_COORDINATE])
{
	char text[AUTH_SECRET_TEXT];
	sodium_bin2base64(text, sizeof(text), bytes, KEY_COORDINATE,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	jsonw_key(w, name);
	jsonw_text(w, text);
}

static void jwk_write(struct jsonw *w, const struct key *key)
{
	static const char *const fixed[][2] = {
	    {"kty", "EC"}, {"crv", "P-256"}, {"use", "sig"}, {"alg", "ES256"}};

	jsonw_object_open(w);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		jsonw_key(w, fixed[i][0]);
		jsonw_text(w, fixed[i][1]);
	}
	jsonw_key(w, "kid");
	jsonw_text(w, key->id);
	jwk_coordinate(w, "x", key->x);
	jwk_coordinate(w, "y", key->y);
	jsonw_object_close(w);
}

static bool set_write_jwks(struct key_set *set)
{
	struct jsonw w;

	buf_init(&set->jwks, 0);
	jsonw_init(&w, &set->jwks);
	jsonw_object_open(&w);
	jsonw_key(&w, "keys");
	jsonw_array_open(&w);
	for (size_t i = 0; i < set->count; i++)
		jwk_write(&w, &set->keys[i]);
	jsonw_array_close(&w);
	jsonw_object_close(&w);
	return !set->jwks.failed;
}

static void derive_cursor_key(struct key_set *set, const struct key *oldest)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, oldest->scalar, sizeof(oldest->scalar));
	crypto_auth_hmacsha256_update(&state, (const uint8_t *)CURSOR_LABEL, strlen(CURSOR_LABEL));
	crypto_auth_hmacsha256_final(&state, set->cursor_key);
	sodium_memzero(&state, sizeof(state));
}

/* NULL, or why the set cannot be used. */
static const char *set_complete(struct key_set *set)
{
	const struct key *oldest = NULL;
	for (size_t i = 0; i < set->count; i++) {
		if (!set->keys[i].has_private)
			continue;
		oldest = &set->keys[i];
		break;
	}
	if (oldest == NULL)
		return "no private P-256 key (<kid>.pem) there";
	derive_cursor_key(set, oldest);
	return set_write_jwks(set) ? NULL : "out of memory";
}

/* Reads the marked files. At start (`error` given) a bad one ends it; later it is passed over. */
static bool set_read(struct key_set *set, int dir_fd, char *error, size_t size)
{
	for (int i = 0; i < set->marked; i++) {
		struct key *key = &set->keys[set->count];
		const char *id = set->marks[i].id;
		const char *wrong = key_read(key, dir_fd, id);
		if (wrong != NULL && error != NULL) {
			snprintf(error, size, "%s/%s.pem: %s", directory, id, wrong);
			return false;
		}
		const struct key *before = set_find(current, id, strlen(id));
		if (wrong != NULL)
			log_error("key file %s.pem: %s; %s", id, wrong,
				  before != NULL ? "the key it held stays" : "passed over");
		if (wrong != NULL && before != NULL)
			*key = *before;
		if (wrong == NULL)
			key->since = set->marks[i].ctime_ns / 1000000000;
		if (wrong == NULL || before != NULL)
			set->count++;
	}
	/* What the last bad file left behind. */
	if (set->count < KEYS_MAX)
		sodium_memzero(&set->keys[set->count], sizeof(set->keys[0]));
	return true;
}

static bool any_key_gone(const struct key_set *before, const struct key_set *after)
{
	for (size_t i = 0; before != NULL && i < before->count; i++) {
		const struct key *old = &before->keys[i];
		const struct key *now = set_find(after, old->id, strlen(old->id));
		if (now == NULL || !same_public(old, now))
			return true;
	}
	return false;
}

static void set_install(struct key_set *set)
{
	struct key_set *before = current;
	if (any_key_gone(before, set))
		generation++;
	current = set;
	set_free(before);
}

static int load_from(int dir_fd, char *error, size_t size)
{
	int bad_name = 0;
	struct key_set *set = mem_alloc(sizeof(*set));

	if (set == NULL) {
		snprintf(error, size, "out of memory");
		return -1;
	}
	set->marked = key_list(dir_fd, set->marks, &bad_name);
	if (set->marked == -1 || bad_name > 0) {
		snprintf(error, size, "%s: %s", directory,
			 bad_name > 0 ? "a .pem file whose name can be no key id"
				      : "unreadable, or too many keys");
	} else if (set_read(set, dir_fd, error, size)) {
		const char *wrong = set_complete(set);
		if (wrong == NULL) {
			set_install(set);
			return 0;
		}
		snprintf(error, size, "%s: %s", directory, wrong);
	}
	set_free(set);
	return -1;
}

int keys_load(const char *dir, char *error, size_t size)
{
	if (sodium_init() == -1) {
		snprintf(error, size, "libsodium cannot start");
		return -1;
	}
	/*
	 * As it was given: an absolute path may lead through directories that the user of the
	 * workers cannot enter, while they stand where the parent does (conf/kore.conf.in).
	 */
	int len = snprintf(directory, sizeof(directory), "%s", dir);
	if (len < 0 || (size_t)len >= sizeof(directory)) {
		snprintf(error, size, "%s: %s", dir, strerror(ENAMETOOLONG));
		return -1;
	}
	int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd == -1) {
		snprintf(error, size, "%s: %s", directory, strerror(errno));
		return -1;
	}
	int ret = load_from(dir_fd, error, size);
	close(dir_fd);
	return ret;
}

/*
 * A set that cannot be used leaves the present one in force, but takes over its marks, so that the
 * complaint comes once per change and not with every look.
 */
static void refresh_marked(struct key_set *set, int dir_fd)
{
	(void)set_read(set, dir_fd, NULL, 0);
	const char *wrong = set_complete(set);
	if (wrong == NULL) {
		set_install(set);
		log_info("keys read again: %zu, signing with %s", set->count, keys_signing()->id);
		return;
	}
	log_error("key directory: %s; the present keys stay", wrong);
	memcpy(current->marks, set->marks, sizeof(set->marks));
	current->marked = set->marked;
	set_free(set);
}

/* Said when it begins and when it ends, not with every look. */
static void note_unreadable(bool unreadable)
{
	static bool noted;
	if (unreadable && !noted)
		log_error("key directory %s: %s; the present keys stay", directory,
			  strerror(errno));
	noted = unreadable;
}

static bool marks_changed(const struct key_set *set)
{
	return set->marked != current->marked ||
	       memcmp(set->marks, current->marks, sizeof(set->marks)) != 0;
}

void keys_refresh(void)
{
	int bad_name = 0;

	if (current == NULL)
		return;
	int dir_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	note_unreadable(dir_fd == -1);
	struct key_set *set = dir_fd == -1 ? NULL : mem_alloc(sizeof(*set));
	if (set != NULL) {
		set->marked = key_list(dir_fd, set->marks, &bad_name);
		if (set->marked >= 0 && marks_changed(set))
			refresh_marked(set, dir_fd);
		else
			set_free(set);
	}
	if (dir_fd != -1)
		close(dir_fd);
}

const char *keys_jwks(size_t *len)
{
	static const char none[] = "{\"keys\":[]}";

	*len = current != NULL ? current->jwks.len : sizeof(none) - 1;
	return current != NULL ? current->jwks.data : none;
}

const struct key *keys_find(const char *id, size_t len)
{
	return set_find(current, id, len);
}

const struct key *keys_signing(void)
{
	const struct key *first = NULL;
	for (size_t i = current != NULL ? current->count : 0; i > 0; i--) {
		const struct key *key = &current->keys[i - 1];
		if (!key->has_private)
			continue;
		if (keys_now() - key->since >= KEY_SETTLE_S)
			return key;
		if (first == NULL || key->since < first->since)
			first = key;
	}
	return first; /* all are new, as on the first day: the one that has been there longest */
}

uint64_t keys_generation(void)
{
	return generation;
}

const uint8_t *keys_cursor_key(void)
{
	return current != NULL ? current->cursor_key : NULL;
}
