/* Pictures: the front of the decoders, resizing, gray and RGB, and pictures as input tensors. */
#include <math.h>
#include <string.h>

#include "io/io.h"

ln_status ln_image_alloc(int32_t width, int32_t height, int32_t channels, ln_error *err, ln_image *out) {
  *out = (ln_image){0};
  if (width <= 0 || height <= 0) return ln_fail(err, LN_ERR_FORMAT, "a picture of %d x %d pixels", width, height);
  if (width > LN_IMAGE_MAX_SIDE || height > LN_IMAGE_MAX_SIDE || (int64_t)width * height > LN_IMAGE_MAX_PIXELS) {
    return ln_fail(err, LN_ERR_LIMIT, "a picture of %d x %d pixels is larger than this reader takes", width, height);
  }
  uint8_t *pixels = ln_alloc_array((size_t)width * (size_t)height, (size_t)channels);
  if (!pixels) return ln_fail(err, LN_ERR_MEMORY, "no memory for a picture of %d x %d pixels", width, height);
  *out = (ln_image){width, height, channels, pixels};
  return LN_OK;
}

void ln_image_free(ln_image *image) {
  ln_free(image->pixels);
  *image = (ln_image){0};
}

ln_status ln_image_decode(const void *data, size_t size, ln_error *err, ln_image *out) {
  *out = (ln_image){0};
  const uint8_t *bytes = data;
  if (size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0) return ln_jpeg_decode(bytes, size, err, out);
  if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0) return ln_png_decode(bytes, size, err, out);
  if (size >= 2 && memcmp(bytes, "BM", 2) == 0) return ln_bmp_decode(bytes, size, err, out);
  return ln_fail(err, LN_ERR_FORMAT, "not a JPEG, PNG or BMP picture");
}

ln_status ln_image_read(const char *path, ln_error *err, ln_image *out) {
  *out = (ln_image){0};
  ln_file_map map;
  LN_TRY(ln_file_map_open(path, err, &map));
  const ln_status status = ln_image_decode(map.data, map.size, err, out);
  ln_file_map_close(&map);
  return status;
}

/* For each target position: the two source positions it lies between, and the second one's share. */
typedef struct tap {
  int32_t low, high;
  float share;
} tap;

static tap *make_taps(int32_t source, int32_t target) {
  tap *taps = ln_alloc_array((size_t)target, sizeof *taps);
  if (!taps) return NULL;
  const double scale = (double)source / target;
  for (int32_t i = 0; i < target; i++) {
    double at = (i + 0.5) * scale - 0.5;
    at = at < 0 ? 0 : at > source - 1 ? source - 1 : at;
    const int32_t low = (int32_t)at;
    taps[i] = (tap){low, low + 1 < source ? low + 1 : low, (float)(at - low)};
  }
  return taps;
}

ln_status ln_image_resize(const ln_image *image, int32_t width, int32_t height, ln_error *err, ln_image *out) {
  LN_TRY(ln_image_alloc(width, height, image->channels, err, out));
  ln_status status = LN_OK;
  const int32_t channels = image->channels;
  const size_t row = (size_t)image->width * (size_t)channels;
  tap *xs = make_taps(image->width, width), *ys = make_taps(image->height, height);
  if (!xs || !ys) {
    status = ln_fail(err, LN_ERR_MEMORY, "out of memory");
    ln_image_free(out);
    goto out;
  }
  uint8_t *target = out->pixels;
  for (int32_t y = 0; y < height; y++) {
    const uint8_t *top = image->pixels + row * (size_t)ys[y].low, *bottom = image->pixels + row * (size_t)ys[y].high;
    for (int32_t x = 0; x < width; x++) {
      const size_t left = (size_t)xs[x].low * (size_t)channels, right = (size_t)xs[x].high * (size_t)channels;
      for (int32_t c = 0; c < channels; c++) {
        const float a = top[left + c] + (top[right + c] - top[left + c]) * xs[x].share;
        const float b = bottom[left + c] + (bottom[right + c] - bottom[left + c]) * xs[x].share;
        *target++ = (uint8_t)(a + (b - a) * ys[y].share + 0.5f);
      }
    }
  }
out:
  ln_free(xs);
  ln_free(ys);
  return status;
}

ln_status ln_image_convert(const ln_image *image, int32_t channels, ln_error *err, ln_image *out) {
  *out = (ln_image){0};
  if (channels != 1 && channels != 3) return ln_fail(err, LN_ERR_ARGUMENT, "pictures have 1 or 3 channels");
  LN_TRY(ln_image_alloc(image->width, image->height, channels, err, out));
  const size_t count = (size_t)image->width * (size_t)image->height;
  const uint8_t *from = image->pixels;
  uint8_t *to = out->pixels;
  if (channels == image->channels) {
    memcpy(to, from, count * (size_t)channels);
  } else if (channels == 1) {
    for (size_t i = 0; i < count; i++, from += 3) {
      to[i] = (uint8_t)((299u * from[0] + 587u * from[1] + 114u * from[2] + 500u) / 1000u);
    }
  } else {
    for (size_t i = 0; i < count; i++, to += 3) to[0] = to[1] = to[2] = from[i];
  }
  return LN_OK;
}

static int32_t open_dim(int32_t dim) { return dim < 0 ? 0 : dim; }

ln_status ln_image_layout_of(const int32_t *dims, int32_t rank, ln_error *err, ln_image_layout *out) {
  *out = (ln_image_layout){0};
  if (rank == 2 && dims[0] != 1) { /* [H, W] */
    *out = (ln_image_layout){open_dim(dims[1]), open_dim(dims[0]), 1, false};
    return LN_OK;
  }
  const bool batched = rank >= 3 && (dims[0] == 1 || dims[0] == -1);
  const bool plain = rank == 3 && !batched; /* [H, W, C] */
  const int32_t *d = plain || rank == 0 ? dims : dims + 1;
  if (rank == 3 && batched) {
    *out = (ln_image_layout){open_dim(dims[2]), open_dim(dims[1]), 1, false};
  } else if ((rank == 4 && batched) || plain) {
    const bool last = d[2] == 1 || d[2] == 3, first = d[0] == 1 || d[0] == 3;
    if (last) *out = (ln_image_layout){open_dim(d[1]), open_dim(d[0]), d[2], false};
    else if (first) *out = (ln_image_layout){open_dim(d[2]), open_dim(d[1]), d[0], true};
  }
  if (out->channels == 0) return ln_fail(err, LN_ERR_SHAPE, "its shape does not hold one gray or RGB picture");
  return LN_OK;
}

/* What each byte of a channel becomes, so that the pixel loop is a look-up. */
static void fill_float_table(const ln_tensor_info *info, int32_t channel, float table[256]) {
  const bool given = info && info->mean_count > 0 && info->std_count > 0;
  const float mean = given ? info->mean[channel < info->mean_count ? channel : 0] : 127.5f;
  const float std = given ? info->std[channel < info->std_count ? channel : 0] : 127.5f;
  for (int32_t v = 0; v < 256; v++) table[v] = ((float)v - mean) / (std != 0 ? std : 1.0f);
}

static void fill_byte_table(const ln_tensor_info *info, int32_t channel, const ln_tensor *tensor, uint8_t table[256]) {
  const bool is_signed = ln_tensor_type(tensor) == LN_INT8;
  const float scale = ln_tensor_scale(tensor, 0);
  if (!info || info->mean_count == 0 || info->std_count == 0 || !(scale > 0)) {
    for (int32_t v = 0; v < 256; v++) table[v] = (uint8_t)(is_signed ? v - 128 : v);
    return;
  }
  float real[256];
  fill_float_table(info, channel, real);
  const float low = is_signed ? -128 : 0, high = is_signed ? 127 : 255;
  for (int32_t v = 0; v < 256; v++) {
    const float q = rintf(real[v] / scale) + (float)ln_tensor_zero_point(tensor, 0);
    table[v] = (uint8_t)(int32_t)(q > high ? high : q >= low ? q : low);
  }
}

/* Applies the tables; `offset` of pixel p and channel c is p * pixel_step + c * channel_step. */
static void fill_tensor(const ln_image *image, const ln_tensor_info *info, ln_tensor *tensor, bool channels_first) {
  const size_t count = (size_t)image->width * (size_t)image->height, channels = (size_t)image->channels;
  const size_t pixel_step = channels_first ? 1 : channels, channel_step = channels_first ? count : 1;
  for (size_t c = 0; c < channels; c++) {
    const uint8_t *from = image->pixels + c;
    if (ln_tensor_type(tensor) == LN_FLOAT32) {
      float table[256], *to = (float *)ln_tensor_mutable_data(tensor) + c * channel_step;
      fill_float_table(info, (int32_t)c, table);
      for (size_t p = 0; p < count; p++) to[p * pixel_step] = table[from[p * channels]];
    } else {
      uint8_t table[256], *to = (uint8_t *)ln_tensor_mutable_data(tensor) + c * channel_step;
      fill_byte_table(info, (int32_t)c, tensor, table);
      for (size_t p = 0; p < count; p++) to[p * pixel_step] = table[from[p * channels]];
    }
  }
}

ln_status ln_image_fit(const ln_image *image, const ln_tensor_info *info, int32_t *dims, int32_t rank, ln_error *err) {
  ln_image_layout layout;
  LN_TRY(ln_image_layout_of(dims, rank, err, &layout));
  const int32_t width = info && info->default_width > 0 ? (int32_t)info->default_width : image->width;
  const int32_t height = info && info->default_height > 0 ? (int32_t)info->default_height : image->height;
  const int32_t lines = rank - (layout.channels_first || rank == 2 || (rank == 3 && dims[0] == 1) ? 2 : 3);
  if (dims[lines] < 0) dims[lines] = height;
  if (dims[lines + 1] < 0) dims[lines + 1] = width;
  for (int32_t i = 0; i < rank; i++) dims[i] = dims[i] < 0 ? 1 : dims[i];
  return LN_OK;
}

/* For the types that have no table: real values, which the tensor rounds. */
static ln_status fill_numbers(const ln_image *image, const ln_tensor_info *info, ln_tensor *tensor, bool channels_first,
                              ln_error *err) {
  const size_t channels = (size_t)image->channels, elements = ln_tensor_elements(tensor), count = elements / channels;
  float *values = ln_alloc_array(elements, sizeof *values), table[256];
  if (!values) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  for (size_t c = 0; c < channels; c++) {
    fill_float_table(info, (int32_t)c, table);
    for (size_t p = 0; p < count; p++) {
      values[channels_first ? c * count + p : p * channels + c] = table[image->pixels[p * channels + c]];
    }
  }
  const ln_status status = ln_tensor_copy_from_f32(tensor, values, elements, err);
  ln_free(values);
  return status;
}

ln_status ln_image_to_tensor(const ln_image *image, const ln_tensor_info *info, ln_tensor *tensor, ln_error *err) {
  int32_t dims[LN_MAX_RANK];
  const int32_t rank = ln_tensor_rank(tensor);
  for (int32_t i = 0; i < rank; i++) dims[i] = ln_tensor_dim(tensor, i);
  const ln_type type = ln_tensor_type(tensor);
  const int32_t bits = ln_type_bits(type);
  const bool has_table = type == LN_FLOAT32 || type == LN_UINT8 || type == LN_INT8;
  if (!has_table && type != LN_FLOAT16 && type != LN_BFLOAT16 && ln_tensor_scale_count(tensor) != 1)
    return ln_fail(err, LN_ERR_TYPE, "a picture does not go into a tensor of %s", ln_type_name(type));
  ln_image_layout layout;
  LN_TRY(ln_image_layout_of(dims, rank, err, &layout));
  const size_t elements = (size_t)layout.width * (size_t)layout.height * (size_t)layout.channels;
  if (elements != ln_tensor_elements(tensor) || (elements * (size_t)bits + 7) / 8 != ln_tensor_bytes(tensor) ||
      !ln_tensor_mutable_data(tensor)) {
    return ln_fail(err, LN_ERR_STATE, "the tensor has no memory yet");
  }
  ln_image sized, converted;
  LN_TRY(ln_image_resize(image, layout.width, layout.height, err, &sized));
  ln_status status = ln_image_convert(&sized, layout.channels, err, &converted);
  if (status == LN_OK) {
    if (has_table) {
      fill_tensor(&converted, info, tensor, layout.channels_first);
    } else {
      status = fill_numbers(&converted, info, tensor, layout.channels_first, err);
    }
    ln_image_free(&converted);
  }
  ln_image_free(&sized);
  return status;
}
