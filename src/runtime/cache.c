/* Prepared graphs and packed weights of a model: made once, under a lock, shared by its sessions. */
#include <pthread.h>

#include "base/selection.h"
#include "passes/rewrite.h"
#include "runtime/runtime.h"
#include "runtime/weight_cache.h"

enum { VARIANTS = 2 }; /* optimized, plain */

typedef struct prepared_graph {
  ln_arena arena;
  ln_graph *graph;
} prepared_graph;

struct ln_model_cache {
  pthread_mutex_t lock;
  ln_pack_cache *packs;
  prepared_graph *graphs; /* [graph_count * VARIANTS] */
  int32_t graph_count;
  size_t grown;          /* of the passes over all graphs */
  ln_weight_cache *file; /* of packed weights; NULL: none asked for */
  size_t saved;          /* packed bytes when the file was last thought of */
};

static pthread_mutex_t creation_lock = PTHREAD_MUTEX_INITIALIZER;

static ln_model_cache *create(const ln_model *model) {
  const int32_t graph_count = model->graph_count;
  ln_model_cache *cache = ln_alloc_zero(sizeof *cache);
  if (cache == NULL) return NULL;
  cache->packs = ln_pack_cache_create(model->map.size + model->map.size / 8);
  cache->graphs = ln_alloc_array((size_t)graph_count, VARIANTS * sizeof *cache->graphs);
  cache->graph_count = graph_count;
  if (cache->packs == NULL || cache->graphs == NULL) {
    ln_pack_cache_destroy(cache->packs);
    ln_free(cache->graphs);
    ln_free(cache);
    return NULL;
  }
  pthread_mutex_init(&cache->lock, NULL);
  return cache;
}

static ln_model_cache *cache_of(ln_model *model) {
  pthread_mutex_lock(&creation_lock);
  if (model->cache == NULL) model->cache = create(model);
  ln_model_cache *cache = model->cache;
  pthread_mutex_unlock(&creation_lock);
  return cache;
}

void ln_model_cache_destroy(ln_model_cache *cache) {
  if (cache == NULL) return;
  for (int32_t i = 0; i < cache->graph_count * VARIANTS; ++i) ln_arena_free(&cache->graphs[i].arena);
  ln_free(cache->graphs);
  ln_pack_cache_destroy(cache->packs);
  if (LN_IS_WHOLE) ln_weight_cache_close(cache->file);
  pthread_mutex_destroy(&cache->lock);
  ln_free(cache);
}

/* Arity and element types, before any kernel sees a node. A model can be read and looked at without this. */
static ln_status check_types(const ln_graph *graph, ln_error *err) {
  for (int32_t i = 0; i < graph->op_count; ++i) LN_TRY(ln_op_check_types(graph, &graph->ops[i], err));
  for (int32_t i = 0; i < graph->output_count; ++i) {
    const ln_tensor *output = &graph->tensors[graph->outputs[i]];
    if ((output->sparsity != NULL || output->codebook != NULL) && ln_tensor_const_data(output)) {
      return ln_fail(err, LN_ERR_UNSUPPORTED, "output \"%.120s\" is a constant that is %s", output->name,
                     output->sparsity != NULL ? "sparse" : "stored by table");
    }
  }
  return LN_OK;
}

static ln_status make_graph(const ln_model *model, int32_t index, bool plain, size_t *grown, prepared_graph *out,
                            ln_error *err) {
  ln_arena arena = {0};
  ln_graph *graph = ln_graph_clone(&model->graphs[index], &arena);
  ln_status status =
      graph == NULL ? ln_fail(err, LN_ERR_MEMORY, "no memory to prepare the graph") : check_types(graph, err);
  ln_pass_context context = {.model = model, .graph = graph, .arena = &arena, .grown = grown, .err = err};
  if (status == LN_OK) status = plain ? ln_pass_expand_codebooks(&context) : ln_passes_run(&context);
  if (status != LN_OK) {
    ln_arena_free(&arena);
    return status;
  }
  out->arena = arena;
  out->graph = graph;
  return LN_OK;
}

ln_status ln_model_cache_graph(ln_model *model, int32_t graph, bool plain, ln_error *err, const ln_graph **out) {
  ln_model_cache *cache = cache_of(model);
  if (cache == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory to prepare the graph");
  pthread_mutex_lock(&cache->lock);
  prepared_graph *slot = &cache->graphs[graph * VARIANTS + (plain ? 1 : 0)];
  ln_status status = LN_OK;
  if (slot->graph == NULL) status = make_graph(model, graph, plain, &cache->grown, slot, err);
  *out = slot->graph;
  pthread_mutex_unlock(&cache->lock);
  return status;
}

ln_pack_cache *ln_model_cache_lock_packs(ln_model *model) {
  ln_model_cache *cache = cache_of(model);
  if (cache == NULL) return NULL;
  pthread_mutex_lock(&cache->lock);
  return cache->packs;
}

void ln_model_cache_unlock_packs(ln_model *model) { pthread_mutex_unlock(&model->cache->lock); }

size_t ln_model_cache_packed_bytes(ln_model *model) {
  const ln_pack_cache *packs = ln_model_cache_lock_packs(model);
  if (packs == NULL) return 0;
  const size_t bytes = ln_pack_cache_bytes(packs);
  ln_model_cache_unlock_packs(model);
  return bytes;
}

/* ---- the file of packed weights ---- */

/* Where a constant lies in the model's file; of one that a pass made, its content. */
static uint64_t source_of(const void *context, const void *data) {
  const ln_model *model = context;
  const uint8_t *at = data;
  if (data == NULL) return 1; /* a choice, made from none */
  if (at >= model->map.data && at < model->map.data + model->map.size) return 2 * (uint64_t)(at - model->map.data) + 2;
  for (int32_t g = 0; g < model->cache->graph_count * VARIANTS; ++g) {
    const ln_graph *graph = model->cache->graphs[g].graph;
    for (int32_t i = 0; graph != NULL && i < graph->tensor_count; ++i) {
      const ln_tensor *tensor = &graph->tensors[i];
      if (tensor->data == data && tensor->storage == LN_STORAGE_CONST) return ln_hash64(data, tensor->bytes) | 1;
    }
  }
  return 0;
}

ln_status ln_model_cache_use_file(ln_model *model, const char *place, ln_error *err) {
  ln_model_cache *cache = LN_IS_WHOLE ? cache_of(model) : NULL;
  if (!LN_IS_WHOLE) return ln_fail(err, LN_ERR_UNSUPPORTED, "this build keeps no file of packed weights");
  if (cache == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory to prepare the graph");
  pthread_mutex_lock(&cache->lock);
  if (cache->file == NULL) {
    cache->file = ln_weight_cache_open(model, place, source_of, model);
    const ln_pack_store store = {ln_weight_cache_find, cache->file};
    if (cache->file != NULL) ln_pack_cache_use(cache->packs, &store);
  }
  const bool good = cache->file != NULL;
  pthread_mutex_unlock(&cache->lock);
  return good ? LN_OK : ln_fail(err, LN_ERR_ARGUMENT, "no place for packed weights: \"%.200s\"", place);
}

void ln_model_cache_save(ln_model *model) {
  ln_model_cache *cache = model->cache;
  if (!LN_IS_WHOLE || cache == NULL || cache->file == NULL) return;
  pthread_mutex_lock(&cache->lock);
  const size_t bytes = ln_pack_cache_bytes(cache->packs);
  if (bytes != cache->saved) ln_weight_cache_save(cache->file, cache->packs);
  cache->saved = bytes;
  pthread_mutex_unlock(&cache->lock);
}

size_t ln_model_cache_stored_bytes(ln_model *model) {
  const ln_pack_cache *packs = LN_IS_WHOLE ? ln_model_cache_lock_packs(model) : NULL;
  if (packs == NULL) return 0;
  const size_t bytes = ln_pack_cache_stored_bytes(packs);
  ln_model_cache_unlock_packs(model);
  return bytes;
}
