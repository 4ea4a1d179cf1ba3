// The layout that programs compiled against TensorFlow Lite 2.19 rely on, on machines with 64-bit pointers.
#include <cstddef>

#include "tensorflow/lite/c/c_api.h"
#include "tensorflow/lite/c/common.h"

#define AT(type, field, offset) \
  static_assert(sizeof(void *) != 8 || offsetof(type, field) == (offset), #type "." #field)

AT(TfLiteTensor, data, 8);
AT(TfLiteTensor, dims, 16);
AT(TfLiteTensor, params, 24);
AT(TfLiteTensor, allocation_type, 32);
AT(TfLiteTensor, bytes, 40);
AT(TfLiteTensor, name, 56);
AT(TfLiteTensor, delegate, 64);
AT(TfLiteTensor, buffer_handle, 72);
AT(TfLiteTensor, data_is_stale, 76);
AT(TfLiteTensor, is_variable, 77);
AT(TfLiteTensor, quantization, 80);
AT(TfLiteTensor, sparsity, 96);
AT(TfLiteTensor, dims_signature, 104);
AT(TfLiteNode, user_data, 32);
AT(TfLiteNode, custom_initial_data, 48);
AT(TfLiteNode, delegate, 64);
AT(TfLiteContext, tensors, 16);
AT(TfLiteContext, ResizeTensor, 32);
AT(TfLiteContext, AddTensors, 48);
AT(TfLiteContext, recommended_num_threads, 72);
AT(TfLiteContext, allow_fp32_relax_to_fp16, 96);
AT(TfLiteContext, AllocatePersistentBuffer, 112);
AT(TfLiteContext, GetTensor, 160);
AT(TfLiteContext, ReleaseSubgraphContext, 192);
AT(TfLiteRegistration, builtin_code, 40);
AT(TfLiteRegistration, custom_name, 48);
AT(TfLiteRegistration, version, 56);
AT(TfLiteRegistration, inplace_operator, 80);
AT(TfLiteDelegate, flags, 40);
static_assert(kTfLiteInt8 == 9 && kTfLiteFloat16 == 10 && kTfLiteBFloat16 == 19, "element types");
static_assert(kTfLiteUnresolvedOps == 7 && kTfLiteCancelled == 8, "status codes");

int main() { return TfLiteSchemaVersion() == 3 ? 0 : 1; }
