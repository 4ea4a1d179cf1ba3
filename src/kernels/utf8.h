/* UTF-8 as Unicode defines it (chapter 3.9): what is ill-formed is told, and ends where a valid sequence could not go
 * on. */
#ifndef LN_KERNELS_UTF8_H
#define LN_KERNELS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes, not NUL-terminated. */
typedef struct ln_span {
  const char *data;
  size_t size;
} ln_span;

/* The code point at *at, which moves behind it; -1 for an ill-formed sequence, whose longest valid beginning (at least
 * one byte) is passed. *at must be less than the size. */
int32_t ln_utf8_next(ln_span text, size_t *at);
/* Bytes written (1 to 4); surrogates and numbers beyond U+10FFFF are written as U+FFFD. */
size_t ln_utf8_put(uint32_t code_point, char out[4]);
bool ln_utf8_valid(ln_span text);
/* Where the next character begins, by its first byte alone and never beyond the end. */
size_t ln_utf8_skip(ln_span text, size_t at);

#endif
