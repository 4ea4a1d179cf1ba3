/* Files packed by gzip, and how small a packer makes bytes. */
#include <string.h>

#include "io/io.h"

#ifdef LN_HAVE_ZLIB
#include <zlib.h>
#endif

bool ln_gzip_is(const void *data, size_t size) { return size > 2 && memcmp(data, "\x1f\x8b", 2) == 0; }

#ifdef LN_HAVE_ZLIB

const char *ln_gzip_library(void) { return "zlib " ZLIB_VERSION; }

/* Inflates into memory that grows; Z_STREAM_END when all came. */
static int inflate_all(z_stream *stream, uint8_t **out, size_t *capacity, size_t *used) {
  for (;;) {
    const size_t room = *capacity - *used;
    stream->next_out = *out + *used;
    stream->avail_out = room < UINT32_MAX ? (uInt)room : UINT32_MAX;
    const uInt before = stream->avail_out;
    const int result = inflate(stream, Z_NO_FLUSH);
    *used += before - stream->avail_out;
    if (result != Z_OK && result != Z_BUF_ERROR) return result;
    if (stream->avail_out > 0) return Z_BUF_ERROR; /* the input is at its end */
    if (*used < *capacity) continue;
    if (*capacity >= LN_DATA_MAX_UNPACKED) return Z_MEM_ERROR;
    uint8_t *grown = ln_realloc_array(*out, *capacity, 2 * *capacity, 1);
    if (!grown) return Z_MEM_ERROR;
    *out = grown;
    *capacity *= 2;
  }
}

ln_status ln_gzip_unpack(const void *data, size_t size, ln_error *err, void **out, size_t *out_size) {
  *out = NULL;
  *out_size = 0;
  if (size > UINT32_MAX) return ln_fail(err, LN_ERR_LIMIT, "a packed file of more than 4 GB");
  z_stream stream = {0};
  size_t capacity = 4 * size + 1024, used = 0;
  uint8_t *bytes = ln_alloc(capacity);
  if (!bytes || inflateInit2(&stream, 15 + 16) != Z_OK) {
    ln_free(bytes);
    return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  }
  stream.next_in = (Bytef *)data;
  stream.avail_in = (uInt)size;
  const int result = inflate_all(&stream, &bytes, &capacity, &used);
  inflateEnd(&stream);
  if (result == Z_STREAM_END) {
    *out = bytes;
    *out_size = used;
    return LN_OK;
  }
  ln_free(bytes);
  if (result == Z_MEM_ERROR) return ln_fail(err, LN_ERR_LIMIT, "it unpacks to more than this reader takes");
  return ln_fail(err, LN_ERR_FORMAT, "a broken gzip file");
}

int64_t ln_io_deflated_bytes(const void *data, size_t size) {
  uLongf packed = compressBound((uLong)size);
  uint8_t *bytes = ln_alloc(packed);
  const bool good = bytes && compress2(bytes, &packed, data, (uLong)size, 9) == Z_OK;
  ln_free(bytes);
  return good ? (int64_t)packed : -1;
}

#else

const char *ln_gzip_library(void) { return NULL; }

ln_status ln_gzip_unpack(const void *data, size_t size, ln_error *err, void **out, size_t *out_size) {
  (void)data, (void)size;
  *out = NULL;
  *out_size = 0;
  return ln_fail(err, LN_ERR_FEATURE, "it is packed by gzip and this build cannot unpack it: built without zlib");
}

int64_t ln_io_deflated_bytes(const void *data, size_t size) {
  (void)data, (void)size;
  return -1;
}

#endif
