/* TensorFlow's operators that take elements by index, scatter, sort, count and sum by segments. */
#include "import/savedmodel/savedmodel.h"

static int32_t op1(ln_emit *e, int32_t code, const void *options, int32_t count, const int32_t *in) {
  return ln_emit_op(e, code, options, count, in, ln_emit_type(e, in[0]));
}

static int32_t as_i32(ln_sm_call *c, int32_t i) { return ln_emit_cast(c->e, ln_sm_in(c, i), LN_INT32); }

/* ---- gathering ---- */

/* GatherV2: from, indices, axis; Gather (variant 1) has no axis */
void ln_sm_op_gather(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0), indices = ln_sm_in(c, 1);
  int32_t axis = 0;
  int64_t batch = ln_sm_int(c, "batch_dims", 0);
  if (c->variant == 0 && !ln_sm_axis(c, 2, ln_emit_rank(c->e, a), &axis)) return;
  if (batch < 0) batch += ln_emit_rank(c->e, indices);
  if (batch < 0 || batch > axis) {
    ln_emit_wrong(c->e, "it has more batch dimensions than axes before the one it gathers along");
    return;
  }
  ln_sm_result(c, ln_emit_gather(c->e, a, indices, axis, (int32_t)batch));
}

void ln_sm_op_gather_nd(ln_sm_call *c) {
  const int32_t in[2] = {ln_sm_in(c, 0), ln_sm_in(c, 1)};
  ln_sm_result(c, op1(c->e, LN_OP_GATHER_ND, NULL, 2, in));
}

/* OneHot: indices, depth, on, off */
void ln_sm_op_one_hot(ln_sm_call *c) {
  const int32_t axis = (int32_t)ln_sm_int(c, "axis", -1);
  ln_sm_result(c, ln_emit_one_hot(c->e, ln_sm_in(c, 0), as_i32(c, 1), axis, ln_sm_in(c, 2), ln_sm_in(c, 3)));
}

/* Where: the places of what is true */
void ln_sm_op_where(ln_sm_call *c) {
  int32_t a = ln_sm_in(c, 0);
  const ln_type type = ln_emit_type(c->e, a);
  if (type != LN_BOOL) a = ln_emit_compare(c->e, LN_OP_NOT_EQUAL, a, ln_emit_scalar(c->e, type, 0));
  ln_sm_result(c, ln_emit_op(c->e, LN_OP_WHERE, NULL, 1, &a, LN_INT64));
}

/* Unique, UniqueV2 (of one dimension) > values, places */
void ln_sm_op_unique(ln_sm_call *c) {
  ln_type index = LN_INT32;
  int32_t out[2];
  const int32_t a = ln_sm_in(c, 0);
  ln_nodedef_type(c->def, "out_idx", &index);
  const ln_unique_options options = {.idx_out_type = (int8_t)index};
  if (ln_emit_rank(c->e, a) != 1) {
    ln_emit_refuse(c->e, "it takes one dimension");
    return;
  }
  const ln_type types[2] = {ln_emit_type(c->e, a), index};
  if (!ln_emit_ops(c->e, LN_OP_UNIQUE, &options, 1, &a, 2, types, out)) return;
  for (int32_t p = 0; p < 2; ++p) c->e->facts[out[1]].shape[p] = c->e->facts[a].shape[p];
  ln_sm_give(c, 0, out[0]);
  ln_sm_give(c, 1, out[1]);
}

/* TopKV2: input, k > values, indices */
void ln_sm_op_top_k(ln_sm_call *c) {
  int32_t values, indices;
  ln_type index = LN_INT32;
  const int32_t a = ln_sm_in(c, 0);
  const int32_t k = c->in_count > 1 ? as_i32(c, 1) : ln_emit_i32(c->e, (int32_t)ln_sm_int(c, "k", 1));
  ln_nodedef_type(c->def, "index_type", &index);
  if (!ln_emit_top_k(c->e, a, k, -1, true, &values, &indices)) return;
  ln_sm_give(c, 0, values);
  ln_sm_give(c, 1, ln_emit_cast(c->e, indices, index));
}

/* InTopKV2: predictions [rows, classes], targets [rows], k: whether fewer than k predictions are greater */
void ln_sm_op_in_top_k(ln_sm_call *c) {
  ln_emit *e = c->e;
  const int32_t a = ln_sm_in(c, 0), last = -1, targets = ln_sm_in(c, 1), end = 1;
  const int32_t k = c->in_count > 2 ? as_i32(c, 2) : ln_emit_i32(e, (int32_t)ln_sm_int(c, "k", 1));
  const int32_t own = ln_emit_gather(e, a, ln_emit_expand(e, targets, 1, &end), 1, 1);
  const int32_t greater = ln_emit_cast(e, ln_emit_compare(e, LN_OP_GREATER, a, own), LN_INT32);
  const int32_t before = ln_emit_reduce(e, LN_OP_SUM, greater, 1, &last, false);
  ln_sm_result(c, ln_emit_compare(e, LN_OP_LESS, before, k));
}

/* ---- scattering ---- */

void ln_sm_op_scatter_nd(ln_sm_call *c) {
  ln_sm_result(c, ln_emit_scatter(c->e, ln_sm_in(c, 0), ln_sm_in(c, 1), ln_sm_in(c, 2)));
}

enum { SCATTER_UPDATE = -1 };

static int32_t scatter_into(ln_sm_call *c, int32_t a, int32_t indices, int32_t updates) {
  if (c->variant == SCATTER_UPDATE) return ln_emit_write_at(c->e, a, indices, updates);
  const int32_t made = ln_emit_scatter(c->e, indices, updates, ln_emit_shape_of(c->e, a));
  return ln_emit_binary(c->e, c->variant, a, made);
}

/* TensorScatterUpdate (variant -1), TensorScatterAdd, TensorScatterSub: tensor, indices, updates */
void ln_sm_op_tensor_scatter(ln_sm_call *c) {
  ln_sm_result(c, scatter_into(c, ln_sm_in(c, 0), ln_sm_in(c, 1), ln_sm_in(c, 2)));
}

/* Each index of several numbers as one, and how many there are. */
static int32_t flat_places(ln_sm_call *c, int32_t a, int32_t indices, int64_t *count) {
  ln_emit *e = c->e;
  const int32_t depth = ln_emit_dim(e, indices, -1);
  int32_t strides[LN_MAX_RANK], last = -1;
  *count = 1;
  for (int32_t i = depth - 1; i >= 0 && depth <= ln_emit_rank(e, a); --i) {
    const int32_t size = ln_emit_dim(e, a, i);
    strides[i] = (int32_t)*count;
    if (size < 1 || *count > INT32_MAX / size) return ln_emit_refuse(e, "its tensor has an open size");
    *count *= size;
  }
  if (depth < 1 || depth > ln_emit_rank(e, a)) return ln_emit_refuse(e, "its indices have an open size");
  const int32_t parts = ln_emit_mul(e, ln_emit_cast(e, indices, LN_INT32), ln_emit_vector(e, depth, strides));
  return ln_emit_reduce(e, LN_OP_SUM, parts, 1, &last, false);
}

/* TensorScatterMax, TensorScatterMin: the extreme of all updates of a place, and of what was there */
void ln_sm_op_tensor_scatter_extreme(ln_sm_call *c) {
  ln_emit *e = c->e;
  const int32_t a = ln_sm_in(c, 0), indices = ln_sm_in(c, 1), updates = ln_sm_in(c, 2);
  int64_t count;
  if (a < 0 || indices < 0) return;
  const int32_t places = flat_places(c, a, indices, &count);
  const bool most = c->variant == LN_OP_MAXIMUM;
  const int32_t code = most ? LN_OP_UNSORTED_SEGMENT_MAX : LN_OP_UNSORTED_SEGMENT_MIN;
  const int32_t in[3] = {updates, places, ln_emit_i32(e, (int32_t)count)};
  const int32_t made = ln_emit_reshape_like(e, op1(e, code, NULL, 3, in), a);
  ln_sm_result(c, ln_emit_binary(e, c->variant, a, made));
}

/* ResourceScatterUpdate and its like: variable, rows, updates; ResourceScatterNdUpdate has whole indices */
static void scatter_variable(ln_sm_call *c, bool rows) {
  if (c->in_count < 3 || c->in[0].kind != LN_SM_VARIABLE) {
    ln_emit_wrong(c->e, "its first input is no variable");
    return;
  }
  const int32_t old = ln_sm_read_variable(c->scope, &c->in[0]);
  int32_t indices = ln_sm_in(c, 1), updates = ln_sm_in(c, 2);
  const int32_t last = ln_emit_rank(c->e, indices);
  if (rows) {
    /* one update may stand for all */
    const int32_t want = last + ln_emit_rank(c->e, old) - 1;
    if (ln_emit_rank(c->e, updates) == 0 && want > 0 && want <= LN_MAX_RANK) {
      ln_dim dims[LN_MAX_RANK];
      for (int32_t i = 0; i < want; ++i) dims[i] = i < last ? LN_DIM_OF(indices, i) : LN_DIM_OF(old, i - last + 1);
      updates = ln_emit_broadcast(c->e, updates, want, dims);
    }
    indices = ln_emit_expand(c->e, indices, 1, &last);
  }
  const ln_sm_value made = ln_sm_tensor(c->e, scatter_into(c, old, indices, updates));
  ln_sm_assign_variable(c, &c->in[0], &made);
  ln_sm_give_value(c, 0, c->in[0]);
}

void ln_sm_op_scatter_variable(ln_sm_call *c) { scatter_variable(c, true); }
void ln_sm_op_scatter_variable_nd(ln_sm_call *c) { scatter_variable(c, false); }

/* SparseToDense: indices, shape, values, default */
void ln_sm_op_sparse_to_dense(ln_sm_call *c) {
  const int32_t values = ln_sm_in(c, 2);
  const int32_t in[4] = {ln_sm_in(c, 0), ln_sm_in(c, 1), values, ln_sm_in(c, 3)};
  ln_sm_result(c, ln_emit_op(c->e, LN_OP_SPARSE_TO_DENSE, NULL, 4, in, ln_emit_type(c->e, values)));
}

void ln_sm_op_invert_permutation(ln_sm_call *c) {
  ln_emit *e = c->e;
  const int32_t a = ln_sm_in(c, 0), last = 1;
  const int32_t numbers = ln_emit_count_up(e, ln_emit_size_of(e, a, 0));
  const int32_t made = ln_emit_scatter(e, ln_emit_expand(e, a, 1, &last), numbers, ln_emit_shape_of(e, a));
  ln_sm_result(c, ln_emit_cast(e, made, ln_emit_type(e, a)));
}

/* ---- segments ---- */

static int32_t segment_count(ln_sm_call *c, int32_t ids) {
  const int32_t first = 0;
  return ln_emit_add_number(c->e, ln_emit_reduce(c->e, LN_OP_REDUCE_MAX, ids, 1, &first, false), 1);
}

static int32_t unsorted(ln_sm_call *c, int32_t code, int32_t a, int32_t ids, int32_t count) {
  return op1(c->e, code, NULL, 3, (const int32_t[]){a, ids, count});
}

/* Sums divided by how many there were; by one where there were none. */
static int32_t mean_of(ln_sm_call *c, int32_t a, int32_t ids, int32_t count, int32_t ids_rank) {
  ln_emit *e = c->e;
  const int32_t ones = ln_emit_filled_like(e, ids, ln_emit_type(e, a), 1);
  int32_t many = unsorted(c, LN_OP_UNSORTED_SEGMENT_SUM, ones, ids, count);
  many = ln_emit_binary(e, LN_OP_MAXIMUM, many, ln_emit_scalar(e, ln_emit_type(e, a), 1));
  int32_t axes[LN_MAX_RANK], more = ln_emit_rank(e, a) - ids_rank;
  for (int32_t i = 0; i < more; ++i) axes[i] = 1 + i;
  if (more > 0) many = ln_emit_expand(e, many, more, axes);
  return ln_emit_div(e, unsorted(c, LN_OP_UNSORTED_SEGMENT_SUM, a, ids, count), many);
}

enum { SEGMENT_MEAN = -1 };

/* SegmentSum, SegmentMean, SegmentMax, ...: the last id says how many segments there are */
void ln_sm_op_segment(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0), ids = as_i32(c, 1);
  if (c->variant == LN_OP_SEGMENT_SUM) {
    ln_sm_result(c, op1(c->e, LN_OP_SEGMENT_SUM, NULL, 2, (const int32_t[]){a, ids}));
  } else if (c->variant == SEGMENT_MEAN) {
    ln_sm_result(c, mean_of(c, a, ids, segment_count(c, ids), 1));
  } else {
    ln_sm_result(c, unsorted(c, c->variant, a, ids, segment_count(c, ids)));
  }
}

/* UnsortedSegmentSum and its like: data, ids, count */
void ln_sm_op_unsorted_segment(ln_sm_call *c) {
  ln_sm_result(c, unsorted(c, c->variant, ln_sm_in(c, 0), as_i32(c, 1), as_i32(c, 2)));
}

/* SparseSegmentSum, SparseSegmentMean, SparseSegmentSqrtN: data, rows of it, ids */
void ln_sm_op_sparse_segment(ln_sm_call *c) {
  const int32_t rows = ln_emit_gather(c->e, ln_sm_in(c, 0), as_i32(c, 1), 0, 0), ids = as_i32(c, 2);
  ln_sm_result(c, c->variant == SEGMENT_MEAN ? mean_of(c, rows, ids, segment_count(c, ids), 1)
                                             : op1(c->e, LN_OP_SEGMENT_SUM, NULL, 2, (const int32_t[]){rows, ids}));
}

/* ---- counting ---- */

/* Bincount: numbers, size, weights; DenseBincount (variant 1), which keeps rows apart and may say only whether */
void ln_sm_op_bincount(ln_sm_call *c) {
  ln_emit *e = c->e;
  int32_t a = as_i32(c, 0);
  const int32_t size = as_i32(c, 1), weights = ln_sm_in(c, 2);
  const ln_type type = ln_emit_type(e, weights);
  const bool weighed = ln_emit_elements(e, weights) != 0, truth = ln_sm_bool(c, "binary_output", false);
  const ln_dim rest = LN_DIM_REST;
  const bool rows = c->variant == 1 && ln_emit_rank(e, a) == 2;
  if (!rows && ln_emit_rank(e, a) != 1) a = ln_emit_reshape(e, a, 1, &rest);
  int32_t hot = ln_emit_ones(e, a, size, -1, type);
  const int32_t axis = rows ? 1 : 0, last = rows ? 2 : 1;
  if (weighed && !truth) {
    const int32_t flat = rows || ln_emit_rank(e, weights) == 1 ? weights : ln_emit_reshape(e, weights, 1, &rest);
    hot = ln_emit_mul(e, hot, ln_emit_expand(e, flat, 1, &last));
  }
  ln_sm_result(c, ln_emit_reduce(e, truth ? LN_OP_REDUCE_MAX : LN_OP_SUM, hot, 1, &axis, false));
}

/* LowerBound, UpperBound (variant: what stands before a value): sorted rows, values */
void ln_sm_op_bound(ln_sm_call *c) {
  ln_type type = LN_INT32;
  const int32_t middle = 1, last = -1, end = 2;
  ln_nodedef_type(c->def, "out_type", &type);
  const int32_t rows = ln_emit_expand(c->e, ln_sm_in(c, 0), 1, &middle),
                values = ln_emit_expand(c->e, ln_sm_in(c, 1), 1, &end);
  const int32_t before = ln_emit_cast(c->e, ln_emit_compare(c->e, c->variant, rows, values), LN_INT32);
  ln_sm_result(c, ln_emit_cast(c->e, ln_emit_reduce(c->e, LN_OP_SUM, before, 1, &last, false), type));
}

void ln_sm_op_bucketize(ln_sm_call *c) {
  enum { MOST = 4096 };
  float *list = ln_arena_array(ln_emit_arena(c->e), MOST, sizeof *list);
  int32_t count = 0;
  const int32_t a = ln_sm_in(c, 0);
  if (list == NULL || !ln_nodedef_floats(c->def, "boundaries", list, MOST, &count) || count > MOST) {
    ln_emit_refuse(c->e, "its boundaries are none, or more than %d", MOST);
    return;
  }
  const ln_bucketize_options options = {.boundaries = {list, (uint32_t)count}};
  ln_sm_result(c, ln_emit_op(c->e, LN_OP_BUCKETIZE, &options, 1, &a, LN_INT32));
}

void ln_sm_op_cumprod(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  int32_t axis;
  if (!ln_sm_axis(c, 1, ln_emit_rank(c->e, a), &axis)) return;
  const bool exclusive = ln_sm_bool(c, "exclusive", false), reverse = ln_sm_bool(c, "reverse", false);
  ln_sm_result(c, ln_emit_cumprod(c->e, a, axis, exclusive, reverse));
}

/* ---- boxes ---- */

/* NonMaxSuppression to V5: boxes, scores, most [, overlap [, least score [, sigma]]] > indices [, scores] [, how many]
 */
void ln_sm_op_non_max(ln_sm_call *c) {
  ln_emit *e = c->e;
  const int32_t version = c->variant;
  double sigma = 0;
  /* TensorFlow has no hard limit where it lowers scores; TensorFlow Lite has both. */
  const bool soft = version == 5 && ln_emit_number(e, ln_sm_in(c, 5), &sigma) && sigma > 0;
  const bool has_limit = version > 1 && !soft;
  const int32_t overlap = has_limit ? ln_sm_in(c, 3) : ln_emit_f32(e, soft ? 1 : ln_sm_float(c, "iou_threshold", 0.5));
  const int32_t least = version >= 3 ? ln_sm_in(c, 4) : ln_emit_f32(e, -3.4e38);
  const int32_t in[6] = {ln_sm_in(c, 0), ln_sm_in(c, 1), ln_sm_in(c, 2),
                         overlap,        least,          version == 5 ? ln_sm_in(c, 5) : -1};
  const ln_type types[3] = {LN_INT32, version == 5 ? LN_FLOAT32 : LN_INT32, LN_INT32};
  int32_t out[3];
  const int32_t code = version == 5 ? LN_OP_NON_MAX_SUPPRESSION_V5 : LN_OP_NON_MAX_SUPPRESSION_V4;
  if (!ln_emit_ops(e, code, NULL, version == 5 ? 6 : 5, in, version == 5 ? 3 : 2, types, out)) return;
  const int32_t valid = out[version == 5 ? 2 : 1], nothing = 0;
  const bool padded = version >= 4 && ln_sm_bool(c, "pad_to_max_output_size", false);
  const ln_dim count = LN_DIM_IS(valid);
  const int32_t size = ln_emit_dims(e, 1, &count);
  for (int32_t i = 0; i < (version == 5 ? 2 : 1); ++i) {
    const int32_t cut[3] = {out[i], ln_emit_vector(e, 1, &nothing), size};
    ln_sm_give(c, i, padded ? out[i] : op1(e, LN_OP_SLICE, NULL, 3, cut));
  }
  ln_sm_give(c, version == 5 ? 2 : 1, valid);
}

/* ---- matrices ---- */

static int32_t zero_of(ln_emit *e, int32_t a) { return ln_emit_scalar(e, ln_emit_type(e, a), 0); }

/* MatrixBandPart: matrices, how many diagonals below, above; negative: all */
void ln_sm_op_band_part(ln_sm_call *c) {
  ln_emit *e = c->e;
  const int32_t a = ln_sm_in(c, 0);
  int64_t below, above;
  if (!ln_sm_const_int(c, 1, "band", &below) || !ln_sm_const_int(c, 2, "band", &above)) return;
  const int32_t right = ln_emit_diagonals(e, a);
  int32_t inside = -1;
  if (below >= 0)
    inside = ln_emit_compare(e, LN_OP_GREATER_EQUAL, right,
                             ln_emit_i32(e, below < INT32_MAX ? -(int32_t)below : -INT32_MAX));
  if (above >= 0) {
    const int32_t upper =
        ln_emit_compare(e, LN_OP_LESS_EQUAL, right, ln_emit_i32(e, above < INT32_MAX ? (int32_t)above : INT32_MAX));
    inside = inside < 0 ? upper : ln_emit_binary(e, LN_OP_LOGICAL_AND, inside, upper);
  }
  ln_sm_result(c, inside < 0 ? a : ln_emit_select(e, inside, a, zero_of(e, a)));
}

/* Which diagonal: k of the newer forms, one number. */
static bool take_diagonal(ln_sm_call *c, int32_t i, int64_t *k) {
  int64_t both[2];
  int32_t count = 0;
  *k = 0;
  if (i < 0 || i >= c->in_count) return true;
  if (!ln_sm_const_ints(c, i, "diagonals", both, 2, &count)) return false;
  *k = count > 0 ? both[0] : 0;
  if (count < 2 || both[0] == both[1]) return *k > -(1 << 24) && *k < 1 << 24;
  ln_emit_refuse(c->e, "it takes several diagonals at once");
  return false;
}

/* MatrixDiag, V2, V3: diagonal [, k, rows, columns, padding]; Diag of one dimension */
void ln_sm_op_matrix_diag(ln_sm_call *c) {
  ln_emit *e = c->e;
  const int32_t a = ln_sm_in(c, 0), rank = ln_emit_rank(e, a);
  int64_t k, rows = -1, columns = -1;
  double padding = 0;
  if (!take_diagonal(c, 1, &k)) return;
  if (c->in_count > 3 && (!ln_sm_const_int(c, 2, "rows", &rows) || !ln_sm_const_int(c, 3, "columns", &columns))) return;
  if (c->in_count > 4) ln_emit_number(e, ln_sm_in(c, 4), &padding);
  const int32_t size = ln_emit_dim(e, a, -1);
  const int32_t up = k > 0 ? (int32_t)k : 0, down = k < 0 ? (int32_t)-k : 0;
  const bool square = (rows < 0 || rows == size + down) && (columns < 0 || columns == size + up);
  if (padding != 0 || !square || rank + 1 > LN_MAX_RANK) {
    ln_emit_refuse(e, "it pads the matrix");
    return;
  }
  int32_t made = op1(e, LN_OP_MATRIX_DIAG, NULL, 1, &a);
  if (k != 0) {
    int32_t before[LN_MAX_RANK] = {0}, after[LN_MAX_RANK] = {0};
    before[rank - 1] = down;
    after[rank - 1] = up;
    before[rank] = up;
    after[rank] = down;
    made = ln_emit_pad(e, made, before, after, 0);
  }
  ln_sm_result(c, made);
}

/* MatrixSetDiag, V2, V3: matrices, diagonal [, k] */
void ln_sm_op_matrix_set_diag(ln_sm_call *c) {
  int64_t k;
  const int32_t in[2] = {ln_sm_in(c, 0), ln_sm_in(c, 1)};
  if (!take_diagonal(c, 2, &k)) return;
  if (k != 0) ln_emit_refuse(c->e, "it sets another diagonal than the main one");
  ln_sm_result(c, op1(c->e, LN_OP_MATRIX_SET_DIAG, NULL, 2, in));
}

/* MatrixDiagPart, V2, V3: matrices [, k]; DiagPart of two dimensions */
void ln_sm_op_matrix_diag_part(ln_sm_call *c) {
  ln_emit *e = c->e;
  int32_t a = ln_sm_in(c, 0), rank = ln_emit_rank(e, a);
  int64_t k;
  if (!take_diagonal(c, 1, &k) || a < 0) return;
  const int32_t rows = ln_emit_dim(e, a, -2), columns = ln_emit_dim(e, a, -1);
  if (rows < 1 || columns < 1 || k >= columns || -k >= rows || rank < 2) {
    ln_emit_refuse(e, "its matrices have an open size, or no such diagonal");
    return;
  }
  const int32_t top = k < 0 ? (int32_t)-k : 0, left = k > 0 ? (int32_t)k : 0;
  const int32_t count = rows - top < columns - left ? rows - top : columns - left, first = top * columns + left;
  a = ln_emit_flatten(e, a, rank - 2, rank - 1);
  ln_sm_result(c, ln_emit_slice(e, a, rank - 2, first, first + (count - 1) * (columns + 1) + 1, columns + 1));
}
