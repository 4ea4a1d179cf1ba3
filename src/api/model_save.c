/* Writing models: the rest of linnet/model.h, which small builds may lack. */
#include "format/format.h"
#include "linnet/model.h"

ln_status ln_model_save(const ln_model *model, const char *path, ln_error *err) {
  if (model == NULL || path == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  uint8_t *data = NULL;
  size_t size = 0;
  LN_TRY(ln_format_write(model, err, &data, &size));
  const ln_status status = ln_file_write(path, data, size, err);
  ln_free(data);
  return status;
}
