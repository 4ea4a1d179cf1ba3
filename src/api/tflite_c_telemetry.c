/* A program's own record of operators run (profiling/telemetry/c/profiler.h), over the session's callback. */
#include <string.h>

#include "api/tflite_c.h"
#include "tensorflow/lite/profiling/telemetry/c/profiler.h"

void TfLiteInterpreterOptionsSetTelemetryProfiler(TfLiteInterpreterOptions *options,
                                                  struct TfLiteTelemetryProfilerStruct *profiler) {
  options->profiler = profiler;
}

static int64_t graph_number(const ln_model *model, const char *name) {
  for (int32_t i = 0; name != NULL && i < model->graph_count; ++i) {
    if (model->graphs[i].name != NULL && strcmp(model->graphs[i].name, name) == 0) return i;
  }
  return 0;
}

bool ln_tflite_on_operator(void *user, const ln_operator_event *event) {
  tflite_telemetry *telemetry = user;
  struct TfLiteTelemetryProfilerStruct *profiler = telemetry->profiler;
  if (event->after) {
    if (--telemetry->depth < TFLITE_MAX_NESTED && profiler->ReportEndOpInvokeEvent != NULL)
      profiler->ReportEndOpInvokeEvent(profiler, telemetry->handles[telemetry->depth]);
    return true;
  }
  if (telemetry->depth < TFLITE_MAX_NESTED) {
    uint32_t handle = 0; /* of a program that asks for ends alone */
    if (profiler->ReportBeginOpInvokeEvent != NULL) {
      handle = profiler->ReportBeginOpInvokeEvent(profiler, event->operator_name, event->index,
                                                  graph_number(telemetry->model, event->graph_name));
    }
    telemetry->handles[telemetry->depth] = handle;
  }
  ++telemetry->depth;
  return true;
}
