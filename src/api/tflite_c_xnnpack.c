/* The XNNPACK delegate's interface: it names this library's own CPU kernels and carries a number of threads. */
#include "tensorflow/lite/delegates/xnnpack/xnnpack_delegate.h"

#include "api/tflite_c.h"

typedef struct xnnpack_delegate {
  TfLiteDelegate base; /* first: what programs hold */
  TfLiteXNNPackDelegateOptions options;
} xnnpack_delegate;

/* By which a delegate is known as ours. */
static TfLiteStatus prepare(TfLiteContext *context, TfLiteDelegate *delegate) {
  (void)context;
  (void)delegate;
  return kTfLiteOk;
}

bool ln_tflite_is_xnnpack(const TfLiteDelegate *delegate, int32_t *threads) {
  if (delegate->Prepare != prepare) return false;
  *threads = ((const xnnpack_delegate *)(const void *)delegate)->options.num_threads;
  return true;
}

TfLiteXNNPackDelegateOptions TfLiteXNNPackDelegateOptionsDefault(void) {
  return (TfLiteXNNPackDelegateOptions){.flags = TFLITE_XNNPACK_DELEGATE_FLAG_QS8 | TFLITE_XNNPACK_DELEGATE_FLAG_QU8};
}

TfLiteDelegate *TfLiteXNNPackDelegateCreate(const TfLiteXNNPackDelegateOptions *options) {
  xnnpack_delegate *delegate = ln_alloc_zero(sizeof *delegate);
  if (delegate == NULL) return NULL;
  delegate->base.Prepare = prepare;
  delegate->base.data_ = delegate;
  delegate->options = options == NULL ? TfLiteXNNPackDelegateOptionsDefault() : *options;
  return &delegate->base;
}

void *TfLiteXNNPackDelegateGetThreadPool(TfLiteDelegate *delegate) {
  (void)delegate;
  return NULL;
}

void TfLiteXNNPackDelegateDelete(TfLiteDelegate *delegate) { ln_free(delegate); }
