/* A program's own record of operators run: ReportBeginOpInvokeEvent and ReportEndOpInvokeEvent are called where they
 * are set, the others never. */
#ifndef TENSORFLOW_LITE_PROFILING_TELEMETRY_C_PROFILER_H_
#define TENSORFLOW_LITE_PROFILING_TELEMETRY_C_PROFILER_H_

#include <stdint.h>

#include "tensorflow/lite/profiling/telemetry/c/telemetry_setting.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct TfLiteTelemetryProfilerStruct {
  void *data; /* the program's */
  void (*ReportTelemetryEvent)(struct TfLiteTelemetryProfilerStruct *profiler, const char *event_name, uint64_t status);
  void (*ReportTelemetryOpEvent)(struct TfLiteTelemetryProfilerStruct *profiler, const char *event_name, int64_t op_idx,
                                 int64_t subgraph_idx, uint64_t status);
  void (*ReportSettings)(struct TfLiteTelemetryProfilerStruct *profiler, const char *setting_name,
                         const TfLiteTelemetrySettings *settings);
  /* Answers a number that is handed back at the end of the same operator. */
  uint32_t (*ReportBeginOpInvokeEvent)(struct TfLiteTelemetryProfilerStruct *profiler, const char *op_name,
                                       int64_t op_idx, int64_t subgraph_idx);
  void (*ReportEndOpInvokeEvent)(struct TfLiteTelemetryProfilerStruct *profiler, uint32_t event_handle);
  void (*ReportOpInvokeEvent)(struct TfLiteTelemetryProfilerStruct *profiler, const char *op_name,
                              uint64_t elapsed_time, int64_t op_idx, int64_t subgraph_idx);
} TfLiteTelemetryProfilerStruct;

#ifdef __cplusplus
}
#endif
#endif
