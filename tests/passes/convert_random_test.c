/*
 * Random nets of many kinds of operators, written channels first, with transposes in between: the passes leave results
 * alone, whatever they do, and find nothing more to do a second time. test_passes_convert_random SEED [COUNT].
 */
#include <stdio.h>

#include "support/convert_net.h"

enum { NETS = 250, POOL = 24, LARGEST = 4000 };

static uint32_t state_of;

static int32_t pick(int32_t below) {
  state_of = state_of * 1103515245u + 12345u;
  return (int32_t)((state_of >> 16) % (uint32_t)below);
}

static bool same(ln_emit *e, int32_t a, int32_t b) { return ln_emit_same_shape(e, a, b); }

/* Sizes along axes but the first, which may be open, are known. */
static bool is_known(ln_emit *e, int32_t a) {
  for (int32_t i = 1; i < ln_emit_rank(e, a); ++i) {
    if (ln_emit_dim(e, a, i) < 0) return false;
  }
  return true;
}

static int32_t elements(ln_emit *e, int32_t a) {
  int32_t count = 1;
  for (int32_t i = 0; i < ln_emit_rank(e, a); ++i) count *= ln_emit_dim(e, a, i) < 0 ? 2 : ln_emit_dim(e, a, i);
  return count;
}

static int32_t constant_for(ln_emit *e, int32_t a) {
  int32_t dims[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(e, a), kept = 1 + pick(rank);
  for (int32_t i = 0; i < kept; ++i) {
    const int32_t dim = ln_emit_dim(e, a, rank - kept + i);
    dims[i] = pick(2) == 0 || dim < 0 ? 1 : dim;
  }
  return net_weights(e, kept, dims);
}

static int32_t random_transpose(ln_emit *e, int32_t a) {
  int32_t order[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(e, a), open = ln_emit_dim(e, a, 0) < 0 ? 1 : 0; /* an open one stays in front */
  for (int32_t i = 0; i < rank; ++i) order[i] = i;
  for (int32_t i = rank - 1; i > open; --i) {
    const int32_t k = open + pick(i + 1 - open), kept = order[i];
    order[i] = order[k];
    order[k] = kept;
  }
  return ln_emit_transpose(e, a, order);
}

static int32_t regroup(ln_emit *e, int32_t a) {
  const int32_t rank = ln_emit_rank(e, a), axis = 1 + pick(rank - 1), dim = ln_emit_dim(e, a, axis);
  if (rank > 2 && axis + 1 < rank && pick(2) == 0) return ln_emit_flatten(e, a, axis, axis + 1);
  ln_dim dims[LN_MAX_RANK];
  if (rank > 5 || dim % 2 != 0) return a;
  int32_t count = 0;
  for (int32_t i = 0; i < rank; ++i) {
    if (i == axis) dims[count++] = LN_DIM(2);
    dims[count++] = i == 0 ? LN_DIM_OF(a, 0) : LN_DIM(ln_emit_dim(e, a, i) / (i == axis ? 2 : 1));
  }
  return ln_emit_reshape(e, a, count, dims);
}

static int32_t reduce(ln_emit *e, int32_t a) {
  static const int32_t codes[] = {LN_OP_MEAN, LN_OP_SUM, LN_OP_REDUCE_MAX};
  const int32_t rank = ln_emit_rank(e, a), axes[] = {1 + pick(rank - 1)};
  return ln_emit_reduce(e, codes[pick(3)], a, 1, axes, rank < 4 || pick(2) == 0);
}

static int32_t cut(ln_emit *e, int32_t a) {
  const int32_t axis = 1 + pick(ln_emit_rank(e, a) - 1), dim = ln_emit_dim(e, a, axis);
  if (dim < 2) return a;
  const int32_t from = pick(dim - 1);
  switch (pick(4)) {
    case 0: return ln_emit_slice(e, a, axis, from, dim, 1 + pick(2));
    case 1: return ln_emit_reverse(e, a, axis);
    case 2: return ln_emit_gather(e, a, ln_emit_vector(e, 3, (const int32_t[]){from, dim - 1, 0}), axis, 0);
    default: break;
  }
  int32_t parts[2];
  const int32_t sizes[] = {from + 1, dim - from - 1};
  ln_emit_split(e, a, axis, 2, sizes, parts);
  return parts[pick(2)];
}

static int32_t grow(ln_emit *e, int32_t a) {
  int32_t before[LN_MAX_RANK] = {0}, after[LN_MAX_RANK] = {0}, times[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(e, a), axis = 1 + pick(rank - 1);
  for (int32_t i = 0; i < rank; ++i) times[i] = i == axis ? 2 : 1;
  switch (pick(3)) {
    case 0: return ln_emit_concat(e, axis, 2, (const int32_t[]){a, net_relu(e, a)});
    case 1: return ln_emit_tile(e, a, times);
    default: break;
  }
  before[axis] = pick(3);
  after[1 + pick(rank - 1)] = pick(3);
  return ln_emit_pad(e, a, before, after, pick(2) == 0 ? 0 : 0.5);
}

static int32_t stack(ln_emit *e, int32_t a) {
  const int32_t rank = ln_emit_rank(e, a), axis = 1 + pick(rank - 1), dim = ln_emit_dim(e, a, axis);
  if (rank < 5 && pick(2) == 0) return ln_emit_pack(e, axis, 2, (const int32_t[]){a, ln_emit_unary(e, LN_OP_TANH, a)});
  if (rank < 4 || dim > 4) return ln_emit_pick(e, ln_emit_expand(e, a, 1, &axis), axis, 0);
  int32_t parts[4];
  ln_emit_unpack(e, a, axis, dim, parts);
  return parts[pick(dim)];
}

/* One more tensor from those in the pool; what cannot be leaves it as it is. */
static int32_t step(ln_emit *e, const int32_t *pool, int32_t count) {
  const int32_t a = pool[count - 1 - pick(count < 4 ? count : 4)], b = pool[pick(count)];
  const int32_t rank = ln_emit_rank(e, a);
  if (rank < 2 || !is_known(e, a) || elements(e, a) > LARGEST) return a;
  switch (pick(13)) {
    case 0:
    case 1: return rank == 4 || rank == 3 ? net_conv(e, a, 2 + pick(4), 1 + 2 * pick(2), 1, 1) : random_transpose(e, a);
    case 2:
      return rank == 4 && ln_emit_dim(e, a, 2) > 1 && ln_emit_dim(e, a, 3) > 1 ? net_pool(e, a, 2, pick(2) == 0) : a;
    case 3: return pick(2) == 0 ? net_relu(e, a) : ln_emit_unary(e, LN_OP_TANH, a);
    case 4: return same(e, a, b) ? ln_emit_add(e, a, b) : ln_emit_mul(e, a, constant_for(e, a));
    case 5: return ln_emit_add(e, a, constant_for(e, a));
    case 6: return random_transpose(e, a);
    case 7: return regroup(e, a);
    case 8: return reduce(e, a);
    case 9: return cut(e, a);
    case 10: return grow(e, a);
    case 11:
      return rank == 3 ? ln_emit_matmul(e, a, ln_emit_swap(e, a, 1, 2), false, false)
                       : ln_emit_softmax(e, a, 1 + pick(rank - 1));
    default: return stack(e, a);
  }
}

static ln_status read_random(ln_import *import) {
  ln_emit *e = ln_emit_begin(import, "main");
  int32_t pool[POOL], count = 1;
  pool[0] = net_input(e, "x", 4, (const int32_t[]){pick(2) == 0 ? -1 : 2, 3, 6, 8});
  const int32_t steps = 4 + pick(POOL - 5);
  while (count < steps && !ln_emit_failed(e)) {
    const int32_t made = step(e, pool, count);
    if (made >= 0) pool[count++] = made;
    if (made == pool[count - 2] && pick(4) == 0) break;
  }
  ln_emit_output(e, "y", ln_emit_unary(e, LN_OP_TANH, pool[count - 1]));
  ln_emit_output(e, "z", pool[pick(count)]);
  ln_emit_output(e, "w", pool[pick(count)]);
  return net_end(import, e);
}

/* Passes that run again change no number of operators. */
static void check_again(const ln_model *after) {
  ln_error err = {LN_OK, ""};
  ln_model *again = NULL;
  assert_int_equal(ln_edit_begin(after, &err, &again), LN_OK);
  if (ln_convert_passes_run(again, NULL, &err) != LN_OK) fail_msg("%s", err.message);
  assert_true(net_count(again, LN_OP_TRANSPOSE) >= net_count(after, LN_OP_TRANSPOSE));
  ln_model_destroy(again);
}

static uint32_t first_seed = 1, nets = NETS;

static void random_nets(void **state) {
  int32_t before_count = 0, after_count = 0;
  (void)state;
  for (uint32_t i = 0; i < nets; ++i) {
    ln_model *before, *after;
    state_of = first_seed + i;
    fprintf(stderr, "\rseed %u ", first_seed + i);
    net_convert(read_random, NULL, &before, &after);
    before_count += net_count(before, LN_OP_TRANSPOSE);
    after_count += net_count(after, LN_OP_TRANSPOSE);
    check_again(after);
    ln_model_destroy(before);
    ln_model_destroy(after);
  }
  fprintf(stderr, "\n");
  print_message("%d transposes become %d\n", before_count, after_count);
  assert_true(after_count < before_count);
}

int main(int argc, char **argv) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(random_nets)};
  if (argc > 1) first_seed = (uint32_t)strtoul(argv[1], NULL, 10);
  if (argc > 2) nets = (uint32_t)strtoul(argv[2], NULL, 10);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
