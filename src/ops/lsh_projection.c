/*
 * LSH_PROJECTION: bits by locality-sensitive hashing. Inputs are seeds [hashes, bits], a tensor whose rows along its
 * first dimension are the keys, and the keys' weights. A bit is the sign of the weighted sum of the keys' fingerprints,
 * each taken of the seed's four bytes and the key's; sparse results pack the bits of a hash into one number.
 */
#include <string.h>

#include "kernels/fingerprint.h"
#include "ops/move.h"
#include "ops/rows.h"

enum { IN_SEEDS, IN_KEYS, IN_WEIGHTS };
enum { LSH_SPARSE = 1, LSH_DENSE = 2 };
enum { MOST_BITS = 32, SEED_BYTES = 4 };

static const ln_tensor *weights_of(const ln_node *node) {
  return node->in_count > IN_WEIGHTS ? node->in[IN_WEIGHTS] : NULL;
}

static int32_t kind_of(const ln_node *node) { return LN_OPTIONS(node, lsh_projection_options)->type; }

ln_status ln_lsh_projection_infer(ln_node *node, ln_error *err) {
  const ln_shape *seeds = &node->in[IN_SEEDS]->shape, *keys = &node->in[IN_KEYS]->shape;
  const ln_tensor *weights = weights_of(node);
  if (kind_of(node) != LSH_SPARSE && kind_of(node) != LSH_DENSE) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "projection type %d", kind_of(node));
  }
  if (seeds->rank != 2 || seeds->dims[1] > MOST_BITS || keys->rank < 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "needs a matrix of seeds, at most %d in a row, and keys", MOST_BITS);
  }
  if (weights != NULL && (weights->shape.rank != 1 || weights->shape.dims[0] != keys->dims[0])) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "needs a weight for each key");
  }
  const int64_t bits = kind_of(node) == LSH_DENSE ? seeds->dims[1] : 1;
  ln_shape shape = {0, {0}};
  if (!ln_shape_push(&shape, seeds->dims[0] * bits)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d hashes are too many", seeds->dims[0]);
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_lsh_projection_prepare(ln_node *node, ln_prep *prep) {
  const ln_tensor *keys = node->in[IN_KEYS];
  const size_t elements = ln_shape_span(&keys->shape, 1, keys->shape.rank);
  if (ln_size_mul(elements, ln_item_bytes(keys), &node->scratch_bytes) &&
      ln_size_add(node->scratch_bytes, SEED_BYTES, &node->scratch_bytes)) {
    return LN_OK;
  }
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

/* `key` is scratch for a seed and one key behind it, `bytes` together. */
static uint32_t bit_of(const ln_node *node, float seed, char *key, size_t bytes) {
  const ln_tensor *keys = node->in[IN_KEYS], *tensor = weights_of(node);
  const float *weights = tensor != NULL ? tensor->data : NULL;
  const size_t key_bytes = bytes - SEED_BYTES;
  double score = 0.0;
  memcpy(key, &seed, SEED_BYTES);
  for (int32_t i = 0; i < keys->shape.dims[0]; ++i) {
    if (key_bytes > 0) memcpy(key + SEED_BYTES, (const char *)keys->data + (size_t)i * key_bytes, key_bytes);
    const double value = (double)(int64_t)ln_k_fingerprint64(key, bytes);
    score += weights != NULL ? (double)weights[i] * value : value;
  }
  return score > 0.0;
}

ln_status ln_lsh_projection_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *seeds = node->in[IN_SEEDS];
  const int32_t bits = seeds->shape.dims[1];
  const size_t bytes = node->scratch_bytes;
  int32_t *out = node->out[0]->data;
  for (int32_t i = 0; i < seeds->shape.dims[0]; ++i) {
    const float *row = (const float *)seeds->data + (ptrdiff_t)i * bits;
    uint32_t packed = 0;
    for (int32_t j = 0; j < bits; ++j) {
      const uint32_t bit = bit_of(node, row[j], exec->scratch, bytes);
      packed = packed << 1 | bit;
      if (kind_of(node) == LSH_DENSE) *out++ = (int32_t)bit;
    }
    /* Every hash has a range of numbers of its own. */
    if (kind_of(node) == LSH_SPARSE) *out++ = (int32_t)(packed + (bits < MOST_BITS ? (uint32_t)i << bits : 0));
  }
  return LN_OK;
}

/* Every seed hashes every key, eight bytes at a time. */
int64_t ln_lsh_projection_macs(const ln_node *node) {
  const ln_tensor *keys = node->in[IN_KEYS];
  const double seeds = (double)ln_shape_span(&node->in[IN_SEEDS]->shape, 0, 2);
  const double bytes = (double)ln_shape_span(&keys->shape, 0, keys->shape.rank) * (double)ln_item_bytes(keys);
  const double macs = seeds * (bytes / 8 + keys->shape.dims[0]);
  return macs < 0x1p62 ? (int64_t)macs : 0;
}
