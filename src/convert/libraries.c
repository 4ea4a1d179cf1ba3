/* The outside libraries of this build. */
#include <stddef.h>

#include "linnet/convert.h"

#ifdef LN_HAVE_PROTOBUF_C
#include <protobuf-c/protobuf-c.h>
#endif

const char *ln_convert_library(int32_t index) {
  static const char *const libraries[] = {
#ifdef LN_HAVE_PROTOBUF_C
      "protobuf-c " PROTOBUF_C_VERSION,
#endif
      NULL};
  return index < 0 || index >= (int32_t)(sizeof libraries / sizeof libraries[0]) ? NULL : libraries[index];
}
