/*
 * What everything else stands on: errors, checked sizes, memory, arenas, files, threads, CPU features, log.
 * Relies on nothing but libc and POSIX threads.
 */
#ifndef LN_BASE_H
#define LN_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "linnet/allocator.h"
#include "linnet/status.h"

#define LN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- errors (status.c) ---- */

/* Fills `err` (may be NULL) and returns `status`, so that `return ln_fail(...)` reads as one step. */
ln_status ln_fail(ln_error *err, ln_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Puts "text: " before the message that `err` holds. */
void ln_error_prefix(ln_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Leaves the calling function with the status of a failed call. */
#define LN_TRY(call)                              \
  do {                                            \
    const ln_status try_status_ = (call);         \
    if (try_status_ != LN_OK) return try_status_; \
  } while (0)

/* ---- checked sizes (size.c): false on overflow, `*out` then unchanged ---- */

bool ln_size_mul(size_t a, size_t b, size_t *out);
bool ln_size_add(size_t a, size_t b, size_t *out);
/* The product of `count` dimensions; false when one is negative or the product passes PTRDIFF_MAX. */
bool ln_size_product(const int32_t *dims, int32_t count, size_t *out);
/* `value` rounded up to a multiple of `alignment`, a power of two. */
bool ln_size_align(size_t value, size_t alignment, size_t *out);

/* ---- structs that grow (status.c) ---- */

/*
 * Hands `value`, a public struct that begins with its size, to a caller who may know fewer or more fields: what fits is
 * written, the caller's size stays. LN_ERR_ARGUMENT without a place or for one that cannot hold the size.
 */
ln_status ln_struct_give(void *out, const void *value, size_t value_bytes);

/* ---- memory (alloc.c): aligned to LN_ALIGNMENT, never 0 bytes; NULL on failure ---- */

enum { LN_ALIGNMENT = 64 };
void *ln_alloc(size_t bytes);
void *ln_alloc_zero(size_t bytes);
void *ln_alloc_array(size_t count, size_t item_bytes);                                    /* zeroed, product checked */
void *ln_realloc_array(void *old, size_t old_count, size_t new_count, size_t item_bytes); /* new part zeroed */
void ln_free(void *memory);
char *ln_strdup(const char *text);
/* Whether a block costs only what of it is touched. */
bool ln_alloc_is_lazy(void);
/* Whether a block of so many bytes comes in huge pages, of which the first touch maps much. */
bool ln_alloc_is_huge(size_t bytes);
/* Has the system map a block, all of which is about to be written, at once: half the time of a fault for each page. */
void ln_alloc_populate(void *memory, size_t bytes);
/* The machine's memory in bytes; SIZE_MAX when it cannot be told. */
size_t ln_memory_total(void);
/* Takes memory from `allocator` (its fields are copied) from now on; false once any has been taken. */
bool ln_alloc_use(const ln_allocator *allocator);
/* Tests only: the n-th allocation from now fails, once (0: none does). */
void ln_alloc_fail_after(long n);
long ln_alloc_fail_pending(void); /* allocations until it fails; 0 once it has */

/* ---- arena (arena.c): many small things freed together; not for use by two threads at once ---- */

typedef struct ln_arena {
  struct ln_arena_block *head;
  struct ln_arena_adopted *adopted; /* memory from elsewhere */
  size_t used;                      /* bytes handed out, for reports */
  size_t limit;                     /* bytes it may hand out; 0: any number. Its owner's to set at any time */
  bool refused;                     /* an allocation would have passed the limit */
} ln_arena;

void *ln_arena_alloc(ln_arena *arena, size_t bytes);                    /* zeroed; NULL on failure */
void *ln_arena_array(ln_arena *arena, size_t count, size_t item_bytes); /* zeroed, product checked */
void *ln_arena_copy(ln_arena *arena, const void *data, size_t bytes);
/* Makes `memory` of ln_alloc the arena's, or a copy where that is small, and gives it back; NULL, and `memory` freed,
 * on failure. */
void *ln_arena_adopt(ln_arena *arena, void *memory, size_t bytes);
char *ln_arena_strdup(ln_arena *arena, const char *text);
char *ln_arena_printf(ln_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ln_arena_free(ln_arena *arena); /* frees all; the arena can be used again */

/* ---- bytes that grow (bytes.c): zero is empty; once memory was short `failed` is set and nothing more is added ----
 */

typedef struct ln_bytes {
  uint8_t *data;
  size_t size, capacity;
  bool failed;
} ln_bytes;

void ln_bytes_add(ln_bytes *bytes, const void *data, size_t size);
void ln_bytes_byte(ln_bytes *bytes, uint8_t value);
void ln_bytes_free(ln_bytes *bytes);

/* Lines of fields (fields.c): appends one field and what ends it, a tab or a newline. Control characters become blanks.
 */
void ln_bytes_field(ln_bytes *bytes, const char *text, char end);
void ln_bytes_number(ln_bytes *bytes, int64_t value, char end);
/* Takes the line at *at apart in place and goes behind it; the last field is the rest of the line, those that are not
 * there are "". false at the text's end. */
bool ln_fields_next(char **at, const char **fields, int32_t count);

/* The CRC-32C of `data` after bytes whose CRC is `crc` (0 for none) (crc32c.c). */
uint32_t ln_crc32c(uint32_t crc, const void *data, size_t size);

/* A hash of `data`, at about the speed of memory: for content that is not made to collide (hash64.c). */
uint64_t ln_hash64(const void *data, size_t size);

/* ---- files (file.c) ---- */

typedef struct ln_file_map {
  const uint8_t *data; /* read-only pages, valid until unmapped; NULL for an empty file */
  size_t size;
  bool mapped;    /* else `data` was allocated */
  size_t skipped; /* bytes of the mapping that lie before `data` */
} ln_file_map;

/* Maps a regular file; a directory, an absent or unreadable file gives LN_ERR_IO naming the reason. */
ln_status ln_file_map_open(const char *path, ln_error *err, ln_file_map *out);
/* The same for `size` bytes (0: all that follow) from `offset` of an open file, which stays the caller's. */
ln_status ln_file_map_fd(int fd, uint64_t offset, size_t size, ln_error *err, ln_file_map *out);
void ln_file_map_close(ln_file_map *map);
/* Lets go of the whole pages among `bytes` bytes at `data`, where these lie in the map: they are read anew when needed.
 */
void ln_file_map_forget(const ln_file_map *map, const void *data, size_t bytes);
/* Writes the whole file beside its final name and renames it into place, so that nothing half-written stays. */
ln_status ln_file_write(const char *path, const void *data, size_t size, ln_error *err);
typedef struct ln_piece {
  const void *data;
  size_t size;
} ln_piece;
/* The same, of pieces one behind the other. */
ln_status ln_file_write_pieces(const char *path, const ln_piece *pieces, size_t count, ln_error *err);
bool ln_file_is_folder(const char *path);
bool ln_file_exists(const char *path);
ln_status ln_file_rename(const char *from, const char *to, ln_error *err);
/* A file, or a folder that holds nothing. */
ln_status ln_file_remove(const char *path, ln_error *err);

/* ---- thread pool (pool.c) ---- */

typedef struct ln_pool ln_pool;
/* `worker` is in [0, threads): what per-thread scratch is indexed by. Tasks must not depend on one another. */
typedef void (*ln_task_fn)(void *context, int32_t task, int32_t worker);

/* A pool of `threads` threads, the caller's among them (1: no thread is started). NULL when memory is short. */
ln_pool *ln_pool_create(int32_t threads);
void ln_pool_destroy(ln_pool *pool);
int32_t ln_pool_threads(const ln_pool *pool); /* 1 for NULL */
/* Runs tasks 0..count-1, each once, and returns when all are done. `pool` NULL: on the caller's thread. */
void ln_pool_run(ln_pool *pool, int32_t count, ln_task_fn fn, void *context);
/*
 * How many tasks work of about `nanoseconds` on one thread is worth: one where starting others would cost more than
 * they save, else as many as there are threads or a multiple of it.
 */
int32_t ln_pool_parts(const ln_pool *pool, int64_t nanoseconds);
/* Of `items` (at least 1) that are that work, how many a task takes: at most `most`, and fewer to share evenly. */
int32_t ln_pool_share(const ln_pool *pool, int32_t items, int32_t most, int64_t nanoseconds);

/* ---- CPU features (cpu.c) ---- */

/* Tiers in rising order; ln_isa_includes says which contain which. */
typedef enum ln_isa {
  LN_ISA_GENERIC = 0,
  LN_ISA_AVX2 = 1,       /* AVX2, FMA, F16C */
  LN_ISA_AVX512 = 2,     /* AVX-512 F, BW, DQ, VL */
  LN_ISA_AVX512VNNI = 3, /* and VNNI */
  LN_ISA_AVX512BF16 = 4, /* and BF16 */
  LN_ISA_AVXVNNI = 5,    /* AVX2's and AVX-VNNI, without AVX-512 */
  LN_ISA_NEON = 16,      /* AArch64, whose baseline has it */
  LN_ISA_NEONDOT = 17,   /* with dot products of bytes */
  LN_ISA_NEONI8MM = 18   /* and matrix products of them */
} ln_isa;

/* Whether a CPU of tier `isa` runs the kernels of `tier`, of the same processor family. */
static inline bool ln_isa_includes(ln_isa isa, ln_isa tier) {
  if (isa == LN_ISA_AVXVNNI) return tier <= LN_ISA_AVX2 || tier == LN_ISA_AVXVNNI;
  return tier <= isa && tier != LN_ISA_AVXVNNI;
}

/* The best tier of this CPU, lowered by the environment's LINNET_CPU=generic|avx2|avxvnni|avx512|avx512vnni|avx512bf16,
 * or neon|neondot|neoni8mm on AArch64. Set once. */
ln_isa ln_cpu_isa(void);
const char *ln_isa_name(ln_isa isa); /* "avx2" */
bool ln_isa_from_name(const char *name, ln_isa *out);
/* The value of LINNET_CPU when it names no tier, else NULL: the CLI refuses it. */
const char *ln_cpu_bad_request(void);
int32_t ln_cpu_cores(void); /* that this process may run on; at least 1 */

/* ---- log (log.c) ---- */

typedef enum ln_log_level { LN_LOG_ERROR, LN_LOG_WARNING, LN_LOG_INFO, LN_LOG_DEBUG } ln_log_level;
/* To standard error as "linnet: text"; shown up to the level of the environment's LINNET_LOG (default warning). */
void ln_log(ln_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- clock (clock.c) ---- */

/* Nanoseconds of a clock that never goes back. */
int64_t ln_clock_ns(void);

#endif
