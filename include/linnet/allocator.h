/* Where the library takes its memory from. */
#ifndef LINNET_ALLOCATOR_H
#define LINNET_ALLOCATOR_H

#include "linnet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Both functions may be called by several threads at once. */
typedef struct ln_allocator {
  size_t size; /* sizeof(ln_allocator), set by the caller */
  void *user;  /* handed to both functions */
  /* `bytes` > 0 at a multiple of `alignment`, a power of two; NULL when there are none (LN_ERR_MEMORY then). */
  void *(*allocate)(void *user, size_t bytes, size_t alignment);
  void (*release)(void *user, void *memory); /* never called with NULL */
} ln_allocator;

/*
 * Takes all memory of the process's copy of this library from `allocator` instead of libc: models, sessions, arenas and
 * packed weights, but not the pages of mapped files, thread stacks, or what the libraries behind linnet/io.h take.
 * The fields are copied. Before the first model is opened; LN_ERR_STATE once memory has been taken, because what was
 * taken must go back to where it came from.
 */
LN_API ln_status ln_set_allocator(const ln_allocator *allocator, ln_error *err);

#ifdef __cplusplus
}
#endif
#endif
