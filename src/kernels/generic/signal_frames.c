/* Queues of samples and sums of frames: see kernels/signal_frames.h. */
#include "kernels/signal_frames.h"

#include <string.h>

void ln_k_queue_write(ln_sample_queue *queue, const int16_t *samples, int32_t size) {
  const int32_t room = queue->capacity - queue->count;
  const size_t bytes = (size_t)(size < room ? size : room) * sizeof(int16_t);
  if (bytes == 0) return;
  if (samples != NULL) memcpy(queue->samples + queue->count, samples, bytes);
  else memset(queue->samples + queue->count, 0, bytes);
  queue->count += size < room ? size : room;
}

bool ln_k_queue_frame(ln_sample_queue *queue, int32_t size, int32_t step, int16_t *out) {
  if (queue->count < size) {
    memset(out, 0, (size_t)size * sizeof(int16_t));
    return false;
  }
  const int32_t gone = step < queue->count ? step : queue->count;
  memcpy(out, queue->samples, (size_t)size * sizeof(int16_t));
  queue->count -= gone;
  memmove(queue->samples, queue->samples + gone, (size_t)queue->count * sizeof(int16_t));
  return true;
}

void ln_k_overlap_add_i16(const int16_t *frame, int16_t *sum, int32_t size, int32_t step, int16_t *out) {
  for (int32_t i = 0; i < size; ++i) {
    const int32_t value = (int32_t)sum[i] + frame[i];
    sum[i] = (int16_t)(value < INT16_MIN ? INT16_MIN : value > INT16_MAX ? INT16_MAX : value);
  }
  memcpy(out, sum, (size_t)step * sizeof(int16_t));
  memmove(sum, sum + step, (size_t)(size - step) * sizeof(int16_t));
  memset(sum + (size - step), 0, (size_t)step * sizeof(int16_t));
}

void ln_k_overlap_add_f32(const float *frame, float *sum, int32_t size, int32_t step, float *out) {
  for (int32_t i = 0; i < size; ++i) sum[i] += frame[i];
  memcpy(out, sum, (size_t)step * sizeof(float));
  memmove(sum, sum + step, (size_t)(size - step) * sizeof(float));
  memset(sum + (size - step), 0, (size_t)step * sizeof(float));
}
