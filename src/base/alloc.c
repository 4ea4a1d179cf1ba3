/* The one place that takes memory, from the system or the caller's allocator, so that tests can make any allocation
 * fail. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base.h"

/* The first touch of a page costs about the same in any size: a huge one that is half used is worth its room. */
enum { LARGE = 1 << 28, HUGE_PAGE = 1 << 21, HUGE_LEAST = 1 << 20, POPULATE_LEAST = 1 << 15 };

/* Settled by the first allocation or by ln_alloc_use, whichever comes first, and never changed after. */
enum { SOURCE_OPEN, SOURCE_SETTLING, SOURCE_LIBC, SOURCE_CUSTOM };
static _Atomic int source;
static ln_allocator custom; /* of SOURCE_CUSTOM; written before `source` says so */

static long fail_countdown; /* tests only: no thread allocates while it is set */

void ln_alloc_fail_after(long n) { fail_countdown = n; }

long ln_alloc_fail_pending(void) { return fail_countdown; }

static bool fails_now(void) { return fail_countdown > 0 && --fail_countdown == 0; }

/* More than the machine has: systems that promise memory they lack would end the process when it is touched. */
static bool beyond_memory(size_t bytes) {
#if defined(_SC_PHYS_PAGES)
  if (bytes < LARGE) return false; /* not worth asking */
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && page_bytes > 0 && bytes / (size_t)page_bytes >= (size_t)pages;
#else
  (void)bytes;
  return false;
#endif
}

bool ln_alloc_use(const ln_allocator *allocator) {
  int expected = SOURCE_OPEN;
  if (!atomic_compare_exchange_strong(&source, &expected, SOURCE_SETTLING)) return false;
  custom = *allocator;
  atomic_store(&source, SOURCE_CUSTOM);
  return true;
}

/* Whether memory comes from `custom`; settles on libc when nothing was said. */
static bool is_custom(void) {
  int now = atomic_load_explicit(&source, memory_order_acquire);
  while (now == SOURCE_OPEN || now == SOURCE_SETTLING) {
    now = SOURCE_OPEN;
    if (atomic_compare_exchange_weak(&source, &now, SOURCE_LIBC)) return false;
  }
  return now == SOURCE_CUSTOM;
}

bool ln_alloc_is_lazy(void) {
#if defined(LN_ASAN) || defined(__SANITIZE_ADDRESS__)
  return false; /* each block by itself shows what passes its end */
#else
  return !is_custom();
#endif
}

/* From libc, in huge pages what fills them or nearly so. */
static void *allocate(size_t bytes) {
#if defined(MADV_HUGEPAGE)
  const size_t rest = bytes % HUGE_PAGE;
  const size_t huge = bytes - rest + (rest >= HUGE_LEAST ? HUGE_PAGE : 0);
  if (huge == 0) return aligned_alloc(LN_ALIGNMENT, bytes);
  const size_t whole = bytes > huge ? bytes + HUGE_PAGE - rest : huge; /* C11: a multiple of the alignment */
  void *memory = aligned_alloc(HUGE_PAGE, whole);
  if (memory != NULL) madvise(memory, huge, MADV_HUGEPAGE); /* a system without them gives others */
  return memory;
#else
  return aligned_alloc(LN_ALIGNMENT, bytes);
#endif
}

bool ln_alloc_is_huge(size_t bytes) { return bytes >= HUGE_LEAST && ln_alloc_is_lazy(); }

void ln_alloc_populate(void *memory, size_t bytes) {
#if defined(MADV_POPULATE_WRITE)
  const long page_bytes = bytes < POPULATE_LEAST || is_custom() ? 0 : sysconf(_SC_PAGESIZE);
  if (page_bytes <= 0) return;
  const uintptr_t mask = (uintptr_t)page_bytes - 1;
  const uintptr_t from = ((uintptr_t)memory + mask) & ~mask, to = ((uintptr_t)memory + bytes) & ~mask;
  if (from < to) madvise((void *)from, to - from, MADV_POPULATE_WRITE); /* a system without it maps them when touched */
#else
  (void)memory;
  (void)bytes;
#endif
}

void *ln_alloc(size_t bytes) {
  size_t rounded;
  if (fails_now() || !ln_size_align(bytes == 0 ? 1 : bytes, LN_ALIGNMENT, &rounded)) return NULL;
  if (rounded > PTRDIFF_MAX || beyond_memory(rounded)) return NULL;
  return is_custom() ? custom.allocate(custom.user, rounded, LN_ALIGNMENT) : allocate(rounded);
}

void *ln_alloc_zero(size_t bytes) {
  void *memory = ln_alloc(bytes);
  if (memory != NULL) memset(memory, 0, bytes);
  return memory;
}

void *ln_alloc_array(size_t count, size_t item_bytes) {
  size_t bytes;
  return ln_size_mul(count, item_bytes, &bytes) ? ln_alloc_zero(bytes) : NULL;
}

void *ln_realloc_array(void *old, size_t old_count, size_t new_count, size_t item_bytes) {
  void *memory = ln_alloc_array(new_count, item_bytes);
  if (memory == NULL) return NULL;
  const size_t kept = old_count < new_count ? old_count : new_count;
  if (old != NULL) memcpy(memory, old, kept * item_bytes); /* kept <= new_count, whose product was checked */
  ln_free(old);
  return memory;
}

void ln_free(void *memory) {
  if (memory == NULL) return;
  if (is_custom()) custom.release(custom.user, memory);
  else free(memory);
}

char *ln_strdup(const char *text) {
  const size_t bytes = strlen(text) + 1;
  char *copy = ln_alloc(bytes);
  if (copy != NULL) memcpy(copy, text, bytes);
  return copy;
}

size_t ln_memory_total(void) {
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  size_t bytes;
  if (pages <= 0 || page <= 0 || !ln_size_mul((size_t)pages, (size_t)page, &bytes)) return SIZE_MAX;
  return bytes;
}
