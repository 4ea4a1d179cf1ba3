/* What later stages must keep of earlier ones: weights that are zero, and how many values weights take. */
#include <stdlib.h>
#include <string.h>

#include "optimize/optimize.h"

typedef struct kept {
  int32_t weights; /* tensor; -1: given up */
  uint8_t *zeros;  /* a bit an element, or NULL */
  size_t elements;
  int32_t clusters, axis; /* 0 clusters: none are kept */
  struct kept *next;
} kept;

struct ln_invariants {
  ln_arena arena;
  kept *first;
};

static kept *find(const ln_optimizer *o, int32_t weights) {
  if (o->invariants == NULL) return NULL;
  for (kept *k = o->invariants->first; k != NULL; k = k->next) {
    if (k->weights == weights) return k;
  }
  return NULL;
}

static kept *find_or_add(ln_optimizer *o, int32_t weights) {
  kept *k = find(o, weights);
  if (k != NULL) return k;
  if (o->invariants == NULL) o->invariants = ln_alloc_zero(sizeof *o->invariants);
  if (o->invariants == NULL || (k = ln_arena_alloc(&o->invariants->arena, sizeof *k)) == NULL) return NULL;
  k->weights = weights;
  k->axis = -1;
  k->next = o->invariants->first;
  o->invariants->first = k;
  return k;
}

/* An element's bits as stored, comparable with others of the tensor; a float's negative zero is zero. */
static uint64_t stored(const ln_tensor *tensor, size_t i) {
  const int32_t bits = ln_type_bits(tensor->type);
  const uint8_t *data = tensor->data;
  uint64_t value = 0;
  if (bits < 8) {
    const size_t per_byte = 8 / (size_t)bits;
    return (uint64_t)(data[i / per_byte] >> (i % per_byte * (size_t)bits)) & ((1u << bits) - 1);
  }
  memcpy(&value, data + i * (size_t)(bits / 8), (size_t)(bits / 8));
  const bool is_float = tensor->type == LN_FLOAT32 || tensor->type == LN_FLOAT16 || tensor->type == LN_BFLOAT16;
  if (is_float && value == 1ull << (bits - 1)) value = 0;
  return value;
}

/* The stored form of a real zero along the channel that element `i` belongs to. */
static uint64_t stored_zero(const ln_tensor *tensor, size_t i) {
  const ln_quant *quant = tensor->quant;
  if (quant->count == 0) return 0;
  size_t channel = 0;
  if (quant->kind == LN_QUANT_AXIS) {
    const size_t inner = ln_shape_span(&tensor->shape, quant->axis + 1, tensor->shape.rank);
    channel = i / inner % (size_t)tensor->shape.dims[quant->axis];
  }
  const int32_t bits = ln_type_bits(tensor->type);
  const uint64_t mask = bits >= 64 ? UINT64_MAX : (1ull << bits) - 1;
  return (uint64_t)quant->zero_point[channel < (size_t)quant->count ? channel : 0] & mask;
}

/* Dense data in memory: what can be looked at element by element. */
static bool can_look(const ln_tensor *tensor, size_t *elements) {
  return ln_tensor_const_data(tensor) && tensor->sparsity == NULL && tensor->codebook == NULL &&
         ln_type_bits(tensor->type) > 0 && ln_shape_elements(&tensor->shape, elements) &&
         (*elements * (size_t)ln_type_bits(tensor->type) + 7) / 8 == tensor->bytes;
}

ln_status ln_invariant_keep_zeros(ln_optimizer *o, int32_t weights) {
  const ln_tensor *tensor = &ln_optimizer_graph(o)->tensors[weights];
  kept *k = find_or_add(o, weights);
  size_t elements;
  if (k == NULL) return ln_optimizer_no_memory(o);
  if (!can_look(tensor, &elements)) return ln_fail(o->err, LN_ERR_INTERNAL, "\"%s\" holds no weights", tensor->name);
  k->zeros = ln_arena_array(&o->invariants->arena, elements / 8 + 1, 1);
  if (k->zeros == NULL) return ln_optimizer_no_memory(o);
  k->elements = elements;
  for (size_t i = 0; i < elements; ++i) {
    if (stored(tensor, i) == stored_zero(tensor, i)) k->zeros[i / 8] |= (uint8_t)(1u << (i % 8));
  }
  return LN_OK;
}

ln_status ln_invariant_keep_clusters(ln_optimizer *o, int32_t weights, int32_t clusters, int32_t axis) {
  kept *k = find_or_add(o, weights);
  if (k == NULL) return ln_optimizer_no_memory(o);
  k->clusters = clusters;
  k->axis = axis;
  return LN_OK;
}

ln_status ln_invariant_move(ln_optimizer *o, int32_t from, int32_t to) {
  kept *k = find(o, from);
  if (k == NULL || from == to) return LN_OK;
  if (to >= 0 && find(o, to) != NULL) return ln_fail(o->err, LN_ERR_INTERNAL, "two invariants for one tensor");
  k->weights = to;
  return LN_OK;
}

const uint8_t *ln_invariant_zeros(const ln_optimizer *o, int32_t weights) {
  const kept *k = find(o, weights);
  return k == NULL ? NULL : k->zeros;
}

int32_t ln_invariant_clusters(const ln_optimizer *o, int32_t weights, int32_t *axis) {
  const kept *k = find(o, weights);
  if (k == NULL) return 0;
  *axis = k->axis;
  return k->clusters;
}

/* ---- checking ---- */

static int order(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return x < y ? -1 : x > y;
}

/* Distinct values of the channel with most; -1 when memory is short. `axis` -1: all are one channel. */
static int32_t count_values(const ln_tensor *tensor, size_t elements, int32_t axis) {
  const size_t channels = axis < 0 ? 1 : (size_t)tensor->shape.dims[axis];
  const size_t inner = axis < 0 ? 1 : ln_shape_span(&tensor->shape, axis + 1, tensor->shape.rank);
  uint64_t *values = ln_alloc_array(elements + 1, sizeof *values);
  size_t most = 0;
  if (values == NULL) return -1;
  for (size_t channel = 0; channel < channels; ++channel) {
    size_t count = 0, distinct = 0;
    for (size_t i = axis < 0 ? 0 : channel * inner; i < elements; i += axis < 0 ? 1 : channels * inner) {
      for (size_t j = 0; j < inner; ++j) values[count++] = stored(tensor, i + j);
    }
    qsort(values, count, sizeof *values, order);
    for (size_t i = 0; i < count; ++i) {
      if (i == 0 || values[i] != values[i - 1]) ++distinct;
    }
    if (distinct > most) most = distinct;
  }
  ln_free(values);
  return (int32_t)most;
}

static ln_status verify(ln_optimizer *o, const kept *k) {
  const ln_tensor *tensor = &ln_optimizer_graph(o)->tensors[k->weights];
  size_t elements;
  if (!can_look(tensor, &elements)) return LN_OK; /* encoded: the dense form was checked before */
  if (k->zeros != NULL) {
    if (elements != k->elements) {
      return ln_fail(o->err, LN_ERR_INTERNAL, "%s: \"%s\" was pruned and has another size now", o->stage, tensor->name);
    }
    for (size_t i = 0; i < elements; ++i) {
      if ((k->zeros[i / 8] >> (i % 8) & 1) == 0 || stored(tensor, i) == stored_zero(tensor, i)) continue;
      return ln_fail(o->err, LN_ERR_INTERNAL, "%s: element %zu of \"%s\" was pruned and is no zero now", o->stage, i,
                     tensor->name);
    }
  }
  if (k->clusters == 0) return LN_OK;
  const int32_t values = count_values(tensor, elements, k->axis);
  if (values < 0) return ln_optimizer_no_memory(o);
  if (values <= k->clusters) return LN_OK;
  return ln_fail(o->err, LN_ERR_INTERNAL, "%s: \"%s\" was clustered to %d values and takes %d now", o->stage,
                 tensor->name, k->clusters, values);
}

ln_status ln_invariants_verify(ln_optimizer *o) {
  if (o->invariants == NULL) return LN_OK;
  for (const kept *k = o->invariants->first; k != NULL; k = k->next) {
    if (k->weights >= 0) LN_TRY(verify(o, k));
  }
  return LN_OK;
}

ln_status ln_invariants_branch(const ln_optimizer *o, ln_invariants **out) {
  *out = NULL;
  if (o->invariants == NULL) return LN_OK;
  ln_invariants *copy = ln_alloc_zero(sizeof *copy);
  kept **end = copy == NULL ? NULL : &copy->first;
  for (const kept *k = o->invariants->first; end != NULL && k != NULL; k = k->next) {
    *end = ln_arena_copy(&copy->arena, k, sizeof *k); /* bits of zeros stay the original's */
    end = *end == NULL ? NULL : &(*end)->next;
    if (end != NULL) *end = NULL;
  }
  if (end == NULL) {
    ln_invariants_destroy(copy);
    return ln_optimizer_no_memory(o);
  }
  *out = copy;
  return LN_OK;
}

void ln_invariants_destroy(ln_invariants *invariants) {
  if (invariants == NULL) return;
  ln_arena_free(&invariants->arena);
  ln_free(invariants);
}
