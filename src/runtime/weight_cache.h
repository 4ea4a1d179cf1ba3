/*
 * A file of packed weights beside a model: mapped, shared by the processes that run it, checked as any file is. What is
 * wrong with one, or belongs to another model, CPU or version, is as if it were not there.
 */
#ifndef LN_WEIGHT_CACHE_H
#define LN_WEIGHT_CACHE_H

#include "ops/ops.h"

typedef struct ln_weight_cache ln_weight_cache;

/* Names the source of a packed block the same way in every process; 0 when it cannot. */
typedef uint64_t (*ln_weight_source_fn)(const void *context, const void *key_data);

/*
 * For `model`, at `place`: a file, a folder (the file is then named by the model's content), or "" for the model's own
 * path with ".lnpack" behind it. NULL when memory is short or there is no such place.
 */
ln_weight_cache *ln_weight_cache_open(const ln_model *model, const char *place, ln_weight_source_fn source,
                                      const void *context);
void ln_weight_cache_close(ln_weight_cache *cache); /* blocks that it gave are gone; NULL is fine */
/* A block that the file holds, intact; NULL for none. A ln_pack_store's function, with the cache as `user`. */
const void *ln_weight_cache_find(void *cache, const ln_pack_key *key);
/* Writes the file anew where a good part of what `packs` holds is not in it. What hinders it is logged only. */
void ln_weight_cache_save(ln_weight_cache *cache, const ln_pack_cache *packs);

#endif
