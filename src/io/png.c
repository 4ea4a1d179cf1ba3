/* PNG pictures through libpng's simplified interface. */
#include "io/io.h"

#ifdef LN_HAVE_PNG
#include <png.h>
#include <string.h>

const char *ln_png_library(void) { return "libpng " PNG_LIBPNG_VER_STRING; }

ln_status ln_png_decode(const uint8_t *data, size_t size, ln_error *err, ln_image *out) {
  *out = (ln_image){0};
  png_image info;
  memset(&info, 0, sizeof info);
  info.version = PNG_IMAGE_VERSION;
  if (!png_image_begin_read_from_memory(&info, data, size)) {
    return ln_fail(err, LN_ERR_FORMAT, "broken PNG: %s", info.message);
  }
  const bool colour = info.format & PNG_FORMAT_FLAG_COLOR;
  info.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  ln_status status = LN_OK;
  if (info.width > LN_IMAGE_MAX_SIDE || info.height > LN_IMAGE_MAX_SIDE) {
    status = ln_fail(err, LN_ERR_LIMIT, "a picture of %u x %u pixels is larger than this reader takes", info.width,
                     info.height);
  } else {
    status = ln_image_alloc((int32_t)info.width, (int32_t)info.height, colour ? 3 : 1, err, out);
  }
  const png_color black = {0, 0, 0};
  if (status == LN_OK && !png_image_finish_read(&info, &black, out->pixels, 0, NULL)) {
    status = ln_fail(err, LN_ERR_FORMAT, "broken PNG: %s", info.message);
    ln_image_free(out);
  }
  png_image_free(&info);
  return status;
}
#else
const char *ln_png_library(void) { return NULL; }

ln_status ln_png_decode(const uint8_t *data, size_t size, ln_error *err, ln_image *out) {
  (void)data, (void)size;
  *out = (ln_image){0};
  return ln_fail(err, LN_ERR_FEATURE, "this build cannot read PNG: built without libpng");
}
#endif
