/* How weights are stored: sparse tensors and blockwise scales as TensorFlow Lite shows them: encodings SPARSE BLOCKWISE
 */
#include "check.h"
#include "tensorflow/lite/c/c_api.h"
#include "tensorflow/lite/c/c_api_experimental.h"
#include "tensorflow/lite/c/common.h"

/* Elements that the levels lead to: what the tensor's data has to hold. */
static size_t stored(const TfLiteSparsity *sparsity) {
  size_t count = 1;
  for (int i = 0; i < sparsity->dim_metadata_size; ++i) {
    const TfLiteDimensionMetadata *level = &sparsity->dim_metadata[i];
    if (level->format == kTfLiteDimDense) {
      CHECK(level->dense_size > 0 && level->array_segments == NULL && level->array_indices == NULL);
      count *= (size_t)level->dense_size;
      continue;
    }
    CHECK((size_t)level->array_segments->size == count + 1 && level->array_segments->data[0] == 0);
    CHECK(level->array_segments->data[count] == level->array_indices->size);
    count = (size_t)level->array_indices->size;
  }
  return count;
}

static int look_at(const TfLiteTensor *tensor) {
  const TfLiteSparsity *sparsity = tensor->sparsity;
  if (sparsity == NULL) return 0;
  CHECK(sparsity->traversal_order->size == sparsity->dim_metadata_size);
  CHECK(sparsity->dim_metadata_size >= tensor->dims->size);
  size_t whole = 1;
  for (int i = 0; i < tensor->dims->size; ++i) whole *= (size_t)tensor->dims->data[i];
  const size_t count = stored(sparsity);
  CHECK(count > 0 && count < whole);
  CHECK(tensor->bytes == count * (tensor->type == kTfLiteFloat16 ? 2 : tensor->type == kTfLiteFloat32 ? 4 : 1));
  TfLiteTensor copy = TfLiteTensorClone(*tensor);
  CHECK(stored(copy.sparsity) == count);
  copy.data.raw = NULL; /* the model's */
  TfLiteTensorFree(&copy);
  return 1;
}

static int scaled_in_blocks(const TfLiteInterpreter *interpreter, const TfLiteTensor *tensor) {
  if (tensor->quantization.type != kTfLiteBlockwiseQuantization) return 0;
  const TfLiteBlockwiseQuantization *blocks = tensor->quantization.params;
  const TfLiteTensor *scales = TfLiteInterpreterGetTensor(interpreter, blocks->scale);
  const int last = tensor->dims->size - 1;
  CHECK(scales != NULL && blocks->blocksize > 0);
  CHECK(tensor->dims->data[last] == scales->dims->data[last] * blocks->blocksize);
  return 1;
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  for (int file = 0; file < 2; ++file) {
    FILE *there = fopen(argv[1 + file], "rb");
    if (there == NULL) {
      printf("skipped: %s cannot be read\n", argv[1 + file]);
      return 77;
    }
    fclose(there);
    int sparse = 0, blockwise = 0;
    TfLiteModel *model = TfLiteModelCreateFromFile(argv[1 + file]);
    TfLiteInterpreter *interpreter = TfLiteInterpreterCreate(model, NULL);
    CHECK(interpreter != NULL && TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteOk);
    const TfLiteTensor *tensor;
    for (int i = 0; (tensor = TfLiteInterpreterGetTensor(interpreter, i)) != NULL; ++i) {
      sparse += look_at(tensor);
      blockwise += scaled_in_blocks(interpreter, tensor);
    }
    printf("%d sparse tensors, %d with scales in blocks\n", sparse, blockwise);
    CHECK(file == 0 ? sparse > 0 : blockwise > 0);
    TfLiteInterpreterDelete(interpreter);
    TfLiteModelDelete(model);
  }
  return 0;
}
