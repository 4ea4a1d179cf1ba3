/* The settings that a profiler could be told of; this library reports none. */
#ifndef TENSORFLOW_LITE_PROFILING_TELEMETRY_C_TELEMETRY_SETTING_H_
#define TENSORFLOW_LITE_PROFILING_TELEMETRY_C_TELEMETRY_SETTING_H_

#ifdef __cplusplus
extern "C" {
#endif

typedef struct TfLiteTelemetrySettings TfLiteTelemetrySettings;

#ifdef __cplusplus
}
#endif
#endif
