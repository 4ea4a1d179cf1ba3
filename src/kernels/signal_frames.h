/*
 * What of TFLite Micro's audio front end keeps samples from run to run: queues that cut a stream into overlapping
 * frames, and the sum of overlapping frames. Bit for bit its portable C kernels.
 */
#ifndef LN_KERNELS_SIGNAL_FRAMES_H
#define LN_KERNELS_SIGNAL_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Samples in the order they came; the caller sees to it that `count` stays within `capacity`. */
typedef struct ln_sample_queue {
  int16_t *samples; /* [capacity] */
  int32_t capacity, count;
} ln_sample_queue;

/* Appends [size] samples; zeros when `samples` is NULL. What there is no room for is left out. */
void ln_k_queue_write(ln_sample_queue *queue, const int16_t *samples, int32_t size);
/* Copies the oldest `size` samples out and forgets the oldest `step`; false, with zeros in `out`, when it holds fewer
 * than `size`. */
bool ln_k_queue_frame(ln_sample_queue *queue, int32_t size, int32_t step, int16_t *out);

/* Adds a frame to the running sum, saturating, gives its first `step` values out and moves it along by as many.
 * frame, sum: [size]; out: [step]; 0 < step <= size */
void ln_k_overlap_add_i16(const int16_t *frame, int16_t *sum, int32_t size, int32_t step, int16_t *out);
void ln_k_overlap_add_f32(const float *frame, float *sum, int32_t size, int32_t step, float *out);

#endif
