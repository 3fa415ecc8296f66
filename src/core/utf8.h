/* utf8: checks on text that came from outside (RFC 3629). */
#ifndef PARTYSTUDY_CORE_UTF8_H
#define PARTYSTUDY_CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* True when `len` bytes are well-formed UTF-8: no surrogates, nothing overlong, nothing over U+10FFFF. */
bool utf8_valid(const char *text, size_t len);

/* The length in bytes of the well-formed sequence at `text` (at most `len` bytes), 0 when it is bad. */
size_t utf8_sequence(const char *text, size_t len);

/* Code points in well-formed text. */
size_t utf8_length(const char *text, size_t len);

#endif
