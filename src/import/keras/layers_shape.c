/* Layers that move, cut, pad, repeat and resize. */
#include <math.h>
#include <string.h>

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

/* The first input of any type. */
static int32_t any_input(ln_keras_call *call) {
  if (call->inputs.count < 1) return ln_emit_wrong(call->e, "it has no input");
  return call->inputs.items[0].tensor;
}

int32_t ln_keras_reshape(ln_keras_call *call) {
  int32_t target[LN_MAX_RANK];
  ln_dim dims[LN_MAX_RANK];
  const int32_t a = any_input(call);
  const int32_t count = ln_keras_ints(call->config, "target_shape", LN_MAX_RANK - 1, target);
  int32_t open = 0;
  dims[0] = LN_DIM_OF(a, 0);
  for (int32_t i = 0; i < count; ++i) {
    open += target[i] == -1;
    if (target[i] < -1 || open > 1) return ln_emit_wrong(call->e, "target_shape is no shape");
    dims[i + 1] = target[i] == -1 ? LN_DIM_REST : LN_DIM(target[i]);
  }
  return ln_emit_reshape(call->e, a, count + 1, dims);
}

int32_t ln_keras_flatten(ln_keras_call *call) {
  const int32_t a = any_input(call);
  const int32_t last = ln_keras_channels_first(call->config) ? ln_emit_channels_last(call->e, a) : a;
  const ln_dim dims[2] = {LN_DIM_OF(a, 0), LN_DIM_REST};
  return ln_emit_reshape(call->e, last, 2, dims);
}

int32_t ln_keras_permute(ln_keras_call *call) {
  int32_t order[LN_MAX_RANK] = {0};
  const int32_t a = any_input(call);
  const int32_t count = ln_keras_ints(call->config, "dims", LN_MAX_RANK - 1, order + 1);
  if (ln_emit_failed(call->e)) return -1;
  if (count + 1 != ln_emit_rank(call->e, a)) return ln_emit_wrong(call->e, "dims are not those of its input");
  return ln_emit_transpose(call->e, a, order);
}

int32_t ln_keras_repeat_vector(ln_keras_call *call) {
  static const int32_t middle = 1;
  const int32_t times[3] = {1, ln_keras_int(call->config, "n", 1), 1}, a = any_input(call);
  if (ln_emit_rank(call->e, a) != 2) return ln_emit_wrong(call->e, "an input of two dimensions is wanted");
  if (times[1] < 1) return ln_emit_wrong(call->e, "n is out of range");
  return ln_emit_tile(call->e, ln_emit_expand(call->e, a, 1, &middle), times);
}

/* ---- padding and cropping ---- */

/* One number for all sides, one for each axis, or two for each; false after a failure. */
static bool read_sides(ln_keras_call *call, const char *key, int32_t rank, int32_t *before, int32_t *after) {
  const cJSON *item = ln_keras_option(call->config, key);
  int32_t values[3], pair[2];
  int32_t count = ln_keras_list(item, 3, values);
  if (rank == 1 && count == 2) {
    before[0] = values[0];
    after[0] = values[1];
    return true;
  }
  if (count == 1 || count == rank) {
    for (int32_t i = 0; i < rank; ++i) before[i] = after[i] = values[count == 1 ? 0 : i];
    return true;
  }
  count = 0;
  for (const cJSON *each = cJSON_IsArray(item) ? item->child : NULL; each != NULL && count < rank; each = each->next) {
    const int32_t found = ln_keras_list(each, 2, pair);
    if (found == 0) break;
    before[count] = pair[0];
    after[count++] = pair[found - 1];
  }
  if (count == rank) return true;
  ln_emit_wrong(call->e, "%s is not understood", key);
  return false;
}

/* code: the rank; negative for cropping. */
int32_t ln_keras_sides(ln_keras_call *call) {
  const bool crops = call->row->code < 0;
  const int32_t rank = crops ? -call->row->code : call->row->code;
  int32_t before[3], after[3], from[LN_MAX_RANK] = {0}, to[LN_MAX_RANK] = {0};
  const int32_t a = any_input(call), first = ln_keras_channels_first(call->config);
  if (!read_sides(call, crops ? "cropping" : "padding", rank, before, after) || ln_emit_failed(call->e)) return -1;
  if (ln_emit_rank(call->e, a) != rank + 2)
    return ln_emit_wrong(call->e, "an input of %d dimensions is wanted", (int)rank + 2);
  for (int32_t i = 0; i < rank; ++i) {
    if (before[i] < 0 || after[i] < 0) return ln_emit_wrong(call->e, "sides are out of range");
    from[i + 1 + first] = crops ? -before[i] : before[i];
    to[i + 1 + first] = crops ? -after[i] : after[i];
  }
  return ln_emit_pad(call->e, a, from, to, 0);
}

/* ---- resizing ---- */

/* Every element of an axis `times` times. */
static int32_t repeated(ln_emit *e, int32_t a, int32_t axis, int32_t times) {
  const int32_t rank = ln_emit_rank(e, a), behind = axis + 1;
  int32_t tiles[LN_MAX_RANK];
  ln_dim dims[LN_MAX_RANK];
  if (ln_emit_failed(e) || times == 1) return a;
  const int32_t size = ln_emit_dim(e, a, axis);
  if (size >= 0 && (int64_t)size * times > INT32_MAX) return ln_emit_wrong(e, "it becomes too large");
  for (int32_t i = 0; i < rank; ++i) dims[i] = LN_DIM_OF(a, i);
  for (int32_t i = 0; i <= rank; ++i) tiles[i] = i == behind ? times : 1;
  dims[axis] = size >= 0 ? LN_DIM(size * times) : LN_DIM_REST;
  return ln_emit_reshape(e, ln_emit_tile(e, ln_emit_expand(e, a, 1, &behind), tiles), rank, dims);
}

static bool read_sizes(ln_keras_call *call, int32_t rank, int32_t *sizes) {
  if (!ln_keras_tuple(call, "size", rank, 2, sizes)) return false;
  for (int32_t i = 0; i < rank; ++i) {
    if (sizes[i] < 1 || sizes[i] > 1 << 16) return ln_emit_wrong(call->e, "size is out of range") > 0;
  }
  return true;
}

static bool is_bilinear(ln_keras_call *call, bool *out) {
  const char *name = ln_keras_text(call->config, "interpolation", call->row->code == 2 ? "nearest" : "bilinear");
  *out = strcmp(name, "bilinear") == 0;
  if (*out || strcmp(name, "nearest") == 0) return true;
  ln_emit_refuse(call->e, "the interpolation %.40s is not in TensorFlow Lite; use bilinear or nearest", name);
  return false;
}

/* int32 [2] of what the height and width become. */
static int32_t larger(ln_keras_call *call, int32_t a, const int32_t *factors) {
  ln_emit *e = call->e;
  ln_dim dims[2];
  for (int32_t i = 0; i < 2; ++i) {
    const int32_t size = ln_emit_dim(e, a, i + 1);
    if (size >= 0 && (int64_t)size * factors[i] > INT32_MAX) return ln_emit_wrong(e, "it becomes too large");
    dims[i] = size >= 0 ? LN_DIM(size * factors[i])
                        : LN_DIM_IS(ln_emit_mul(e, ln_emit_size_of(e, a, i + 1), ln_emit_i32(e, factors[i])));
  }
  return ln_emit_dims(e, 2, dims);
}

int32_t ln_keras_up_sampling(ln_keras_call *call) {
  const int32_t rank = call->row->code, first = ln_keras_channels_first(call->config);
  int32_t sizes[3], a = ln_keras_input(call);
  bool bilinear = false;
  if (!read_sizes(call, rank, sizes) || ln_emit_failed(call->e)) return -1;
  if (ln_emit_rank(call->e, a) != rank + 2)
    return ln_emit_wrong(call->e, "an input of %d dimensions is wanted", (int)rank + 2);
  if (rank == 2) {
    if (!is_bilinear(call, &bilinear)) return -1;
    if (first) a = ln_emit_channels_last(call->e, a);
    a = ln_emit_resize(call->e, a, larger(call, a, sizes), bilinear, LN_EMIT_HALF_PIXEL);
    return first ? ln_emit_channels_first(call->e, a) : a;
  }
  for (int32_t i = 0; i < rank; ++i) a = repeated(call->e, a, i + 1 + first, sizes[i]);
  return a;
}

/* Images of [height, width, channels] get a batch of one on their way. */
static int32_t with_batch(ln_keras_call *call, int32_t a, bool *single) {
  static const int32_t front = 0;
  *single = ln_emit_rank(call->e, a) == 3;
  if (*single) a = ln_emit_expand(call->e, a, 1, &front);
  if (!ln_emit_failed(call->e) && ln_emit_rank(call->e, a) != 4) return ln_emit_wrong(call->e, "images are wanted");
  return ln_keras_channels_first(call->config) ? ln_emit_channels_last(call->e, a) : a;
}

static int32_t without_batch(ln_keras_call *call, int32_t a, bool single) {
  static const int32_t front = 0;
  if (ln_keras_channels_first(call->config)) a = ln_emit_channels_first(call->e, a);
  return single ? ln_emit_squeeze(call->e, a, 1, &front) : a;
}

/* The middle of an image that has the target's proportions. */
static int32_t crop_to_proportions(ln_keras_call *call, int32_t a, const int32_t target[2]) {
  const int32_t in[2] = {ln_emit_dim(call->e, a, 1), ln_emit_dim(call->e, a, 2)};
  if (ln_emit_failed(call->e)) return -1;
  if (in[0] < 1 || in[1] < 1) return ln_emit_refuse(call->e, "the size of its images is open; give it with --shape");
  int32_t size[2];
  for (int32_t i = 0; i < 2; ++i) {
    const int32_t wanted = (int32_t)((float)in[!i] * (float)target[i] / (float)target[!i]);
    size[i] = wanted < in[i] ? wanted : in[i];
    if (size[i] < 1) size[i] = 1;
  }
  const int32_t begin[4] = {0, (in[0] - size[0]) / 2, (in[1] - size[1]) / 2, 0}, sizes[4] = {-1, size[0], size[1], -1};
  return size[0] == in[0] && size[1] == in[1] ? a : ln_emit_slice_all(call->e, a, begin, sizes);
}

/* The whole image in the middle of one with the target's proportions. */
static int32_t pad_to_proportions(ln_keras_call *call, int32_t a, const int32_t target[2]) {
  const int32_t in[2] = {ln_emit_dim(call->e, a, 1), ln_emit_dim(call->e, a, 2)};
  int32_t before[4] = {0}, after[4] = {0};
  if (ln_emit_failed(call->e)) return -1;
  if (in[0] < 1 || in[1] < 1) return ln_emit_refuse(call->e, "the size of its images is open; give it with --shape");
  for (int32_t i = 0; i < 2; ++i) {
    const float wanted = (float)in[!i] * (float)target[i] / (float)target[!i];
    if (wanted > (float)(1 << 20)) return ln_emit_refuse(call->e, "its images become too large");
    const int32_t more = (int32_t)wanted > in[i] ? (int32_t)wanted - in[i] : 0;
    before[i + 1] = more / 2;
    after[i + 1] = more / 2;
  }
  return ln_emit_pad(call->e, a, before, after, ln_keras_number(call->config, "fill_value", 0));
}

static bool target_size(ln_keras_call *call, int32_t size[2]) {
  size[0] = ln_keras_int(call->config, "height", 0);
  size[1] = ln_keras_int(call->config, "width", 0);
  if (size[0] > 0 && size[1] > 0 && size[0] <= 1 << 20 && size[1] <= 1 << 20) return true;
  ln_emit_wrong(call->e, "height or width is out of range");
  return false;
}

int32_t ln_keras_resizing(ln_keras_call *call) {
  int32_t size[2];
  bool bilinear, single;
  if (!target_size(call, size) || !is_bilinear(call, &bilinear)) return -1;
  if (ln_keras_flag(call->config, "antialias", false))
    return ln_emit_refuse(call->e, "antialias is not in TensorFlow Lite");
  int32_t a = with_batch(call, ln_keras_input(call), &single);
  if (ln_keras_flag(call->config, "crop_to_aspect_ratio", false)) a = crop_to_proportions(call, a, size);
  if (ln_keras_flag(call->config, "pad_to_aspect_ratio", false)) a = pad_to_proportions(call, a, size);
  a = ln_emit_resize(call->e, a, ln_emit_vector(call->e, 2, size), bilinear, LN_EMIT_HALF_PIXEL);
  return without_batch(call, a, single);
}

/* code 1: whatever the size, as RandomCrop does where nothing is random. */
int32_t ln_keras_center_crop(ln_keras_call *call) {
  int32_t size[2];
  bool single;
  if (!target_size(call, size)) return -1;
  int32_t a = with_batch(call, ln_keras_input(call), &single);
  const int32_t in[2] = {ln_emit_dim(call->e, a, 1), ln_emit_dim(call->e, a, 2)};
  if (ln_emit_failed(call->e)) return -1;
  if (in[0] < 0 || in[1] < 0) return ln_emit_refuse(call->e, "the size of its images is open; give it with --shape");
  if (call->row->code == 0 && in[0] >= size[0] && in[1] >= size[1]) {
    const int32_t begin[4] = {0, (in[0] - size[0]) / 2, (in[1] - size[1]) / 2, 0},
                  sizes[4] = {-1, size[0], size[1], -1};
    a = ln_emit_slice_all(call->e, a, begin, sizes);
  } else {
    a = crop_to_proportions(call, a, size);
    a = ln_emit_resize(call->e, a, ln_emit_vector(call->e, 2, size), true, LN_EMIT_HALF_PIXEL);
  }
  return without_batch(call, a, single);
}

/* ---- a layer for each step ---- */

/* Batch and time become one dimension, and two again. */
int32_t ln_keras_time_distributed(ln_keras_call *call) {
  ln_emit *e = call->e;
  ln_keras_weights inner;
  ln_keras_value value = {-1, -1};
  ln_keras_values outputs;
  ln_dim dims[LN_MAX_RANK];
  const int32_t a = any_input(call), rank = ln_emit_rank(e, a);
  const cJSON *layer = ln_keras_option(call->config, "layer");
  if (ln_emit_failed(e) || !ln_keras_inner(call, layer, "layer", &inner)) return -1;
  if (rank < 2) return ln_emit_wrong(e, "an input with time is wanted");
  dims[0] = LN_DIM_REST;
  for (int32_t i = 2; i < rank; ++i) dims[i - 1] = LN_DIM_OF(a, i);
  value.tensor = ln_emit_reshape(e, a, rank - 1, dims);
  if (!ln_keras_apply(call, layer, &inner, (ln_keras_values){&value, 1}, &outputs)) return -1;
  if (!ln_keras_give(call, outputs.count)) return -1;
  for (int32_t i = 0; i < outputs.count; ++i) {
    const int32_t made = outputs.items[i].tensor, made_rank = ln_emit_rank(e, made);
    if (made_rank < 1 || made_rank >= LN_MAX_RANK) return ln_emit_refuse(e, "the layer inside gives no steps");
    dims[0] = ln_emit_dim(e, a, 0) < 0 && ln_emit_dim(e, a, 1) >= 0 ? LN_DIM_REST : LN_DIM_OF(a, 0);
    dims[1] = LN_DIM_OF(a, 1);
    for (int32_t k = 1; k < made_rank; ++k) dims[k + 1] = LN_DIM_OF(made, k);
    call->outputs.items[i] = (ln_keras_value){ln_emit_reshape(e, made, made_rank + 1, dims), call->mask};
  }
  return LN_EMIT_NONE;
}

#endif
