/* Bytes as what stands beside a graph: the metadata blob, the archive of files behind a model, a file of labels. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "ir/ir.h"
#include "linnet/io.h"

static void read_info(const ln_model_info *info) {
  for (int32_t graph = 0; graph < 3; ++graph) {
    for (int outputs = 0; outputs < 2; ++outputs) {
      for (int32_t i = 0; i < ln_model_info_tensor_count(info, graph, outputs != 0); ++i) {
        ln_tensor_info tensor = {.size = sizeof tensor};
        if (ln_model_info_tensor(info, graph, outputs != 0, i, &tensor) != LN_OK) abort();
        volatile float sum = 0; /* all are read; a file may well hold a NaN */
        for (int32_t k = 0; k < tensor.mean_count; ++k) sum += tensor.mean[k];
        for (int32_t k = 0; k < tensor.std_count; ++k) sum += tensor.std[k];
        (void)sum;
        if (strlen(tensor.name) > (size_t)1 << 30) abort();
      }
    }
  }
}

static void read_files(const ln_model *model, const ln_model_info *info) {
  ln_error err = {LN_OK, ""};
  for (int32_t i = 0; i < ln_model_info_file_count(info) && i < 8; ++i) {
    ln_file_info file = {.size = sizeof file};
    void *content = NULL;
    size_t size = 0;
    if (ln_model_info_file(info, i, &file) != LN_OK) abort();
    fuzz_check(ln_io_model_file(model, file.name, &err, &content, &size), &err);
    ln_io_free(content);
  }
}

static void read_labels(const ln_model *model) {
  ln_error err = {LN_OK, ""};
  ln_file_kind kind;
  ln_labels *labels = NULL;
  fuzz_check(ln_io_model_labels(model, 0, -1, &err, &kind, &labels), &err);
  ln_labels_destroy(labels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ln_error err = {LN_OK, ""};
  ln_metadata metadata = {"TFLITE_METADATA", data, size, 0};
  const ln_model model = {.map = {data, size, false}, .metadata = &metadata, .metadata_count = 1};
  ln_model_info *info = NULL;
  ln_labels *labels = NULL;
  const ln_status status = ln_model_info_read(&model, &err, &info);
  fuzz_check(status, &err);
  if (status == LN_OK) {
    read_info(info);
    read_files(&model, info);
    read_labels(&model);
  }
  ln_model_info_destroy(info);
  void *content = NULL;
  size_t content_size = 0;
  fuzz_check(ln_io_model_file(&model, "labels.txt", &err, &content, &content_size), &err);
  ln_io_free(content);
  fuzz_check(ln_labels_parse(data, size, &err, &labels), &err);
  for (int32_t i = 0; i < ln_labels_count(labels) && i < 1000; ++i) ln_labels_get(labels, i);
  ln_labels_destroy(labels);
  return 0;
}
