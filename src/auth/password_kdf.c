/*
 * password_kdf: Argon2id itself, in the calling thread. No Kore, so that the command line has it.
 *
 * Entry points: password_hash_blocking, and for password.c password_kdf_hash, _verify and _dummy.
 * Everything here may run in several threads at once. It takes as long as the settings say: never
 * call it on the event loop.
 */
#include "auth/auth_priv.h"
#include "core/conf.h"

#include <stdio.h>
#include <string.h>

#include <sodium.h>

#define SALT_BYTES 16 /* as libsodium's own strings have them */
#define TAG_BYTES  32

_Static_assert(AUTH_HASH_TEXT == crypto_pwhash_argon2id_STRBYTES, "libsodium's string must fit");

bool password_kdf_hash(char out[AUTH_HASH_TEXT], const char *password, size_t len)
{
	return crypto_pwhash_argon2id_str(out, password, len,
					  (unsigned long long)conf()->hash_passes,
					  (size_t)conf()->hash_memory_kib * 1024) == 0;
}

bool password_kdf_verify(const char *hash, const char *password, size_t len)
{
	return crypto_pwhash_argon2id_str_verify(hash, password, len) == 0;
}

/*
 * Needs no computing: the string says how much work to do, and a random tag fits no password. Its
 * parameters are the present settings, so an unknown user costs what a known one does.
 */
void password_kdf_dummy(char out[AUTH_HASH_TEXT])
{
	const int plain = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
	uint8_t bytes[SALT_BYTES + TAG_BYTES];
	char salt[sodium_base64_ENCODED_LEN(SALT_BYTES, sodium_base64_VARIANT_ORIGINAL_NO_PADDING)];
	char tag[sodium_base64_ENCODED_LEN(TAG_BYTES, sodium_base64_VARIANT_ORIGINAL_NO_PADDING)];

	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2base64(salt, sizeof(salt), bytes, SALT_BYTES, plain);
	sodium_bin2base64(tag, sizeof(tag), bytes + SALT_BYTES, TAG_BYTES, plain);
	snprintf(out, AUTH_HASH_TEXT, "$argon2id$v=19$m=%d,t=%d,p=1$%s$%s", conf()->hash_memory_kib,
		 conf()->hash_passes, salt, tag);
}

bool password_hash_blocking(const char *password, char out[AUTH_HASH_TEXT])
{
	size_t len = strlen(password);

	return sodium_init() != -1 && len <= PASSWORD_BYTES &&
	       password_kdf_hash(out, password, len);
}
