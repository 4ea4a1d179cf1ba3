/* Inputs from files: which file is for which input, and what each kind of file becomes. */
#define _POSIX_C_SOURCE 200809L
#include "inputs.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pixels.h"

/* ---- which file for which input ---- */

static int fail_unknown_name(const cli_model *model, const ln_session *session, const char *item, size_t length) {
  char known[512] = "";
  for (int32_t i = 0; i < ln_session_input_count(session); i++) {
    const size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s\"%s\"", i ? ", " : "", ln_session_input_name(session, i));
  }
  return cli_fail("%s: no input \"%.*s\": it has %s", model->path, (int)length, item, known);
}

/* Splits "NAME=FILE"; a path that holds '=' is a path when it exists and no input has that name. */
static int split_item(const cli_model *model, const ln_session *session, const char *item, cli_input *out) {
  *out = (cli_input){.path = item, .index = -1};
  for (const char *equals = strchr(item, '='); equals; equals = strchr(equals + 1, '=')) {
    const size_t length = (size_t)(equals - item);
    for (int32_t i = 0; i < ln_session_input_count(session); i++) {
      const char *name = ln_session_input_name(session, i);
      if (strlen(name) != length || memcmp(name, item, length) != 0) continue;
      out->path = equals + 1;
      out->index = i;
      return CLI_OK;
    }
  }
  const char *equals = strchr(item, '=');
  if (!equals || access(item, F_OK) == 0) return CLI_OK;
  return fail_unknown_name(model, session, item, (size_t)(equals - item));
}

static int assign(const cli_command *self, const cli_model *model, const ln_session *session, const cli_list *files,
                  cli_inputs *out) {
  const int32_t wanted = ln_session_input_count(session);
  bool *taken = calloc((size_t)wanted + 1, sizeof *taken);
  out->items = calloc((size_t)files->count + 1, sizeof *out->items);
  int status = taken && out->items ? CLI_OK : cli_fail("out of memory");
  for (int i = 0; i < files->count && status == CLI_OK; i++) {
    cli_input *item = &out->items[out->count++];
    status = split_item(model, session, files->items[i], item);
    if (status == CLI_OK && item->index >= 0 && taken[item->index]) {
      status = cli_usage(self, "input \"%s\" is given twice", ln_session_input_name(session, item->index));
    }
    if (item->index >= 0) taken[item->index] = true;
  }
  for (int32_t i = 0, next = 0; i < out->count && status == CLI_OK; i++) {
    if (out->items[i].index >= 0) continue;
    while (next < wanted && taken[next]) next++;
    if (next == wanted) status = cli_usage(self, "%d inputs given, the model takes %d", files->count, wanted);
    else taken[out->items[i].index = next] = true;
  }
  for (int32_t i = 0; i < wanted && status == CLI_OK; i++) {
    char text[160];
    if (taken[i]) continue;
    status = cli_usage(self, "no --input for \"%s\", %s", ln_session_input_name(session, i),
                       cli_declared_text(cli_model_tensor(model, false, i), text, sizeof text));
  }
  free(taken);
  return status;
}

/* ---- shapes ---- */

static int fail_input(const cli_input *item, const ln_session *session, const char *reason) {
  return cli_fail("%s: input \"%s\": %s", item->path, ln_session_input_name(session, item->index), reason);
}

static int32_t declared_dims(const cli_model *model, int32_t index, int32_t dims[LN_MAX_RANK]) {
  const ln_tensor *tensor = cli_model_tensor(model, false, index);
  for (int32_t i = 0; i < ln_tensor_rank(tensor); i++) dims[i] = ln_tensor_declared_dim(tensor, i);
  return ln_tensor_rank(tensor);
}

static int resize(const cli_model *model, ln_session *session, const cli_input *item, const int32_t *dims,
                  int32_t rank) {
  ln_error err = {0};
  if (ln_session_resize_input(session, item->index, dims, rank, &err) == LN_OK) return CLI_OK;
  return cli_fail("%s: %s", model->path, err.message);
}

/* Gives the input the array's shape where the model allows it. */
static int fit_array(const cli_model *model, ln_session *session, const cli_input *item) {
  int32_t dims[LN_MAX_RANK];
  const ln_tensor *declared = cli_model_tensor(model, false, item->index);
  const int32_t rank = declared_dims(model, item->index, dims);
  const ln_array *array = &item->array;
  bool fits = rank == array->rank && ln_tensor_type(declared) == array->type;
  for (int32_t i = 0; i < rank && fits; i++) fits = dims[i] < 0 || dims[i] == array->dims[i];
  if (fits) return resize(model, session, item, array->dims, array->rank);
  char wanted[160], shape[16 * LN_MAX_RANK] = "", reason[400];
  for (int32_t i = 0; i < array->rank; i++) {
    const size_t used = strlen(shape);
    snprintf(shape + used, sizeof shape - used, "%s%d", i ? ", " : "", array->dims[i]);
  }
  snprintf(reason, sizeof reason, "the model takes %s, the file holds %s[%s]",
           cli_declared_text(declared, wanted, sizeof wanted), ln_type_name(array->type), shape);
  return fail_input(item, session, reason);
}

/* ---- .npy ---- */

/* Integers of fewer than 8 bits come as bytes and are packed. */
static bool pack_small(ln_array *array, ln_type type) {
  const int32_t bits = ln_type_bits(type);
  const bool from_signed = type == LN_INT4 || type == LN_INT2;
  const bool bytes = type == LN_UINT4 || type == LN_FLOAT8_E4M3FN || type == LN_FLOAT8_E5M2;
  if (!(from_signed && array->type == LN_INT8) && !(bytes && array->type == LN_UINT8)) return true;
  array->type = type;
  if (bits == 8) return true;
  const int low = from_signed ? -(1 << (bits - 1)) : 0, high = low + (1 << bits) - 1;
  const size_t per_byte = 8 / (size_t)bits;
  uint8_t *data = array->data;
  for (size_t i = 0; i < array->bytes; i++) {
    const int value = from_signed ? (int8_t)data[i] : data[i];
    if (value < low || value > high) return false;
    const uint8_t part = (uint8_t)((value & ((1 << bits) - 1)) << ((i % per_byte) * (size_t)bits));
    data[i / per_byte] = i % per_byte == 0 ? part : (uint8_t)(data[i / per_byte] | part);
  }
  array->bytes = (array->bytes + per_byte - 1) / per_byte;
  return true;
}

static int load_npy(const cli_model *model, ln_session *session, cli_input *item) {
  ln_error err = {0};
  if (ln_npy_read(item->path, &err, &item->array) != LN_OK) return cli_fail("%s: %s", item->path, err.message);
  if (!pack_small(&item->array, ln_tensor_type(cli_model_tensor(model, false, item->index)))) {
    return fail_input(item, session, "a value is out of the element type's range");
  }
  return fit_array(model, session, item);
}

/* ---- text ---- */

/* The shape that `count` elements have: the declared one, its one open dimension filled. */
static int shape_text(const cli_model *model, const ln_session *session, cli_input *item, size_t count) {
  int32_t *dims = item->array.dims, open = -1;
  item->array.rank = declared_dims(model, item->index, dims);
  size_t known = 1;
  for (int32_t i = 0; i < item->array.rank; i++) {
    if (dims[i] >= 0) known *= (size_t)dims[i];
    else if (open >= 0) dims[i] = 1; /* of several open dimensions the first takes what is there */
    else open = i;
  }
  if (open >= 0 && known > 0 && count % known == 0 && count / known <= INT32_MAX) {
    dims[open] = (int32_t)(count / known);
    return CLI_OK;
  }
  if (open < 0 && known == count) return CLI_OK;
  char wanted[160], reason[300];
  snprintf(reason, sizeof reason, "the model takes %s, the text holds %zu %s",
           cli_declared_text(cli_model_tensor(model, false, item->index), wanted, sizeof wanted), count,
           item->array.type == LN_STRING ? "lines" : "numbers");
  return fail_input(item, session, reason);
}

static bool separates(char c) { return isspace((unsigned char)c) || c == ',' || c == ';' || c == '[' || c == ']'; }

static size_t count_words(const char *text) {
  size_t count = 0;
  while (*text) {
    while (separates(*text)) text++;
    if (*text) count++;
    while (*text && !separates(*text)) text++;
  }
  return count;
}

static int parse_numbers(const ln_session *session, cli_input *item, const char *text) {
  const size_t count = count_words(text);
  item->array.bytes = count * (size_t)((ln_type_bits(item->array.type) + 7) / 8);
  item->array.data = malloc(item->array.bytes + 1);
  if (!item->array.data) return cli_fail("out of memory");
  for (size_t i = 0; i < count; i++) {
    while (separates(*text)) text++;
    char *end;
    const double value = strtod(text, &end);
    char reason[160];
    if (end == text || (*end && !separates(*end))) {
      snprintf(reason, sizeof reason, "\"%.*s\" is no number", (int)strcspn(text, " ,;\t\r\n"), text);
      return fail_input(item, session, reason);
    }
    if (!cli_store_number(item->array.type, value, item->array.data, i)) {
      snprintf(reason, sizeof reason, "%g is no %s", value, ln_type_name(item->array.type));
      return fail_input(item, session, reason);
    }
    text = end;
  }
  return CLI_OK;
}

/* A string an element: each line, or the whole text for a scalar. In TFLite's layout: count, offsets, bytes. */
static int parse_lines(const cli_model *model, cli_input *item, const char *text, size_t size, size_t *out) {
  const bool scalar = ln_tensor_rank(cli_model_tensor(model, false, item->index)) == 0;
  while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r')) size--;
  size_t count = 1;
  for (size_t i = 0; i < size && !scalar; i++) count += text[i] == '\n';
  const size_t table = 4 * (count + 2);
  if (size > INT32_MAX / 8) return cli_fail("%s: too much text", item->path);
  int32_t *data = malloc(table + size + 1);
  if (!data) return cli_fail("out of memory");
  char *bytes = (char *)data + table;
  size_t used = 0, element = 0;
  data[0] = (int32_t)count;
  data[1] = (int32_t)table;
  for (size_t i = 0; i < size; i++) {
    if (text[i] == '\n' && !scalar) data[2 + element++] = (int32_t)(table + used);
    else bytes[used++] = text[i];
  }
  data[1 + count] = (int32_t)(table + used);
  item->array.data = data;
  item->array.bytes = table + used;
  *out = count;
  return CLI_OK;
}

static int load_text(const cli_model *model, ln_session *session, cli_input *item) {
  ln_error err = {0};
  char *text = NULL;
  size_t size = 0, count = 0;
  if (ln_io_read(item->path, &err, &text, &size) != LN_OK) return cli_fail("%s: %s", item->path, err.message);
  item->array.type = ln_tensor_type(cli_model_tensor(model, false, item->index));
  int status;
  if (item->array.type == LN_STRING) {
    status = parse_lines(model, item, text, size, &count);
  } else {
    count = count_words(text);
    status = parse_numbers(session, item, text);
  }
  if (status == CLI_OK) status = shape_text(model, session, item, count);
  if (status == CLI_OK) status = resize(model, session, item, item->array.dims, item->array.rank);
  ln_io_free(text);
  return status;
}

/* ---- pictures ---- */

static int load_image(const cli_model *model, ln_session *session, cli_input *item) {
  ln_error err = {0};
  if (ln_image_read(item->path, &err, &item->image) != LN_OK) return cli_fail("%s: %s", item->path, err.message);
  int32_t dims[LN_MAX_RANK];
  const int32_t rank = declared_dims(model, item->index, dims);
  if (ln_image_fit(&item->image, &item->info, dims, rank, &err) != LN_OK) return fail_input(item, session, err.message);
  return resize(model, session, item, dims, rank);
}

/* ---- sound ---- */

static int load_sound(const cli_model *model, ln_session *session, cli_input *item) {
  ln_error err = {0};
  ln_status status = ln_sound_read(item->path, &err, &item->sound);
  if (status == LN_OK) {
    ln_sound_to_mono(&item->sound);
    if (item->info.sample_rate > 0) status = ln_sound_resample(&item->sound, (int32_t)item->info.sample_rate, &err);
  }
  if (status != LN_OK) return cli_fail("%s: %s", item->path, err.message);
  const ln_tensor *declared = cli_model_tensor(model, false, item->index);
  int32_t dims[LN_MAX_RANK];
  const int32_t rank = declared_dims(model, item->index, dims);
  status = ln_sound_fit(&item->sound, ln_tensor_type(declared), dims, rank, &err);
  if (status == LN_ERR_SHAPE) {
    char text[160], reason[240];
    snprintf(reason, sizeof reason, "%s does not hold samples of sound",
             cli_declared_text(declared, text, sizeof text));
    return fail_input(item, session, reason);
  }
  if (status != LN_OK) return fail_input(item, session, err.message);
  return resize(model, session, item, dims, rank);
}

static int32_t count_windows(const cli_input *item, ln_session *session) {
  if (item->kind != LN_IO_SOUND) return 1;
  const int64_t windows = ln_sound_windows(&item->sound, ln_tensor_elements(ln_session_input(session, item->index)));
  return windows > INT32_MAX ? INT32_MAX : (int32_t)windows;
}

/* ---- all of them ---- */

static int load(const cli_model *model, ln_session *session, cli_input *item) {
  ln_error err = {0};
  item->kind = LN_IO_TEXT;
  if (strcmp(item->path, "-") != 0 && ln_io_detect(item->path, &err, &item->kind) != LN_OK) {
    return cli_fail("%s: %s", item->path, err.message);
  }
  switch (item->kind) {
    case LN_IO_NPY: return load_npy(model, session, item);
    case LN_IO_IMAGE: return load_image(model, session, item);
    case LN_IO_SOUND: return load_sound(model, session, item);
    case LN_IO_TEXT: return load_text(model, session, item);
    default: return cli_fail("%s: neither .npy nor a picture (JPEG, PNG, BMP), sound (WAV) or text", item->path);
  }
}

/* Turns the bytes of a picture into ordinary ones where they are signed, or surely look it to an int8 input whose
 * normalization nobody gave. */
static void take_pixels(const cli_model *model, const cli_pixels *pixels, cli_input *item) {
  if (item->kind != LN_IO_IMAGE) return;
  bool flip = pixels->are && strcmp(pixels->are, "signed") == 0;
  const bool open = !pixels->are || strcmp(pixels->are, "auto") == 0;
  if (open && ln_tensor_type(cli_model_tensor(model, false, item->index)) == LN_INT8 && item->info.mean_count == 0) {
    flip = item->flipped = cli_pixels_look_signed(&item->image);
  }
  if (flip) cli_pixels_flip(&item->image);
}

int cli_inputs_load(const cli_command *self, const cli_model *model, ln_session *session, const cli_list *files,
                    const cli_pixels *pixels, cli_inputs *out) {
  *out = (cli_inputs){.windows = 1};
  if (pixels->normalize && !cli_normalize(pixels->normalize, out->normalize)) {
    return cli_usage(self, "--normalize takes MEAN,STD (two numbers, STD not 0), not %s", pixels->normalize);
  }
  if (pixels->are && strcmp(pixels->are, "auto") != 0 && strcmp(pixels->are, "signed") != 0 &&
      strcmp(pixels->are, "unsigned") != 0) {
    return cli_usage(self, "--pixels takes auto, unsigned or signed, not %s", pixels->are);
  }
  int status = assign(self, model, session, files, out);
  for (int32_t i = 0; i < out->count && status == CLI_OK; i++) {
    cli_input *item = &out->items[i];
    item->info = cli_model_tensor_info(model, false, item->index);
    if (pixels->normalize) {
      item->info.mean = &out->normalize[0];
      item->info.std = &out->normalize[1];
      item->info.mean_count = item->info.std_count = 1;
    }
    status = load(model, session, item);
    if (status == CLI_OK) take_pixels(model, pixels, item);
  }
  ln_error err = {0};
  if (status == CLI_OK && ln_session_prepare(session, &err) != LN_OK)
    status = cli_fail("%s: %s", model->path, err.message);
  for (int32_t i = 0; i < out->count && status == CLI_OK; i++) {
    const int32_t windows = count_windows(&out->items[i], session);
    if (windows > out->windows) out->windows = windows;
  }
  return status;
}

static ln_status feed_sound(const cli_input *item, ln_session *session, int32_t run, ln_error *err) {
  ln_tensor *tensor = ln_session_input(session, item->index);
  const size_t window = (size_t)(run % count_windows(item, session));
  return ln_sound_to_tensor(&item->sound, window * ln_tensor_elements(tensor), tensor, err);
}

int cli_inputs_feed(const cli_inputs *inputs, const cli_model *model, ln_session *session, int32_t run) {
  for (int32_t i = 0; i < inputs->count; i++) {
    const cli_input *item = &inputs->items[i];
    ln_error err = {.message = "out of memory"};
    ln_status status;
    if (item->kind == LN_IO_IMAGE) {
      status = ln_image_to_tensor(&item->image, &item->info, ln_session_input(session, item->index), &err);
    } else if (item->kind == LN_IO_SOUND) {
      status = feed_sound(item, session, run, &err);
    } else {
      status = ln_session_set_input(session, item->index, item->array.data, item->array.bytes, &err);
    }
    if (status == LN_OK) continue;
    if (item->kind == LN_IO_IMAGE) return fail_input(item, session, err.message);
    return cli_fail("%s: %s", model->path, err.message);
  }
  return CLI_OK;
}

void cli_inputs_free(cli_inputs *inputs) {
  for (int32_t i = 0; i < inputs->count; i++) {
    cli_input *item = &inputs->items[i];
    if (item->kind == LN_IO_NPY) ln_array_free(&item->array);
    else free(item->array.data);
    ln_image_free(&item->image);
    ln_sound_free(&item->sound);
  }
  free(inputs->items);
  *inputs = (cli_inputs){0};
}

const ln_image *cli_inputs_picture(const cli_inputs *inputs) {
  for (int32_t i = 0; i < inputs->count; i++) {
    if (inputs->items[i].image.pixels) return &inputs->items[i].image;
  }
  return NULL;
}
