/* BMP pictures: 8-bit with a palette, 24- and 32-bit, rows from the top or from the bottom, not compressed. */
#include <string.h>

#include "io/io.h"

typedef struct bmp_header {
  size_t pixels_at, palette_at;
  uint32_t palette_count;
  int32_t width, height;
  int bits;
  bool top_down;
} bmp_header;

static ln_status read_header(const uint8_t *data, size_t size, ln_error *err, bmp_header *out) {
  if (size < 54) return ln_fail(err, LN_ERR_FORMAT, "the BMP header is cut short");
  const uint32_t header_size = ln_le32(data + 14);
  if (header_size < 40 || header_size > 4096 || 14 + (size_t)header_size > size) {
    return ln_fail(err, LN_ERR_FORMAT, "a BMP header of %u bytes is not known", header_size);
  }
  const uint32_t compression = ln_le32(data + 30);
  const int bits = ln_le16(data + 28);
  if (bits != 8 && bits != 24 && bits != 32) return ln_fail(err, LN_ERR_FORMAT, "BMP with %d bits a pixel", bits);
  if (compression != 0 && !(compression == 3 && bits == 32)) {
    return ln_fail(err, LN_ERR_FORMAT, "compressed BMP (method %u)", compression);
  }
  if (compression == 3) { /* masks behind the first 40 bytes, in either header form; only blue, green, red in order */
    if (size < 66 || ln_le32(data + 54) != 0xff0000 || ln_le32(data + 58) != 0xff00 || ln_le32(data + 62) != 0xff) {
      return ln_fail(err, LN_ERR_FORMAT, "BMP with unusual colour masks");
    }
  }
  const int32_t height = (int32_t)ln_le32(data + 22);
  if (height == INT32_MIN) return ln_fail(err, LN_ERR_FORMAT, "BMP of a height out of range");
  out->width = (int32_t)ln_le32(data + 18);
  out->height = height < 0 ? -height : height;
  out->top_down = height < 0;
  out->bits = bits;
  out->pixels_at = ln_le32(data + 10);
  out->palette_at = 14 + (size_t)header_size;
  const uint32_t used = ln_le32(data + 46);
  out->palette_count = bits == 8 ? (used == 0 || used > 256 ? 256 : used) : 0;
  if (out->palette_at + 4u * (size_t)out->palette_count > size) {
    return ln_fail(err, LN_ERR_FORMAT, "the BMP palette is cut short");
  }
  return LN_OK;
}

/* A palette of grays alone makes a gray picture. */
static bool palette_is_gray(const uint8_t *palette, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    if (palette[4 * i] != palette[4 * i + 1] || palette[4 * i] != palette[4 * i + 2]) return false;
  }
  return true;
}

static bool decode_palette_row(const uint8_t *from, const uint8_t *palette, uint32_t count, ln_image *image,
                               uint8_t *to) {
  for (int32_t x = 0; x < image->width; x++) {
    if (from[x] >= count) return false;
    const uint8_t *colour = palette + 4 * (size_t)from[x];
    if (image->channels == 1) {
      *to++ = colour[0];
    } else {
      *to++ = colour[2];
      *to++ = colour[1];
      *to++ = colour[0];
    }
  }
  return true;
}

ln_status ln_bmp_decode(const uint8_t *data, size_t size, ln_error *err, ln_image *out) {
  *out = (ln_image){0};
  bmp_header header = {0};
  LN_TRY(read_header(data, size, err, &header));
  const uint8_t *palette = data + header.palette_at;
  const int32_t channels = header.bits == 8 && palette_is_gray(palette, header.palette_count) ? 1 : 3;
  LN_TRY(ln_image_alloc(header.width, header.height, channels, err, out));
  const size_t step = (size_t)header.bits / 8, row = ((size_t)header.width * step + 3) / 4 * 4;
  const size_t needed = row * ((size_t)header.height - 1) + (size_t)header.width * step;
  ln_status status = LN_OK;
  if (header.pixels_at > size || needed > size - header.pixels_at) {
    status = ln_fail(err, LN_ERR_FORMAT, "the BMP pixels are cut short");
  }
  for (int32_t y = 0; y < header.height && status == LN_OK; y++) {
    const size_t source = (size_t)(header.top_down ? y : header.height - 1 - y);
    const uint8_t *from = data + header.pixels_at + row * source;
    uint8_t *to = out->pixels + (size_t)y * (size_t)header.width * (size_t)channels;
    if (header.bits == 8) {
      if (!decode_palette_row(from, palette, header.palette_count, out, to)) {
        status = ln_fail(err, LN_ERR_FORMAT, "a BMP pixel outside the palette");
      }
      continue;
    }
    for (int32_t x = 0; x < header.width; x++, from += step, to += 3) {
      to[0] = from[2];
      to[1] = from[1];
      to[2] = from[0];
    }
  }
  if (status != LN_OK) ln_image_free(out);
  return status;
}
