/*
 * Select-TF Fourier transforms over the last one, two or three dimensions, of any length. The row's variant is the
 * number of dimensions and what is transformed (LN_FFT_*): complex numbers, real ones into half a spectrum, or back.
 */
#include <string.h>

#include "kernels/dft.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/wide.h"

enum { FFT_DIMS = 3 };

/* One slice: `full` are the transform's lengths; `in` and `out` those of what the tensors hold along them. */
typedef struct fft_args {
  int32_t dims;
  int32_t full[FFT_DIMS], in[FFT_DIMS], out[FFT_DIMS];
  ln_dft dft[FFT_DIMS];
  size_t points, most_plan, longest; /* of `full`, their product; the largest plan; the longest line */
} fft_args;

static int32_t dims_of(const ln_node *node) { return node->op->def->variant & LN_FFT_DIMS; }
static bool is_real(const ln_node *node) { return (node->op->def->variant & (LN_FFT_TO_HALF | LN_FFT_FROM_HALF)) != 0; }
static bool to_half(const ln_node *node) { return (node->op->def->variant & LN_FFT_TO_HALF) != 0; }
static bool from_half(const ln_node *node) { return (node->op->def->variant & LN_FFT_FROM_HALF) != 0; }
static bool is_inverse(const ln_node *node) { return (node->op->def->variant & LN_FFT_INVERSE) != 0; }

/* The transform's lengths: the input's, or what the second input says. */
static ln_status read_lengths(const ln_node *node, ln_error *err, int32_t full[FFT_DIMS]) {
  const ln_shape *in = &node->in[0]->shape;
  const int32_t dims = dims_of(node);
  int64_t lengths[FFT_DIMS];
  int32_t count = dims;
  if (in->rank < dims) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input has less than %d dimensions", dims);
  for (int32_t i = 0; i < dims; ++i) lengths[i] = in->dims[in->rank - dims + i];
  if (is_real(node)) LN_TRY(ln_node_ints(node, 1, lengths, FFT_DIMS, &count, err));
  if (count != dims) return ln_node_fail(node, err, LN_ERR_SHAPE, "%d lengths for %d dimensions", count, dims);
  for (int32_t i = 0; i < dims; ++i) {
    const bool nothing = lengths[i] == 0 && !is_real(node);
    if (!nothing && ln_k_dft_plan_length(lengths[i]) == 0) {
      return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "a transform of %lld points", (long long)lengths[i]);
    }
    full[i] = (int32_t)lengths[i];
  }
  return LN_OK;
}

ln_status ln_flex_fft_infer(ln_node *node, ln_error *err) {
  int32_t full[FFT_DIMS];
  LN_TRY(read_lengths(node, err, full));
  const int32_t dims = dims_of(node);
  ln_shape shape = node->in[0]->shape;
  for (int32_t i = 0; i < dims; ++i) shape.dims[shape.rank - dims + i] = full[i];
  if (to_half(node)) shape.dims[shape.rank - 1] = full[dims - 1] / 2 + 1;
  return ln_node_set_shape(node, 0, &shape, err);
}

static bool make_dft(ln_dft *dft, int32_t length, ln_arena *arena) {
  const int32_t size = ln_k_dft_plan_length(length);
  ln_fft_f64 *plan = &dft->plan;
  dft->length = length;
  plan->length = size;
  plan->order = ln_arena_array(arena, (size_t)size, sizeof *plan->order);
  plan->twiddles = ln_arena_array(arena, 2 * (size_t)size, sizeof *plan->twiddles);
  plan->split = ln_arena_array(arena, (size_t)size + 1, sizeof *plan->split);
  if (size != length) {
    dft->chirp = ln_arena_array(arena, 2 * (size_t)length, sizeof *dft->chirp);
    dft->spectrum = ln_arena_array(arena, 2 * (size_t)size, sizeof *dft->spectrum);
    if (dft->chirp == NULL || dft->spectrum == NULL) return false;
  }
  double *work = ln_alloc_array(2 * (size_t)size, sizeof *work);
  const bool good = plan->order != NULL && plan->twiddles != NULL && plan->split != NULL && work != NULL;
  if (good) ln_k_dft_init(dft, work);
  ln_free(work);
  return good;
}

ln_status ln_flex_fft_prepare(ln_node *node, ln_prep *prep) {
  fft_args *args = LN_NODE_ARGS(node, prep, fft_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  const ln_shape *in = &node->in[0]->shape, *out = &node->out[0]->shape;
  args->dims = dims_of(node);
  LN_TRY(read_lengths(node, prep->err, args->full));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  args->points = 1;
  bool fits = true;
  for (int32_t i = 0; i < args->dims && fits; ++i) {
    args->in[i] = in->dims[in->rank - args->dims + i];
    args->out[i] = out->dims[out->rank - args->dims + i];
    fits = make_dft(&args->dft[i], args->full[i], prep->arena) &&
           ln_size_mul(args->points, (size_t)args->full[i], &args->points);
    if ((size_t)args->dft[i].plan.length > args->most_plan) args->most_plan = (size_t)args->dft[i].plan.length;
    if ((size_t)args->full[i] > args->longest) args->longest = (size_t)args->full[i];
  }
  size_t extra = 0;
  fits = fits && ln_size_mul(2, args->points, &extra) &&
         ln_size_add(extra, 4 * args->most_plan + 2 * args->longest, &extra);
  if (!fits) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory for the tables of a Fourier transform");
  return ln_wide_reserve(node, prep, extra);
}

/* Where point `index` of a box of `lengths` stands in a box of `other`; false when it is outside. */
static bool place_in(const fft_args *args, size_t index, const int32_t *lengths, const int32_t *other, size_t *place) {
  size_t at = 0, stride = 1;
  for (int32_t i = args->dims - 1; i >= 0; --i) {
    const size_t x = index % (size_t)lengths[i];
    if (x >= (size_t)other[i]) return false;
    at += x * stride;
    stride *= (size_t)other[i];
    index /= (size_t)lengths[i];
  }
  *place = at;
  return true;
}

/* All lines of `work` along a dimension. */
static void transform_lines(const fft_args *args, int32_t dim, bool inverse, double *work, double *scratch) {
  const size_t length = (size_t)args->full[dim];
  double *line = scratch + 4 * args->most_plan;
  size_t inner = 1;
  for (int32_t i = dim + 1; i < args->dims; ++i) inner *= (size_t)args->full[i];
  for (size_t l = 0; l < args->points / length; ++l) {
    double *start = work + 2 * (l / inner * inner * length + l % inner);
    for (size_t k = 0; k < length; ++k) memcpy(line + 2 * k, start + 2 * k * inner, 2 * sizeof *line);
    ln_k_dft(&args->dft[dim], inverse, line, scratch);
    for (size_t k = 0; k < length; ++k) memcpy(start + 2 * k * inner, line + 2 * k, 2 * sizeof *line);
  }
}

/* Rows of half spectra made whole: what stands beyond the middle is the conjugate of what stands before it. */
static void complete_rows(const fft_args *args, double *work) {
  const size_t n = (size_t)args->full[args->dims - 1];
  for (size_t r = 0; r < args->points / n; ++r) {
    double *row = work + 2 * r * n;
    row[1] = 0.0;
    if (n % 2 == 0) row[n + 1] = 0.0;
    for (size_t k = 1; k < (n + 1) / 2; ++k) {
      row[2 * (n - k)] = row[2 * k];
      row[2 * (n - k) + 1] = -row[2 * k + 1];
    }
  }
}

/* A slice of the input, cropped to the transform or padded with zeros; of a half spectrum the first half alone. */
static void load_slice(const ln_node *node, const double *in, double *work) {
  const fft_args *args = node->args;
  int32_t given[FFT_DIMS];
  size_t place;
  memcpy(given, args->in, sizeof given);
  if (from_half(node)) {
    const int32_t half = args->full[args->dims - 1] / 2 + 1;
    if (given[args->dims - 1] > half) given[args->dims - 1] = half;
  }
  for (size_t i = 0; i < args->points; ++i) {
    double *to = work + 2 * i;
    size_t within;
    to[0] = to[1] = 0.0;
    if (!place_in(args, i, args->full, given, &within) || !place_in(args, i, args->full, args->in, &place)) continue;
    if (to_half(node)) to[0] = in[place];
    else memcpy(to, in + 2 * place, 2 * sizeof *to);
  }
}

static void transform_slice(const ln_node *node, const double *in, double *out, double *extra) {
  const fft_args *args = node->args;
  double *work = extra, *scratch = extra + 2 * args->points;
  const int32_t last = args->dims - 1;
  const bool inverse = is_inverse(node);
  size_t place;
  load_slice(node, in, work);
  if (!from_half(node)) transform_lines(args, last, inverse, work, scratch);
  for (int32_t d = 0; d < last; ++d) transform_lines(args, d, inverse, work, scratch);
  if (from_half(node)) {
    complete_rows(args, work);
    transform_lines(args, last, inverse, work, scratch);
  }
  for (size_t i = 0; i < args->points; ++i) {
    if (!place_in(args, i, args->full, args->out, &place)) continue;
    if (from_half(node)) out[place] = work[2 * i];
    else memcpy(out + 2 * place, work + 2 * i, 2 * sizeof *out);
  }
}

ln_status ln_flex_fft_run(const ln_node *node, ln_exec *exec) {
  const fft_args *args = node->args;
  const ln_shape *in = &node->in[0]->shape, *out = &node->out[0]->shape;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  ln_wide w;
  ln_wide_open(node, exec, &w);
  const size_t slices = ln_shape_span(out, 0, out->rank - args->dims);
  const size_t in_size = ln_shape_span(in, in->rank - args->dims, in->rank) * (to_half(node) ? 1 : 2);
  const size_t out_size = ln_shape_span(out, out->rank - args->dims, out->rank) * (from_half(node) ? 1 : 2);
  for (size_t s = 0; s < slices; ++s) transform_slice(node, w.in[0] + s * in_size, w.out[0] + s * out_size, w.extra);
  ln_wide_close(node, &w);
  return LN_OK;
}
