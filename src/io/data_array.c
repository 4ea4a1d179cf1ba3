/* Samples in arrays: .npy, .npz and IDX files, whose first axis counts them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/io.h"

/* ---- numbers of any type, where they lie ---- */

static double half_number(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  double value = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
  if (exponent == 31) value = fraction ? NAN : INFINITY;
  return bits & 0x8000 ? -value : value;
}

static float bfloat_number(uint16_t bits) {
  const uint32_t wide = (uint32_t)bits << 16;
  float value;
  memcpy(&value, &wide, sizeof value);
  return value;
}

/* Arrays in archives lie at any byte. */
#define NUMBER(type)                  \
  {                                   \
    type value;                       \
    memcpy(&value, at, sizeof value); \
    return (double)value;             \
  }

double ln_data_number(const ln_array *array, size_t index) {
  const uint8_t *at = (const uint8_t *)array->data + index * ((size_t)ln_type_bits(array->type) / 8);
  switch (array->type) {
    case LN_FLOAT32: NUMBER(float)
    case LN_FLOAT64: NUMBER(double)
    case LN_INT8: NUMBER(int8_t)
    case LN_UINT8: NUMBER(uint8_t)
    case LN_INT16: NUMBER(int16_t)
    case LN_UINT16: NUMBER(uint16_t)
    case LN_INT32: NUMBER(int32_t)
    case LN_UINT32: NUMBER(uint32_t)
    case LN_INT64: NUMBER(int64_t)
    case LN_UINT64: NUMBER(uint64_t)
    case LN_BOOL: return *at != 0;
    case LN_FLOAT16: return half_number(ln_le16(at));
    case LN_BFLOAT16: return bfloat_number(ln_le16(at));
    default: return NAN;
  }
}

/* ---- IDX: the form of MNIST and its kin (yann.lecun.com/exdb/mnist), numbers from the high byte down ---- */

static bool idx_type(uint8_t code, ln_type *out) {
  switch (code) {
    case 0x08: *out = LN_UINT8; return true;
    case 0x09: *out = LN_INT8; return true;
    case 0x0b: *out = LN_INT16; return true;
    case 0x0c: *out = LN_INT32; return true;
    case 0x0d: *out = LN_FLOAT32; return true;
    case 0x0e: *out = LN_FLOAT64; return true;
    default: return false;
  }
}

static bool is_idx(const uint8_t *data, size_t size) {
  ln_type type;
  return size >= 8 && data[0] == 0 && data[1] == 0 && idx_type(data[2], &type) && data[3] >= 1 &&
         data[3] <= LN_MAX_RANK;
}

static ln_status open_idx(const uint8_t *data, size_t size, ln_error *err, ln_data_array *out) {
  ln_array *array = &out->array;
  idx_type(data[2], &array->type);
  array->rank = data[3];
  const size_t start = 4 + 4 * (size_t)array->rank, item = (size_t)ln_type_bits(array->type) / 8;
  if (size < start) return ln_fail(err, LN_ERR_FORMAT, "the IDX header is cut short");
  for (int32_t i = 0; i < array->rank; i++) {
    const uint8_t *at = data + 4 + 4 * i;
    const uint32_t dim = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    if (dim > INT32_MAX) return ln_fail(err, LN_ERR_FORMAT, "an IDX dimension of %u", dim);
    array->dims[i] = (int32_t)dim;
  }
  size_t elements;
  if (!ln_size_product(array->dims, array->rank, &elements) || !ln_size_mul(elements, item, &array->bytes) ||
      array->bytes > size - start) {
    return ln_fail(err, LN_ERR_FORMAT, "the IDX file is cut short: %zu bytes of data", size - start);
  }
  array->data = (void *)(data + start);
  if (item == 1) return LN_OK;
  uint8_t *turned = ln_alloc(array->bytes > 0 ? array->bytes : 1);
  if (!turned) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  for (size_t i = 0; i < elements; i++) {
    for (size_t b = 0; b < item; b++) turned[i * item + b] = data[start + i * item + item - 1 - b];
  }
  array->data = turned;
  out->owned = true;
  return LN_OK;
}

ln_status ln_data_array_open(const void *data, size_t size, ln_error *err, ln_data_array *out) {
  *out = (ln_data_array){0};
  if (size >= 6 && memcmp(data, "\x93NUMPY", 6) == 0) return ln_npy_view(data, size, err, &out->array, &out->owned);
  if (is_idx(data, size)) return open_idx(data, size, err, out);
  return ln_fail(err, LN_ERR_FORMAT, "neither .npy, .npz, IDX nor a picture or sound");
}

void ln_data_array_close(ln_data_array *array) {
  if (array->owned) ln_free(array->array.data);
  *array = (ln_data_array){0};
}

/* ---- shapes ---- */

static void shape_text(const int32_t *dims, int32_t rank, char *out, size_t room) {
  size_t used = (size_t)snprintf(out, room, "[");
  for (int32_t i = 0; i < rank && used < room; i++) {
    if (dims[i] < 0) used += (size_t)snprintf(out + used, room - used, "%s?", i ? ", " : "");
    else used += (size_t)snprintf(out + used, room - used, "%s%d", i ? ", " : "", dims[i]);
  }
  if (used < room) snprintf(out + used, room - used, "]");
}

/* Fits what a sample has behind the counting axis to the input's dimensions; ones may be missing on either side. */
static bool fit_shape(const ln_data_input *input, const int32_t *have, int32_t count, int32_t *out) {
  int32_t k = 0;
  for (int32_t i = 0; i < input->rank; i++) {
    const int32_t want = input->dims[i];
    while (want >= 0 && want != 1 && k < count && have[k] != want && have[k] == 1) k++;
    if (want < 0) out[i] = input->rank - i > count - k || k == count ? 1 : have[k++];
    else if (k < count && have[k] == want) out[i] = have[k++];
    else if (want == 1) out[i] = 1;
    else return false;
  }
  while (k < count && have[k] == 1) k++;
  return k == count;
}

/* ---- what numbers become ---- */

static bool is_integer_array(ln_type type) { return !ln_data_is_float(type); }

/* Where the channel of an element is found, for means of their own. */
static void find_channels(ln_data_input *input, ln_data *data) {
  ln_image_layout layout;
  const bool picture = ln_image_layout_of(input->sample_dims, input->rank, NULL, &layout) == LN_OK;
  input->channel_step = 1;
  input->channels = picture ? (size_t)layout.channels : 1;
  if (picture && layout.channels_first) input->channel_step = input->elements / input->channels;
  if (input->info.mean_count > 0 && input->info.std_count > 0) return;
  static const float zero = 0, most = 255;
  if (!picture) {
    input->rule = LN_DATA_REAL;
    return;
  }
  input->info.mean = &zero;
  input->info.std = &most;
  input->info.mean_count = input->info.std_count = 1;
  data->notes[0] = "bytes are divided by 255: the model does not say how its input is normalised";
}

static void choose_rule(ln_data_input *input, ln_data *data) {
  const ln_type type = input->source.array.type;
  const bool whole = is_integer_array(input->type), normalised = input->info.mean_count > 0;
  input->rule = LN_DATA_REAL;
  if (whole && type == input->type) input->rule = LN_DATA_STORED;
  else if (type == LN_UINT8 && input->type == LN_INT8 && !normalised) input->rule = LN_DATA_FLIPPED;
  else if (type == LN_UINT8 && (!whole || normalised)) input->rule = LN_DATA_PIXELS;
  if (input->rule == LN_DATA_PIXELS) find_channels(input, data);
}

ln_status ln_data_take_array(ln_data *data, ln_data_input *input, ln_error *err) {
  const ln_array *array = &input->source.array;
  char wants[160], holds[160];
  shape_text(input->dims, input->rank, wants, sizeof wants);
  shape_text(array->dims, array->rank, holds, sizeof holds);
  if (ln_type_bits(array->type) < 8 || array->type == LN_COMPLEX64 || array->type == LN_COMPLEX128) {
    return ln_fail(err, LN_ERR_TYPE, "it holds %s, for which samples are not made", ln_type_name(array->type));
  }
  if (array->rank < 1 || !fit_shape(input, array->dims + 1, array->rank - 1, input->sample_dims)) {
    return ln_fail(err, LN_ERR_SHAPE, "input \"%s\" takes %s, the file holds %s, whose first axis counts samples",
                   input->name, wants, holds);
  }
  if (!ln_size_product(input->sample_dims, input->rank, &input->elements) || input->elements == 0) {
    return ln_fail(err, LN_ERR_SHAPE, "its samples are empty: it holds %s", holds);
  }
  if (data->samples.count > 0 && data->samples.count != array->dims[0]) {
    return ln_fail(err, LN_ERR_SHAPE, "%d samples for input \"%s\", %lld for the one before", array->dims[0],
                   input->name, (long long)data->samples.count);
  }
  data->samples.count = array->dims[0];
  choose_rule(input, data);
  return LN_OK;
}

/* ---- .npz ---- */

static ln_status open_member(const ln_data *data, const char *member, ln_data_array *out, ln_error *err) {
  void *bytes;
  size_t size;
  LN_TRY(ln_zip_read(data->blob.data, data->blob.size, member, LN_DATA_MAX_UNPACKED, err, &bytes, &size));
  const ln_status status = ln_npy_decode(bytes, size, err, &out->array);
  out->owned = status == LN_OK;
  ln_free(bytes);
  return status;
}

/* The archive's list is walked once for each. */
enum { MOST_ARRAYS = 1000 };

/* What an archive holds beside the inputs' arrays. */
typedef struct contents {
  int32_t samples;  /* arrays that are no labels */
  char only[256];   /* the last of them, */
  char labels[256]; /* and of the labels; "" */
  char known[400];  /* all names, for messages */
} contents;

static bool is_input(const ln_data *data, const char *name, size_t length) {
  for (int32_t i = 0; i < data->input_count; i++) {
    const char *own = data->inputs[i].name;
    if (strlen(own) == length && memcmp(own, name, length) == 0) return true;
  }
  return false;
}

static bool is_one_of(const char *const *list, size_t count, const char *name, size_t length) {
  for (size_t i = 0; i < count; i++) {
    if (strlen(list[i]) == length && memcmp(list[i], name, length) == 0) return true;
  }
  return false;
}

/* Arrays have the names that NumPy's users give them. */
static ln_status list_archive(const ln_data *data, contents *out, ln_error *err) {
  static const char *const of_labels[] = {"y", "labels", "label", "targets", "y_train"};
  static const char *const of_samples[] = {"x", "X", "x_train"};
  char name[256];
  bool found = false;
  int32_t members = 0;
  while (members <= MOST_ARRAYS && ln_zip_name(data->blob.data, data->blob.size, members, name, sizeof name)) {
    const size_t used = strlen(out->known), length = strcspn(name, ".");
    snprintf(out->known + used, sizeof out->known - used, "%s\"%.*s\"", members > 0 ? ", " : "", (int)length, name);
    members++;
    if (!is_input(data, name, length) && is_one_of(of_labels, LN_COUNT(of_labels), name, length)) {
      memcpy(out->labels, name, sizeof name);
      continue;
    }
    out->samples++;
    if (!found) memcpy(out->only, name, sizeof name);
    found = found || is_one_of(of_samples, LN_COUNT(of_samples), name, length);
  }
  if (found) out->samples = 1;
  if (members == 0) return ln_fail(err, LN_ERR_FORMAT, "the archive holds no arrays");
  return members > MOST_ARRAYS ? ln_fail(err, LN_ERR_LIMIT, "an archive of more than %d arrays", MOST_ARRAYS) : LN_OK;
}

static ln_status open_archive(ln_data *data, ln_error *err) {
  contents holds = {0};
  char name[256];
  LN_TRY(list_archive(data, &holds, err));
  for (int32_t i = 0; i < data->input_count; i++) {
    ln_data_input *input = &data->inputs[i];
    snprintf(name, sizeof name, "%s.npy", input->name);
    ln_status status = open_member(data, name, &input->source, err);
    if (status == LN_ERR_NOT_FOUND && data->input_count == 1 && holds.samples == 1) {
      snprintf(name, sizeof name, "%s", holds.only);
      status = open_member(data, name, &input->source, err);
    }
    if (status == LN_ERR_NOT_FOUND) {
      return ln_fail(err, status, "no array for input \"%s\": it holds %s", input->name, holds.known);
    }
    if (status == LN_OK) status = ln_data_take_array(data, input, err);
    if (status != LN_OK) {
      ln_error_prefix(err, "%s", name);
      return status;
    }
  }
  if (holds.labels[0] == 0) return LN_OK;
  const ln_status status = open_member(data, holds.labels, &data->label_array, err);
  if (status != LN_OK) ln_error_prefix(err, "%s", holds.labels);
  return status;
}

ln_status ln_data_open_arrays(ln_data *data, ln_error *err) {
  data->kind = LN_IO_NPY;
  if (data->blob.size >= 4 && memcmp(data->blob.data, "PK\3\4", 4) == 0) return open_archive(data, err);
  if (data->input_count != 1) {
    return ln_fail(err, LN_ERR_SHAPE, "the model has %d inputs: give an .npz file with an array for each",
                   data->input_count);
  }
  ln_data_input *input = &data->inputs[0];
  LN_TRY(ln_data_array_open(data->blob.data, data->blob.size, err, &input->source));
  return ln_data_take_array(data, input, err);
}

/* ---- filling ---- */

/* Whether the session's input keeps numbers in the form in which the model's own does. */
static bool same_form(const ln_data_input *input, const ln_tensor *tensor) {
  if (ln_tensor_type(tensor) != input->type || ln_tensor_scale_count(tensor) != input->scale_count) return false;
  return input->scale_count == 0 ||
         (ln_tensor_scale(tensor, 0) == input->scale && ln_tensor_zero_point(tensor, 0) == input->zero_point);
}

static ln_status fill_stored(const ln_data_input *input, size_t first, ln_tensor *tensor, ln_error *err) {
  const size_t item = (size_t)ln_type_bits(input->type) / 8;
  uint8_t *to = ln_tensor_mutable_data(tensor);
  if (!to || ln_tensor_bytes(tensor) != input->elements * item) {
    return ln_fail(err, LN_ERR_STATE, "the input has no memory yet");
  }
  memcpy(to, (const uint8_t *)input->source.array.data + first * item, input->elements * item);
  for (size_t i = 0; input->rule == LN_DATA_FLIPPED && i < input->elements; i++) to[i] ^= 0x80;
  return LN_OK;
}

static double real_of(const ln_data_input *input, double number, size_t element) {
  if (input->rule == LN_DATA_FLIPPED) number -= 128;
  if (input->rule == LN_DATA_PIXELS) {
    const int32_t c = (int32_t)(element / input->channel_step % input->channels);
    const float mean = input->info.mean[c < input->info.mean_count ? c : 0];
    const float std = input->info.std[c < input->info.std_count ? c : 0];
    return ((float)number - mean) / (std != 0 ? std : 1);
  }
  const bool stored = input->rule != LN_DATA_REAL && input->scale_count == 1;
  return stored ? (double)input->scale * (number - (double)input->zero_point) : number;
}

float ln_data_value(const ln_data_input *input, int64_t index, size_t element) {
  const size_t first = (size_t)index * input->elements; /* within the array, whose size was checked */
  return (float)real_of(input, ln_data_number(&input->source.array, first + element), element);
}

/* Integers of another width, which floats would round. */
static ln_status fill_integers(const ln_data_input *input, size_t first, ln_tensor *tensor, ln_error *err) {
  const bool wide = ln_tensor_type(tensor) == LN_INT64;
  void *to = ln_tensor_mutable_data(tensor);
  if (!to || ln_tensor_elements(tensor) != input->elements) {
    return ln_fail(err, LN_ERR_STATE, "the input has no memory yet");
  }
  for (size_t i = 0; i < input->elements; i++) {
    const double value = ln_data_number(&input->source.array, first + i);
    if (!wide && (value < INT32_MIN || value > INT32_MAX)) {
      return ln_fail(err, LN_ERR_DATA, "element %zu is %.0f, which int32 does not hold", i, value);
    }
    if (wide) ((int64_t *)to)[i] = (int64_t)value;
    else ((int32_t *)to)[i] = (int32_t)value;
  }
  return LN_OK;
}

static ln_status fill_real(const ln_data_input *input, size_t first, ln_tensor *tensor, ln_error *err) {
  float *values = ln_alloc_array(input->elements, sizeof *values);
  if (!values) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  ln_status status = LN_OK;
  for (size_t i = 0; i < input->elements && status == LN_OK; i++) {
    values[i] = (float)real_of(input, ln_data_number(&input->source.array, first + i), i);
    if (isfinite(values[i])) continue;
    status = ln_fail(err, LN_ERR_DATA, "element %zu of input \"%s\" is %s", i, input->name,
                     isnan(values[i]) ? "NaN" : "infinite");
  }
  if (status == LN_OK) status = ln_tensor_copy_from_f32(tensor, values, input->elements, err);
  ln_free(values);
  return status;
}

ln_status ln_data_fill_arrays(const ln_data *data, int64_t index, ln_session *session, ln_error *err) {
  for (int32_t i = 0; i < data->input_count; i++) {
    LN_TRY(ln_data_resize(session, i, data->inputs[i].sample_dims, data->inputs[i].rank, err));
  }
  LN_TRY(ln_session_prepare(session, err));
  for (int32_t i = 0; i < data->input_count; i++) {
    const ln_data_input *input = &data->inputs[i];
    ln_tensor *tensor = ln_session_input(session, i);
    const ln_type type = ln_tensor_type(tensor);
    const size_t first = (size_t)index * input->elements; /* within the array, whose size was checked */
    const bool exact = (type == LN_INT32 || type == LN_INT64) && ln_tensor_scale_count(tensor) == 0;
    ln_status status;
    if (input->rule >= LN_DATA_STORED && same_form(input, tensor)) status = fill_stored(input, first, tensor, err);
    else if (exact && is_integer_array(input->source.array.type)) status = fill_integers(input, first, tensor, err);
    else status = fill_real(input, first, tensor, err);
    if (status != LN_OK) return status;
  }
  return LN_OK;
}
