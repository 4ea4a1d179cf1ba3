/*
 * STABLEHLO_RNG_BIT_GENERATOR: random bits from a state, and the state to go on from, which counts the generator's
 * blocks: the numbers that LiteRT gives. The state is [key, counter], for Philox also [key, counter, counter's high
 * half].
 */
#include <string.h>

#include "kernels/philox.h"
#include "kernels/threefry.h"
#include "ops/elementwise.h"
#include "ops/hlo.h"
#include "ops/rows.h"

enum { GRAIN = 4096 /* blocks of a task */, MOST_WORDS = 4 };
enum { ANY_ALGORITHM = 0, PHILOX = 1, THREEFRY = 2 }; /* as the schema numbers them */

static bool is_threefry(const ln_node *node) {
  return LN_OPTIONS(node, stablehlo_rng_bit_generator_options)->algorithm == THREEFRY;
}

static size_t block_bytes(const ln_node *node) {
  return sizeof(uint32_t) * (is_threefry(node) ? LN_THREEFRY_WORDS : LN_PHILOX_WORDS);
}

ln_status ln_hlo_rng_infer(ln_node *node, ln_error *err) {
  const int32_t algorithm = LN_OPTIONS(node, stablehlo_rng_bit_generator_options)->algorithm;
  const ln_shape *state = &node->in[0]->shape, *declared = &node->out[1]->shape;
  if (algorithm < ANY_ALGORITHM || algorithm > THREEFRY) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "algorithm %d", algorithm);
  }
  const bool fits = state->rank == 1 && (state->dims[0] == 2 || (state->dims[0] == 3 && !is_threefry(node)));
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "its state is no list of 2 or, for Philox, 3 numbers");
  ln_shape shape = node->out[1]->has_signature ? node->out[1]->signature : *declared;
  if (!ln_shape_known(&shape)) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "the output's declared shape is not known");
  }
  LN_TRY(ln_node_set_shape(node, 0, state, err));
  return ln_node_set_shape(node, 1, &shape, err);
}

static void fill_blocks(const void *context, size_t first, size_t count) {
  const ln_node *node = context;
  const ln_tensor *out = node->out[1];
  const bool threefry = is_threefry(node);
  const size_t size = block_bytes(node);
  uint64_t state[3];
  memcpy(state, node->in[0]->data, node->in[0]->bytes);
  if (node->in[0]->bytes < sizeof state) state[2] = state[0]; /* the counter's high half is the key then */
  for (size_t i = first; i < first + count; ++i) {
    uint32_t words[MOST_WORDS];
    const size_t at = i * size, left = out->bytes - at;
    if (threefry) ln_threefry_block(state[0], state[1] + i, words);
    else ln_philox_block(state[0], state[2], state[1] + i, words);
    memcpy((char *)out->data + at, words, left < size ? left : size);
  }
}

ln_status ln_hlo_rng_run(const ln_node *node, ln_exec *exec) {
  const size_t size = block_bytes(node), blocks = node->out[1]->bytes / size + (node->out[1]->bytes % size != 0);
  uint64_t state[3];
  memcpy(state, node->in[0]->data, node->in[0]->bytes);
  ln_spans_run(exec->pool, blocks, GRAIN, fill_blocks, node);
  state[1] += blocks;
  memcpy(node->out[0]->data, state, node->in[0]->bytes);
  return LN_OK;
}
