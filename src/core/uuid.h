/* uuid: identifiers as RFC 9562 writes them, always in lower case. */
#ifndef PARTYSTUDY_CORE_UUID_H
#define PARTYSTUDY_CORE_UUID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UUID_TEXT 37 /* 36 characters and a NUL */

/* A new UUIDv7 (RFC 9562 section 5.7): milliseconds since 1970 and 74 random bits. */
void uuid_v7(char out[UUID_TEXT]);

/* A UUIDv8 (section 5.8) made of the first 16 bytes of a hash: the same hash, the same id. */
void uuid_v8(char out[UUID_TEXT], const uint8_t hash[16]);

/* True when `text` is a UUID in its 36-character form, either case. */
bool uuid_valid(const char *text, size_t len);

#endif
