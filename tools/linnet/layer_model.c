/*
 * A .tflite file of one layer, written front to back: every table with its own vtable before it, every field in a slot
 * of four bytes. Field numbers are those of TFLite's schema (src/ir/schema.def), whose tables are no public header's.
 */
#include "layer_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct blob {
  uint8_t *data;
  size_t size, capacity;
  bool failed; /* memory was short: nothing is written any more */
} blob;

enum { DATA_ALIGN = 16, SLOT = 4, TYPE_FLOAT32 = 0, TYPE_INT32 = 2, TYPE_INT8 = 9 };

/* The place of `bytes` zeros at the end, behind which the next multiple of `align` lies. */
static size_t reserve(blob *b, size_t bytes, size_t before, size_t align) {
  const size_t place = (b->size + before + align - 1) / align * align - before;
  const size_t end = place + before + bytes;
  if (end > b->capacity && !b->failed) {
    const size_t capacity = 2 * end;
    uint8_t *grown = realloc(b->data, capacity);
    b->failed = grown == NULL;
    if (grown) {
      memset(grown + b->size, 0, capacity - b->size);
      b->data = grown;
      b->capacity = capacity;
    }
  }
  b->size = end;
  return place;
}

static void put(blob *b, size_t place, const void *value, size_t bytes) {
  if (!b->failed) memcpy(b->data + place, value, bytes);
}

static void put_u16(blob *b, size_t place, size_t value) {
  put(b, place, &(uint16_t){(uint16_t)value}, sizeof(uint16_t));
}

static void put_i32(blob *b, size_t place, int32_t value) { put(b, place, &value, sizeof value); }

static void point(blob *b, size_t from, size_t to) { put_i32(b, from, (int32_t)(to - from)); }

/* A table whose field `i` is there when bit `i` of `present` is set; `from` points to it. */
static size_t table(blob *b, size_t from, unsigned present) {
  size_t fields = 0;
  while (present >> fields != 0) fields++;
  const size_t vtable = reserve(b, 4 + 2 * fields, 0, 4);
  const size_t place = reserve(b, SLOT + SLOT * fields, 0, 4);
  put_u16(b, vtable, 4 + 2 * fields);
  put_u16(b, vtable + 2, SLOT + SLOT * fields);
  for (size_t i = 0; i < fields; i++) {
    if (present >> i & 1) put_u16(b, vtable + 4 + 2 * i, SLOT + SLOT * i);
  }
  put_i32(b, place, (int32_t)(place - vtable));
  if (from != place) point(b, from, place);
  return place;
}

static size_t slot(size_t table_place, size_t field) { return table_place + SLOT + SLOT * field; }

/* A vector that `from` points to; the place of its first item. */
static size_t vector(blob *b, size_t from, size_t count, size_t item_bytes, size_t align) {
  const size_t place = reserve(b, count * item_bytes, SLOT, align);
  put_i32(b, place, (int32_t)count);
  point(b, from, place);
  return place + SLOT;
}

static void ints(blob *b, size_t from, const int32_t *values, size_t count) {
  put(b, vector(b, from, count, SLOT, SLOT), values, count * SLOT);
}

/* ---- numbers ---- */

static uint32_t next_random(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return *state >> 8;
}

static const float INPUT_SCALE = 0.02f;
static float weight_scale(int32_t output) { return 0.004f + 0.001f * (float)(output % 7); }

static int32_t depth_of(const layer *l) {
  return l->kind == LAYER_DEPTHWISE ? l->kernel * l->kernel : l->kernel * l->kernel * l->in;
}

/* That of which outputs spread over int8: bytes deviate by 74 from their middle. */
static float output_scale(const layer *l) {
  return INPUT_SCALE * weight_scale(3) * 74 * 74 * sqrtf((float)depth_of(l)) / 40;
}

static void buffer(blob *b, size_t from, size_t count, size_t item_bytes, bool bytes, float reach) {
  const size_t place = vector(b, slot(table(b, from, 1), 0), count * item_bytes, 1, DATA_ALIGN);
  uint32_t state = 7;
  for (size_t i = 0; i < count && !b->failed; i++) {
    const uint32_t bits = next_random(&state);
    const float value = ((float)bits / (1 << 23) - 1) * reach;
    if (item_bytes == 1) b->data[place + i] = (uint8_t)(bits & 0xff);
    else if (bytes) put_i32(b, place + i * item_bytes, (int32_t)value);
    else put(b, place + i * item_bytes, &value, item_bytes);
  }
}

/* ---- the layer ---- */

static int32_t output_size(const layer *l) { return (l->height + l->stride - 1) / l->stride; }

int32_t layer_output_dims(const layer *l, int32_t dims[4]) {
  if (l->kind == LAYER_PRODUCT) {
    dims[0] = l->height;
    dims[1] = l->out;
    return 2;
  }
  dims[0] = 1;
  dims[1] = dims[2] = output_size(l);
  dims[3] = l->out;
  return 4;
}

int64_t layer_macs(const layer *l) {
  int32_t dims[4];
  int64_t macs = depth_of(l);
  for (int32_t i = 0, rank = layer_output_dims(l, dims); i < rank; i++) macs *= dims[i];
  return macs;
}

static size_t filter_dims(const layer *l, int32_t dims[4]) {
  const bool depthwise = l->kind == LAYER_DEPTHWISE;
  dims[0] = depthwise ? 1 : l->out;
  dims[1] = l->kind == LAYER_PRODUCT ? l->in : l->kernel;
  dims[2] = l->kernel;
  dims[3] = l->in;
  return l->kind == LAYER_PRODUCT ? 2 : 4;
}

/* Scales of one number, or of every output along `axis`; all zero points are 0. */
static void quantization(blob *b, size_t from, const layer *l, float scale, float weight_factor, int32_t axis) {
  const size_t count = weight_factor > 0 ? (size_t)l->out : 1;
  const size_t place = table(b, from, 1u << 2 | 1u << 3 | 1u << 6);
  const size_t scales = vector(b, slot(place, 2), count, SLOT, SLOT);
  for (size_t i = 0; i < count; i++) {
    const float value = weight_factor > 0 ? weight_scale((int32_t)i) * weight_factor : scale;
    put(b, scales + SLOT * i, &value, SLOT);
  }
  vector(b, slot(place, 3), count, 8, 8);
  put_i32(b, slot(place, 6), axis);
}

static size_t tensor(blob *b, size_t from, const int32_t *dims, size_t rank, int type, int buffer_index,
                     const char *name) {
  const size_t place = table(b, from, type == TYPE_FLOAT32 ? 0x0f : 0x1f);
  ints(b, slot(place, 0), dims, rank);
  put_i32(b, slot(place, 1), type);
  put_i32(b, slot(place, 2), buffer_index);
  const size_t length = strlen(name);
  put(b, vector(b, slot(place, 3), length, 1, SLOT), name, length);
  reserve(b, 1, 0, 1); /* a text ends with a zero */
  return place;
}

static void tensors(blob *b, size_t from, const layer *l, bool bytes) {
  const int type = bytes ? TYPE_INT8 : TYPE_FLOAT32;
  const size_t list = vector(b, from, 4, SLOT, SLOT);
  const size_t rank = l->kind == LAYER_PRODUCT ? 2 : 4;
  const int32_t input[4] = {l->kind == LAYER_PRODUCT ? l->height : 1, l->kind == LAYER_PRODUCT ? l->in : l->height,
                            l->height, l->in};
  int32_t filter[4], output[4];
  filter_dims(l, filter);
  layer_output_dims(l, output);
  const size_t places[4] = {tensor(b, list, input, rank, type, 0, "input"),
                            tensor(b, list + SLOT, filter, rank, type, 1, "weights"),
                            tensor(b, list + 2 * SLOT, &l->out, 1, bytes ? TYPE_INT32 : type, 2, "bias"),
                            tensor(b, list + 3 * SLOT, output, rank, type, 0, "output")};
  if (!bytes) return;
  quantization(b, slot(places[0], 4), l, INPUT_SCALE, 0, 0);
  quantization(b, slot(places[1], 4), l, 0, 1, l->kind == LAYER_DEPTHWISE ? 3 : 0);
  quantization(b, slot(places[2], 4), l, 0, INPUT_SCALE, 0);
  quantization(b, slot(places[3], 4), l, output_scale(l), 0, 0);
}

/* Numbers of the operator and of its options in the schema, and where a convolution's strides stand in these. */
static const int operator_codes[] = {[LAYER_PRODUCT] = 9, [LAYER_CONV] = 3, [LAYER_DEPTHWISE] = 4};
static const int options_types[] = {[LAYER_PRODUCT] = 8, [LAYER_CONV] = 1, [LAYER_DEPTHWISE] = 2};

static void operators(blob *b, size_t from, const layer *l) {
  const size_t place = table(b, vector(b, from, 1, SLOT, SLOT), 0x1f);
  ints(b, slot(place, 1), (const int32_t[]){0, 1, 2}, 3);
  ints(b, slot(place, 2), (const int32_t[]){3}, 1);
  put_i32(b, slot(place, 3), options_types[l->kind]);
  if (l->kind == LAYER_PRODUCT) {
    table(b, slot(place, 4), 1);
    return;
  }
  const size_t options = table(b, slot(place, 4), l->kind == LAYER_DEPTHWISE ? 0x0f : 0x07);
  put_i32(b, slot(options, 1), l->stride);
  put_i32(b, slot(options, 2), l->stride);
  if (l->kind == LAYER_DEPTHWISE) put_i32(b, slot(options, 3), 1);
}

void *layer_model(const layer *l, bool bytes, size_t *size) {
  blob b = {0};
  const size_t root = reserve(&b, 8, 0, 8);
  put(&b, root + SLOT, "TFL3", SLOT);
  const size_t model = table(&b, root, 1u << 0 | 1u << 1 | 1u << 2 | 1u << 4);
  put_i32(&b, slot(model, 0), 3);
  const size_t code = table(&b, vector(&b, slot(model, 1), 1, SLOT, SLOT), 1u << 0 | 1u << 2 | 1u << 3);
  put_i32(&b, slot(code, 0), operator_codes[l->kind]);
  put_i32(&b, slot(code, 2), bytes ? 3 : 1);
  put_i32(&b, slot(code, 3), operator_codes[l->kind]);
  const size_t graph = table(&b, vector(&b, slot(model, 2), 1, SLOT, SLOT), 0x0f);
  tensors(&b, slot(graph, 0), l, bytes);
  ints(&b, slot(graph, 1), (const int32_t[]){0}, 1);
  ints(&b, slot(graph, 2), (const int32_t[]){3}, 1);
  operators(&b, slot(graph, 3), l);
  const size_t buffers = vector(&b, slot(model, 4), 3, SLOT, SLOT);
  const size_t weights = (size_t)depth_of(l) * (size_t)l->out;
  table(&b, buffers, 0);
  buffer(&b, buffers + SLOT, weights, bytes ? 1 : 4, bytes, 1 / sqrtf((float)depth_of(l)));
  buffer(&b, buffers + 2 * SLOT, (size_t)l->out, 4, bytes, bytes ? 1000 : 1);
  *size = b.size;
  if (!b.failed) return b.data;
  free(b.data);
  return NULL;
}
