/* The classifier that ships, as a TfLite program runs it: classify MODEL IMAGE.bmp CLASS */
#include "check.h"
#include "tensorflow/lite/c/c_api.h"
#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/delegates/xnnpack/xnnpack_delegate.h"

/* The pixels of an 8-bit grayscale BMP, top row first. */
static void read_bmp(const char *path, unsigned char *pixels, int width, int height) {
  unsigned char file[1 << 16];
  FILE *stream = fopen(path, "rb");
  CHECK(stream != NULL);
  const size_t size = fread(file, 1, sizeof file, stream);
  fclose(stream);
  CHECK(size > 54 && file[0] == 'B' && file[28] == 8);
  const size_t start = file[10] + 256u * file[11];
  const size_t row = ((size_t)width + 3) / 4 * 4;
  CHECK(start + row * (size_t)height <= size);
  for (int y = 0; y < height; ++y)
    memcpy(pixels + y * width, file + start + (size_t)(height - 1 - y) * row, (size_t)width);
}

static int classify(const TfLiteModel *model, const TfLiteInterpreterOptions *options, const unsigned char *pixels) {
  TfLiteInterpreter *interpreter = TfLiteInterpreterCreate(model, options);
  CHECK(interpreter != NULL);
  CHECK(TfLiteInterpreterGetInputTensorCount(interpreter) == 1);
  CHECK(TfLiteInterpreterGetOutputTensorCount(interpreter) == 1);
  TfLiteTensor *input = TfLiteInterpreterGetInputTensor(interpreter, 0);
  CHECK(TfLiteTensorData(input) == NULL);
  CHECK(TfLiteInterpreterInvoke(interpreter) != kTfLiteOk);
  CHECK(TfLiteInterpreterAllocateTensors(interpreter) == kTfLiteOk);
  CHECK(input == TfLiteInterpreterGetInputTensor(interpreter, 0));
  CHECK(input == TfLiteInterpreterGetTensor(interpreter, TfLiteInterpreterInputTensorIndices(interpreter)[0]));
  const TfLiteQuantizationParams in = TfLiteTensorQuantizationParams(input);
  CHECK(TfLiteTensorType(input) == kTfLiteInt8 && in.scale > 0 && TfLiteTensorByteSize(input) == 28 * 28);
  CHECK(TfLiteTensorNumDims(input) == 4 && TfLiteTensorDim(input, 1) == 28 && TfLiteTensorDim(input, 2) == 28);
  CHECK(input->dims->size == 4 && input->quantization.type == kTfLiteAffineQuantization);
  signed char quantized[28 * 28];
  for (int i = 0; i < 28 * 28; ++i) {
    const float value = (float)pixels[i] / 255.0f / in.scale + (float)in.zero_point;
    quantized[i] = (signed char)(value > 127 ? 127 : value < -128 ? -128 : value + (value < 0 ? -0.5f : 0.5f));
  }
  CHECK(TfLiteTensorCopyFromBuffer(input, quantized, sizeof quantized - 1) == kTfLiteError);
  CHECK(TfLiteTensorCopyFromBuffer(input, quantized, sizeof quantized) == kTfLiteOk);
  CHECK(TfLiteInterpreterInvoke(interpreter) == kTfLiteOk);
  const TfLiteTensor *output = TfLiteInterpreterGetOutputTensor(interpreter, 0);
  signed char scores[10];
  CHECK(TfLiteTensorCopyToBuffer(output, scores, sizeof scores) == kTfLiteOk);
  int best = 0;
  for (int i = 1; i < 10; ++i) best = scores[i] > scores[best] ? i : best;
  TfLiteInterpreterDelete(interpreter);
  return best;
}

int main(int argc, char **argv) {
  unsigned char pixels[28 * 28];
  CHECK(argc == 4);
  CHECK(strcmp(TfLiteVersion(), "2.19.0") == 0 && TfLiteSchemaVersion() == 3);
  read_bmp(argv[2], pixels, 28, 28);
  TfLiteModel *model = TfLiteModelCreateFromFile(argv[1]);
  CHECK(model != NULL);
  TfLiteInterpreterOptions *options = TfLiteInterpreterOptionsCreate();
  TfLiteInterpreterOptionsSetNumThreads(options, 2);
  CHECK(classify(model, NULL, pixels) == atoi(argv[3]));
  CHECK(classify(model, options, pixels) == atoi(argv[3]));
  TfLiteXNNPackDelegateOptions delegate_options = TfLiteXNNPackDelegateOptionsDefault();
  delegate_options.num_threads = 2;
  TfLiteDelegate *delegate = TfLiteXNNPackDelegateCreate(&delegate_options);
  TfLiteInterpreterOptionsAddDelegate(options, delegate);
  CHECK(classify(model, options, pixels) == atoi(argv[3]));
  TfLiteXNNPackDelegateDelete(delegate);
  TfLiteInterpreterOptionsDelete(options);
  TfLiteModelDelete(model);
  puts("classified alike by one thread, two, and the delegate");
  return 0;
}
