/* What the files of src/io share: decoders behind one front, and byte order. */
#ifndef LN_IO_IO_H
#define LN_IO_IO_H

#include "base/base.h"
#include "linnet/io.h"

static inline uint16_t ln_le16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t ln_le32(const uint8_t *p) { return (uint32_t)ln_le16(p) | (uint32_t)ln_le16(p + 2) << 16; }

/* A picture or sound this large on a side, or in bytes, is refused before memory is taken for it. */
enum { LN_IMAGE_MAX_SIDE = 32768, LN_IMAGE_MAX_PIXELS = 1 << 28, LN_SOUND_MAX_SAMPLES = 1 << 28 };

/* Checks the limits and allocates `pixels`. */
ln_status ln_image_alloc(int32_t width, int32_t height, int32_t channels, ln_error *err, ln_image *out);

ln_status ln_bmp_decode(const uint8_t *data, size_t size, ln_error *err, ln_image *out);
ln_status ln_jpeg_decode(const uint8_t *data, size_t size, ln_error *err, ln_image *out);
ln_status ln_png_decode(const uint8_t *data, size_t size, ln_error *err, ln_image *out);

/* The library behind each and its version; NULL when built without it. */
const char *ln_jpeg_library(void);
const char *ln_png_library(void);
const char *ln_sound_library(void);
const char *ln_resample_library(void);
const char *ln_zip_library(void);

#endif
