/* Functions of keras.ops and TensorFlow that move and cut. */
#include <limits.h>
#include <string.h>

#include "import/keras/functions.h"

#ifdef LN_HAVE_CJSON

/* ---- shapes ---- */

/* Dimensions of a shape that is a list of numbers and tensors; the count, -1 after a failure. */
static int32_t read_shape(ln_keras_call *call, const cJSON *item, ln_dim *dims) {
  int32_t count = 0;
  if (cJSON_IsNumber(item)) {
    dims[0] = item->valueint == -1 ? LN_DIM_REST : LN_DIM(item->valueint);
    return 1;
  }
  if (!cJSON_IsArray(item)) return ln_emit_wrong(call->e, "its shape is none");
  for (const cJSON *each = item->child; each != NULL; each = each->next) {
    if (count == LN_MAX_RANK) return ln_emit_refuse(call->e, "its shape has too many dimensions");
    if (cJSON_IsNumber(each)) dims[count++] = each->valueint < 0 ? LN_DIM_REST : LN_DIM(each->valueint);
    else if (cJSON_IsNull(each)) dims[count++] = LN_DIM_REST;
    else dims[count++] = LN_DIM_IS(ln_keras_operand(call, each, LN_INT32));
  }
  return ln_emit_failed(call->e) ? -1 : count;
}

int32_t ln_keras_reshape_function(ln_keras_call *call) {
  ln_dim dims[LN_MAX_RANK];
  const cJSON *item = ln_keras_choice(call, 1, "newshape", "shape");
  const int32_t a = ln_keras_subject(call);
  if (ln_keras_has_tensor(call, item)) return ln_emit_reshape_to(call->e, a, ln_keras_operand(call, item, LN_INT32));
  const int32_t count = read_shape(call, item, dims);
  if (count < 0) return -1;
  int32_t rests = 0, first = -1;
  for (int32_t i = 0; i < count; ++i) {
    const bool rest = dims[i].size < 0 && dims[i].tensor < 0;
    if (rest && first < 0) first = i;
    rests += rest;
  }
  if (rests > 1 && first == 0) dims[0] = LN_DIM_OF(a, 0); /* the batch, and one more that is open */
  return ln_emit_reshape(call->e, a, count, dims);
}

int32_t ln_keras_broadcast_to(ln_keras_call *call) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t a = ln_keras_subject(call), count = read_shape(call, ln_keras_choice(call, 1, "shape", NULL), dims);
  if (count < 0 || ln_emit_failed(call->e)) return -1;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t axis = i - count + ln_emit_rank(call->e, a);
    if (dims[i].size < 0 && dims[i].tensor < 0 && axis >= 0) dims[i] = LN_DIM_OF(a, axis);
  }
  return ln_emit_broadcast(call->e, a, count, dims);
}

int32_t ln_keras_transpose(ln_keras_call *call) {
  int32_t order[LN_MAX_RANK];
  const int32_t a = ln_keras_subject(call), rank = ln_emit_rank(call->e, a);
  const int32_t count = ln_keras_choices(call, 1, "axes", "perm", order);
  for (int32_t i = 0; i < rank && count == 0; ++i) order[i] = rank - 1 - i;
  if (count != 0 && count != rank) return ln_emit_wrong(call->e, "its axes are not those of its input");
  for (int32_t i = 0; i < rank; ++i) order[i] += order[i] < 0 ? rank : 0;
  return ln_emit_transpose(call->e, a, order);
}

int32_t ln_keras_expand_dims(ln_keras_call *call) {
  int32_t axes[LN_MAX_RANK];
  const int32_t count = ln_keras_choices(call, 1, "axis", NULL, axes);
  if (count < 1) return ln_emit_wrong(call->e, "it has no axis");
  return ln_emit_expand(call->e, ln_keras_subject(call), count, axes);
}

int32_t ln_keras_squeeze(ln_keras_call *call) {
  int32_t axes[LN_MAX_RANK];
  const int32_t a = ln_keras_subject(call), rank = ln_emit_rank(call->e, a);
  int32_t count = ln_keras_choices(call, 1, "axis", NULL, axes);
  for (int32_t i = 0; i < rank && ln_keras_choice(call, 1, "axis", NULL) == NULL; ++i) {
    if (ln_emit_dim(call->e, a, i) == 1) axes[count++] = i;
  }
  return ln_emit_squeeze(call->e, a, count, axes);
}

int32_t ln_keras_swap_axes(ln_keras_call *call) {
  return ln_emit_swap(call->e, ln_keras_subject(call), ln_keras_choice_int(call, 1, "axis1", NULL, 0),
                      ln_keras_choice_int(call, 2, "axis2", NULL, 1));
}

int32_t ln_keras_move_axis(ln_keras_call *call) {
  int32_t from[LN_MAX_RANK], to[LN_MAX_RANK], order[LN_MAX_RANK], used = 0;
  bool taken[LN_MAX_RANK] = {false};
  const int32_t a = ln_keras_subject(call), rank = ln_emit_rank(call->e, a);
  const int32_t count = ln_keras_choices(call, 1, "source", NULL, from);
  if (count < 1 || ln_keras_choices(call, 2, "destination", NULL, to) != count)
    return ln_emit_wrong(call->e, "its axes are no pairs");
  for (int32_t i = 0; i < rank; ++i) order[i] = -1;
  for (int32_t i = 0; i < count; ++i) {
    from[i] += from[i] < 0 ? rank : 0;
    to[i] += to[i] < 0 ? rank : 0;
    if (from[i] < 0 || from[i] >= rank || to[i] < 0 || to[i] >= rank)
      return ln_emit_wrong(call->e, "its axes are out of range");
    order[to[i]] = from[i];
    taken[from[i]] = true;
  }
  for (int32_t i = 0; i < rank; ++i) {
    if (order[i] >= 0) continue;
    while (used < rank && taken[used]) ++used;
    order[i] = used++;
  }
  return ln_emit_transpose(call->e, a, order);
}

int32_t ln_keras_ravel(ln_keras_call *call) {
  const ln_dim dims[1] = {LN_DIM_REST};
  return ln_emit_reshape(call->e, ln_keras_subject(call), 1, dims);
}

int32_t ln_keras_shape_function(ln_keras_call *call) { return ln_emit_shape_of(call->e, ln_keras_subject(call)); }

/* ---- several tensors ---- */

/* Tensors and numbers of the first argument as tensors of one type; the count, 0 after a failure. */
static int32_t all_parts(ln_keras_call *call, int32_t *parts) {
  const cJSON *item = call->first;
  int32_t count = 0;
  if (call->inputs.count == 0) return ln_emit_wrong(call->e, "it has no inputs"), 0;
  const ln_type type = ln_emit_type(call->e, call->inputs.items[0].tensor);
  if (!cJSON_IsArray(item) || ln_keras_has_tensor(call, item)) {
    for (; count < call->inputs.count; ++count) parts[count] = call->inputs.items[count].tensor;
    return count;
  }
  for (const cJSON *each = item->child; each != NULL; each = each->next) {
    if (count == LN_KERAS_VALUES) return ln_emit_refuse(call->e, "it has too many inputs"), 0;
    parts[count] = ln_keras_operand(call, each, type);
    if (ln_emit_failed(call->e)) return 0;
    parts[count] = ln_emit_cast(call->e, parts[count], type);
    ++count;
  }
  return count;
}

int32_t ln_keras_concatenate_function(ln_keras_call *call) {
  int32_t parts[LN_KERAS_VALUES];
  const int32_t count = all_parts(call, parts);
  if (count < 1) return -1;
  return count == 1 ? parts[0] : ln_emit_concat(call->e, ln_keras_choice_int(call, 1, "axis", NULL, 0), count, parts);
}

int32_t ln_keras_stack(ln_keras_call *call) {
  int32_t parts[LN_KERAS_VALUES];
  const int32_t count = all_parts(call, parts);
  return count < 1 ? -1 : ln_emit_pack(call->e, ln_keras_choice_int(call, 1, "axis", NULL, 0), count, parts);
}

int32_t ln_keras_unstack(ln_keras_call *call) {
  int32_t parts[LN_KERAS_VALUES];
  const int32_t a = ln_keras_subject(call), axis = ln_keras_choice_int(call, -1, "axis", NULL, 0);
  const int32_t count = ln_emit_dim(call->e, a, axis);
  if (count < 1 || count > LN_KERAS_VALUES)
    return ln_emit_refuse(call->e, "the number of its parts is open or too large");
  if (!ln_emit_unpack(call->e, a, axis, count, parts) || !ln_keras_give(call, count)) return -1;
  for (int32_t i = 0; i < count; ++i) call->outputs.items[i].tensor = parts[i];
  return LN_EMIT_NONE;
}

/* Sizes of parts: so many of one size; or in Keras the places of cuts, in TensorFlow the sizes. */
static int32_t part_sizes(ln_keras_call *call, const cJSON *item, int32_t size, int32_t *sizes) {
  int32_t count = 0, before = 0;
  if (cJSON_IsNumber(item)) {
    const int32_t number = item->valueint;
    if (number < 1 || number > LN_KERAS_VALUES || size % number != 0) return 0;
    for (; count < number; ++count) sizes[count] = size / number;
    return count;
  }
  for (const cJSON *each = cJSON_IsArray(item) ? item->child : NULL; each != NULL; each = each->next) {
    if (count + 1 >= LN_KERAS_VALUES || !cJSON_IsNumber(each)) return 0;
    sizes[count] = call->k->keras3 ? each->valueint - before : each->valueint;
    before = each->valueint;
    if (sizes[count] < 0) return 0;
    ++count;
  }
  if (call->k->keras3 && count > 0) sizes[count++] = size - before;
  return count;
}

int32_t ln_keras_split(ln_keras_call *call) {
  int32_t parts[LN_KERAS_VALUES], sizes[LN_KERAS_VALUES];
  const int32_t a = ln_keras_subject(call), axis = ln_keras_choice_int(call, 2, "axis", NULL, 0);
  const int32_t size = ln_emit_dim(call->e, a, axis);
  if (size < 0) return ln_emit_refuse(call->e, "the dimension that it splits is open; give it with --shape");
  const int32_t count =
      part_sizes(call, ln_keras_choice(call, 1, "indices_or_sections", "num_or_size_splits"), size, sizes);
  if (count < 1) return ln_emit_wrong(call->e, "its parts do not come out");
  if (!ln_emit_split(call->e, a, axis, count, sizes, parts) || !ln_keras_give(call, count)) return -1;
  for (int32_t i = 0; i < count; ++i) call->outputs.items[i].tensor = parts[i];
  return LN_EMIT_NONE;
}

/* ---- copies ---- */

int32_t ln_keras_flip(ln_keras_call *call) {
  int32_t axes[LN_MAX_RANK], a = ln_keras_subject(call);
  int32_t count = ln_keras_choices(call, 1, "axis", NULL, axes);
  for (int32_t i = 0; i < ln_emit_rank(call->e, a) && ln_keras_choice(call, 1, "axis", NULL) == NULL; ++i)
    axes[count++] = i;
  for (int32_t i = 0; i < count; ++i) a = ln_emit_reverse(call->e, a, axes[i]);
  return a;
}

int32_t ln_keras_tile(ln_keras_call *call) {
  int32_t given[LN_MAX_RANK], times[LN_MAX_RANK], a = ln_keras_subject(call);
  const int32_t count = ln_keras_choices(call, 1, "repeats", "multiples", given);
  if (count < 1) return ln_emit_refuse(call->e, "its repeats are not whole numbers");
  while (!ln_emit_failed(call->e) && ln_emit_rank(call->e, a) < count) a = ln_emit_expand(call->e, a, 1, &(int32_t){0});
  const int32_t rank = ln_emit_rank(call->e, a);
  for (int32_t i = 0; i < rank; ++i) times[i] = i < rank - count ? 1 : given[i - rank + count];
  return ln_emit_tile(call->e, a, times);
}

int32_t ln_keras_repeat(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t a = ln_keras_subject(call), axis = ln_keras_choice_int(call, 2, "axis", NULL, INT_MIN);
  const int32_t times = ln_keras_choice_int(call, 1, "repeats", NULL, -1);
  if (ln_emit_failed(e)) return -1;
  if (times < 1) return ln_emit_refuse(e, "repeats that differ are not read");
  if (axis == INT_MIN) {
    a = ln_keras_ravel(call);
    axis = 0;
  }
  const int32_t rank = ln_emit_rank(e, a);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank || rank >= LN_MAX_RANK) return ln_emit_wrong(e, "its axis is out of range");
  const int32_t size = ln_emit_dim(e, a, axis), behind = axis + 1;
  int32_t tiles[LN_MAX_RANK];
  ln_dim dims[LN_MAX_RANK];
  if (size >= 0 && (int64_t)size * times > INT32_MAX) return ln_emit_wrong(e, "it becomes too large");
  for (int32_t i = 0; i <= rank; ++i) tiles[i] = i == behind ? times : 1;
  for (int32_t i = 0; i < rank; ++i) dims[i] = LN_DIM_OF(a, i);
  dims[axis] = size >= 0 ? LN_DIM(size * times) : LN_DIM_REST;
  return ln_emit_reshape(e, ln_emit_tile(e, ln_emit_expand(e, a, 1, &behind), tiles), rank, dims);
}

/* Keras 3 gives one pair for all axes, or one for each. */
int32_t ln_keras_pad(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t before[LN_MAX_RANK], after[LN_MAX_RANK], pair[2], count = 0;
  const int32_t a = ln_keras_subject(call), rank = ln_emit_rank(e, a);
  const cJSON *item = ln_keras_choice(call, 1, "pad_width", "paddings"), *mode = ln_keras_choice(call, 2, "mode", NULL);
  const cJSON *value = ln_keras_argument(call, -1, "constant_values");
  const bool symmetric = cJSON_IsString(mode) && (mode->valuestring[0] | 32) == 's';
  const bool mirrors = symmetric || (cJSON_IsString(mode) && (mode->valuestring[0] | 32) == 'r');
  for (const cJSON *each = cJSON_IsArray(item) ? item->child : NULL; each != NULL && count < LN_MAX_RANK;
       each = each->next) {
    const int32_t found = ln_keras_list(each, 2, pair);
    if (found == 0) return ln_emit_refuse(e, "its widths are not whole numbers");
    before[count] = pair[0];
    after[count++] = pair[found - 1];
  }
  if (count == 0 && ln_keras_list(item, 1, pair) == 1) before[0] = after[0] = pair[count++];
  if (count == 1) {
    for (int32_t i = 1; i < rank; ++i) before[i] = before[0], after[i] = after[0];
  } else if (count != rank) {
    return ln_emit_wrong(e, "its widths are not those of its axes");
  }
  if (!mirrors) return ln_emit_pad(e, a, before, after, cJSON_IsNumber(value) ? value->valuedouble : 0);
  int32_t widths[2 * LN_MAX_RANK];
  for (int32_t i = 0; i < rank; ++i) {
    widths[2 * i] = before[i];
    widths[2 * i + 1] = after[i];
  }
  const int32_t dims[2] = {rank, 2};
  const int32_t inputs[2] = {a, ln_emit_const(e, LN_INT32, 2, dims, widths)};
  const ln_mirror_pad_options options = {.mode = symmetric ? 1 : 0};
  return ln_emit_failed(e) ? -1 : ln_emit_op(e, LN_OP_MIRROR_PAD, &options, 2, inputs, ln_emit_type(e, a));
}

static int32_t rolled(ln_keras_call *call, int32_t a, int32_t axis, int32_t shift) {
  ln_emit *e = call->e;
  const int32_t size = ln_emit_dim(e, a, axis);
  if (size < 1) return ln_emit_refuse(e, "the dimension that it rolls is open; give it with --shape");
  const int32_t cut = (int32_t)(((-(int64_t)shift) % size + size) % size);
  if (cut == 0) return a;
  const int32_t parts[2] = {ln_emit_slice(e, a, axis, cut, INT32_MAX, 1), ln_emit_slice(e, a, axis, 0, cut, 1)};
  return ln_emit_concat(e, axis, 2, parts);
}

int32_t ln_keras_roll(ln_keras_call *call) {
  int32_t axes[LN_MAX_RANK], shifts[LN_MAX_RANK], a = ln_keras_subject(call);
  const int32_t count = ln_keras_choices(call, 2, "axis", NULL, axes);
  if (count < 1 || ln_keras_choices(call, 1, "shift", NULL, shifts) != count)
    return ln_emit_refuse(call->e, "it has no axis");
  for (int32_t i = 0; i < count && a >= 0; ++i) a = rolled(call, a, axes[i], shifts[i]);
  return a;
}

int32_t ln_keras_take(ln_keras_call *call) {
  ln_emit *e = call->e;
  int32_t a = ln_keras_subject(call), axis = ln_keras_choice_int(call, -1, "axis", NULL, call->k->keras3 ? INT_MIN : 0);
  if (axis == INT_MIN) {
    a = ln_keras_ravel(call);
    axis = 0;
  }
  const cJSON *item = ln_keras_argument(call, 1, "indices");
  const int32_t indices = ln_emit_cast(e, ln_keras_operand(call, item, LN_INT32), LN_INT32);
  return ln_emit_gather(e, a, indices, axis, ln_keras_choice_int(call, -1, "batch_dims", NULL, 0));
}

/* code: 0 zeros, 1 ones, 2 a value. */
int32_t ln_keras_like(ln_keras_call *call) {
  ln_emit *e = call->e;
  const int32_t a = ln_keras_subject(call);
  const cJSON *dtype = ln_keras_choice(call, -1, "dtype", NULL);
  if (ln_emit_failed(e)) return -1;
  const ln_type type = cJSON_IsString(dtype) ? ln_keras_type(dtype->valuestring) : ln_emit_type(e, a);
  if ((int)type == LN_TYPE_COUNT) return ln_emit_refuse(e, "its type is not known");
  const int32_t value =
      call->row->code == 2
          ? ln_emit_cast(e, ln_keras_operand(call, ln_keras_argument(call, 1, "fill_value"), type), type)
          : ln_emit_scalar(e, type, call->row->code);
  const int32_t inputs[2] = {ln_emit_shape_of(e, a), value};
  return ln_emit_op(e, LN_OP_FILL, NULL, 2, inputs, type);
}

/* ---- slices ---- */

static bool slice_end(const cJSON *item, const char *key, int32_t otherwise, int32_t *out) {
  const cJSON *own = ln_keras_option(item, key);
  *out = cJSON_IsNumber(own) ? own->valueint : otherwise;
  return own == NULL || cJSON_IsNumber(own);
}

/* One entry of x[...] at an axis: a number takes the axis away. */
static int32_t one_slice(ln_keras_call *call, int32_t a, const cJSON *item, int32_t *axis) {
  ln_emit *e = call->e;
  int32_t from, to, step;
  if (cJSON_IsNull(item)) return ln_emit_expand(e, a, 1, &(int32_t){(*axis)++});
  if (cJSON_IsNumber(item)) return ln_emit_pick(e, a, *axis, item->valueint);
  if (ln_keras_has_tensor(call, item)) {
    const int32_t index = ln_emit_cast(e, ln_keras_operand(call, item, LN_INT32), LN_INT32),
                  rank = ln_emit_rank(e, index);
    const int32_t made = ln_emit_gather(e, a, index, *axis, 0);
    *axis += rank;
    return made;
  }
  const cJSON *inside = ln_keras_option(item, "config");
  if (inside == NULL) inside = item;
  if (!cJSON_IsObject(inside) || !slice_end(inside, "step", 1, &step) || step == 0 ||
      !slice_end(inside, "start", step > 0 ? 0 : INT32_MAX, &from) ||
      !slice_end(inside, "stop", step > 0 ? INT32_MAX : INT32_MIN, &to)) {
    return ln_emit_refuse(e, "ends of a slice that are tensors are not read; use keras.ops.slice or take");
  }
  if (step == 1 && from == 0 && to == INT32_MAX) return ++*axis, a;
  return ln_emit_slice(e, a, (*axis)++, from, to, step);
}

static bool is_ellipsis(const cJSON *item) {
  if (cJSON_IsString(item)) return strcmp(item->valuestring, "...") == 0;
  return strstr(ln_keras_class(item), "ellipsis") != NULL;
}

/* Axes of the input that an entry stands for. */
static int32_t taken_axes(ln_keras_call *call, const cJSON *item) {
  (void)call;
  return cJSON_IsNull(item) || is_ellipsis(item) ? 0 : 1;
}

int32_t ln_keras_get_item(ln_keras_call *call) {
  int32_t a = ln_keras_subject(call), axis = 0, named = 0;
  const cJSON *list = ln_keras_argument(call, 1, "key");
  if (list == NULL) list = ln_keras_argument(call, -1, "slice_spec");
  if (list == NULL) return ln_emit_wrong(call->e, "it has no key");
  if (!cJSON_IsArray(list) || ln_keras_has_tensor(call, list)) return one_slice(call, a, list, &axis);
  for (const cJSON *each = list->child; each != NULL; each = each->next) named += taken_axes(call, each);
  const int32_t rank = ln_emit_rank(call->e, a);
  for (const cJSON *each = list->child; each != NULL && a >= 0; each = each->next) {
    if (is_ellipsis(each)) axis += rank > named ? rank - named : 0;
    else a = one_slice(call, a, each, &axis);
  }
  return a;
}

int32_t ln_keras_slice(ln_keras_call *call) {
  int32_t begin[LN_MAX_RANK], size[LN_MAX_RANK];
  const int32_t a = ln_keras_subject(call), rank = ln_emit_rank(call->e, a);
  const int32_t count = ln_keras_choices(call, 1, "start_indices", "begin", begin);
  if (count != rank || ln_keras_choices(call, 2, "shape", "size", size) != rank) {
    return ln_emit_refuse(call->e, "slices whose places or sizes are tensors are not read");
  }
  return ln_emit_slice_all(call->e, a, begin, size);
}

/* ---- images ---- */

int32_t ln_keras_resize(ln_keras_call *call) {
  int32_t size[2];
  const cJSON *how = ln_keras_choice(call, -1, "interpolation", "method");
  const char *name = cJSON_IsString(how) ? how->valuestring : "bilinear";
  const int32_t a = ln_keras_floats(call, ln_keras_subject(call));
  if (ln_keras_choices(call, 1, "size", NULL, size) != 2)
    return ln_emit_refuse(call->e, "its size is not two whole numbers");
  const bool bilinear = strcmp(name, "bilinear") == 0;
  if (!bilinear && strcmp(name, "nearest") != 0)
    return ln_emit_refuse(call->e, "the interpolation %.40s is not in TensorFlow Lite", name);
  if (ln_keras_choice_flag(call, "antialias", NULL) ||
      ln_keras_choice_flag(call, "crop_to_aspect_ratio", "preserve_aspect_ratio") ||
      ln_keras_choice_flag(call, "pad_to_aspect_ratio", NULL) || ln_keras_channels_first(call->config)) {
    return ln_emit_refuse(call->e, "antialias, kept proportions and channels_first are not read here");
  }
  return ln_emit_resize(call->e, a, ln_emit_vector(call->e, 2, size), bilinear, LN_EMIT_HALF_PIXEL);
}

int32_t ln_keras_depth_space(ln_keras_call *call) {
  const int32_t a = ln_keras_subject(call), block = ln_keras_choice_int(call, 1, "block_size", NULL, 2);
  const ln_depth_to_space_options to_space = {.block_size = block};
  const ln_space_to_depth_options to_depth = {.block_size = block};
  if (ln_keras_channels_first(call->config)) return ln_emit_refuse(call->e, "channels_first is not read here");
  if (ln_emit_failed(call->e)) return -1;
  const void *options = call->row->code == LN_OP_DEPTH_TO_SPACE ? (const void *)&to_space : &to_depth;
  return ln_emit_op(call->e, call->row->code, options, 1, &a, ln_emit_type(call->e, a));
}

/* ---- layers of tf-keras that are functions ---- */

int32_t ln_keras_tensorflow_function(ln_keras_call *call) {
  const char *name = ln_keras_text(call->config, "function", "");
  const ln_keras_row *row = ln_keras_find_function(name, true);
  if (row == NULL)
    return ln_emit_refuse(call->e, "the function tf.%.60s is not known; export the model as a SavedModel", name);
  ln_keras_call inside = *call;
  static const cJSON none = {.type = cJSON_Object};
  inside.row = row;
  inside.config = &none;
  const int32_t result = row->emit(&inside);
  call->outputs = inside.outputs;
  return result;
}

#endif
