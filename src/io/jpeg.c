/* JPEG pictures through libjpeg (libjpeg-turbo). */
#include "io/io.h"

#ifdef LN_HAVE_JPEG
#include <setjmp.h>
#include <stdio.h>
/* jpeglib.h needs stdio.h before it. */
#include <jpeglib.h>

#define TEXT(macro) TEXT_OF(macro)
#define TEXT_OF(macro) #macro
#ifdef LIBJPEG_TURBO_VERSION
const char *ln_jpeg_library(void) { return "libjpeg-turbo " TEXT(LIBJPEG_TURBO_VERSION); }
#else
const char *ln_jpeg_library(void) { return "libjpeg " TEXT(JPEG_LIB_VERSION); }
#endif

typedef struct failure {
  struct jpeg_error_mgr manager; /* first, so that libjpeg's pointer is ours */
  jmp_buf back;
  char text[JMSG_LENGTH_MAX];
} failure;

static void leave(j_common_ptr info) {
  failure *self = (failure *)info->err;
  self->manager.format_message(info, self->text);
  longjmp(self->back, 1);
}

static void stay_silent(j_common_ptr info) { (void)info; }

ln_status ln_jpeg_decode(const uint8_t *data, size_t size, ln_error *err, ln_image *out) {
  *out = (ln_image){0};
  if (size > UINT32_MAX) return ln_fail(err, LN_ERR_LIMIT, "a JPEG file of more than 4 GB");
  struct jpeg_decompress_struct info;
  failure failed;
  info.err = jpeg_std_error(&failed.manager);
  failed.manager.error_exit = leave;
  failed.manager.output_message = stay_silent;
  if (setjmp(failed.back)) {
    jpeg_destroy_decompress(&info);
    ln_image_free(out);
    return ln_fail(err, LN_ERR_FORMAT, "broken JPEG: %s", failed.text);
  }
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, (unsigned char *)data, (unsigned long)size);
  jpeg_read_header(&info, TRUE);
  info.out_color_space = info.jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
  ln_status status = ln_image_alloc((int32_t)info.image_width, (int32_t)info.image_height,
                                    info.out_color_space == JCS_GRAYSCALE ? 1 : 3, err, out);
  if (status == LN_OK) {
    jpeg_start_decompress(&info);
    const size_t row = (size_t)out->width * (size_t)out->channels;
    while (info.output_scanline < info.output_height) {
      JSAMPROW line = out->pixels + row * info.output_scanline;
      jpeg_read_scanlines(&info, &line, 1);
    }
    jpeg_finish_decompress(&info);
  }
  jpeg_destroy_decompress(&info);
  return status;
}
#else
const char *ln_jpeg_library(void) { return NULL; }

ln_status ln_jpeg_decode(const uint8_t *data, size_t size, ln_error *err, ln_image *out) {
  (void)data, (void)size;
  *out = (ln_image){0};
  return ln_fail(err, LN_ERR_FEATURE, "this build cannot read JPEG: built without libjpeg");
}
#endif
