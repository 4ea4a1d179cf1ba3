/* Sums over what two tensors differ by, and what they say. */
#include <float.h>
#include <math.h>

#include "optimize/debugger.h"

static const double no_error_db = 200;

double ln_debug_snr(double signal2, double error2) {
  if (error2 <= 0) return no_error_db;
  if (signal2 <= 0) return -no_error_db;
  return fmin(no_error_db, 10 * log10(signal2 / error2));
}

void ln_debug_add(ln_debug_sums *sums, const float *exact, const float *other, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const double x = (double)exact[i], y = (double)other[i], d = y - x;
    if (!isfinite(d)) continue;
    sums->error2 += d * d;
    sums->signal2 += x * x;
    sums->other2 += y * y;
    sums->product += x * y;
    sums->error += d;
    if (fabs(d) > sums->largest) sums->largest = fabs(d);
    ++sums->count;
  }
}

/* ---- what a type can say ---- */

static bool integer_ends(ln_type type, double *low, double *high) {
  const int32_t bits = ln_type_bits(type);
  switch (type) {
    case LN_INT2:
    case LN_INT4:
    case LN_INT8:
    case LN_INT16:
    case LN_INT32:
      *high = ldexp(1, bits - 1) - 1;
      *low = -*high - 1;
      return true;
    case LN_UINT4:
    case LN_UINT8:
    case LN_UINT16:
      *high = ldexp(1, bits) - 1;
      *low = 0;
      return true;
    default: return false;
  }
}

ln_debug_format ln_debug_format_of(const ln_tensor *tensor) {
  ln_debug_format format = {false, NAN, NAN, NAN, NAN, NAN};
  const ln_quant *quant = tensor->quant;
  if (quant->count < 1 || !integer_ends(tensor->type, &format.stored_low, &format.stored_high)) return format;
  format.integer = true;
  format.scale = 0;
  format.from = INFINITY;
  format.to = -INFINITY;
  for (int32_t i = 0; i < quant->count; ++i) {
    const double scale = (double)quant->scale[i], zero = (double)quant->zero_point[i];
    format.scale += scale / quant->count;
    format.from = fmin(format.from, scale * (format.stored_low - zero));
    format.to = fmax(format.to, scale * (format.stored_high - zero));
  }
  return format;
}

/* ---- adding ---- */

/* A bin's width doubles whenever a difference falls outside, two bins becoming one; the middle one keeps its place. */
static void widen(ln_debug_stats *stats) {
  enum { MIDDLE = LN_QUANT_BINS / 2 };
  int64_t bins[LN_QUANT_BINS] = {0};
  for (int32_t i = 0; i < LN_QUANT_BINS; ++i) {
    const int32_t from = i - MIDDLE, sign = from < 0 ? -1 : 1;
    bins[MIDDLE + sign * ((from * sign + 1) / 2)] += stats->bins[i];
  }
  for (int32_t i = 0; i < LN_QUANT_BINS; ++i) stats->bins[i] = bins[i];
  stats->bin_width *= 2;
}

static void count_error(ln_debug_stats *stats, double error) {
  const double reach = LN_QUANT_BINS / 2 + 0.5;
  while (fabs(error) >= reach * stats->bin_width && stats->bin_width < DBL_MAX / 4) widen(stats);
  const double place = floor(error / stats->bin_width + reach);
  if (place >= 0 && place < LN_QUANT_BINS) ++stats->bins[(int32_t)place];
}

static void add_channels(ln_debug_stats *stats, const ln_quant_row *row, const ln_tensor *tensor, const float *exact,
                         const float *values, size_t count) {
  const size_t span = ln_shape_span(&tensor->shape, row->channel_axis + 1, tensor->shape.rank);
  if (stats->channel_error2 == NULL || span == 0 || tensor->shape.dims[row->channel_axis] != row->channels) return;
  for (size_t i = 0; i < count; ++i) {
    const double x = (double)exact[i], d = (double)values[i] - x;
    if (!isfinite(d)) continue;
    const size_t channel = i / span % (size_t)row->channels;
    stats->channel_error2[channel] += d * d;
    stats->channel_error[channel] += d;
    stats->channel_signal2[channel] += x * x;
  }
}

/* What the type alone costs, and what lies at its ends and beyond. Scales by axis are those of constants. */
static void add_format(ln_debug_stats *stats, const ln_debug_format *format, const ln_tensor *tensor,
                       const float *exact, const float *values, size_t count) {
  const ln_quant *quant = tensor->quant;
  const size_t scales = quant->kind == LN_QUANT_AXIS && quant->count > 1 ? (size_t)quant->count : 1;
  const size_t span = scales > 1 ? ln_shape_span(&tensor->shape, quant->axis + 1, tensor->shape.rank) : 1;
  for (size_t i = 0; i < count; ++i) {
    const size_t at = scales > 1 ? i / span % scales : 0;
    const double scale = (double)quant->scale[at], zero = (double)quant->zero_point[at], x = (double)exact[i];
    if (!isfinite(x) || scale <= 0) continue;
    const double ideal = round(x / scale) + zero, stored = round((double)values[i] / scale) + zero;
    const double held = fmin(fmax(ideal, format->stored_low), format->stored_high);
    const double d = (held - zero) * scale - x;
    stats->type_error2 += d * d;
    stats->clipped += ideal != held;
    stats->saturated += (stored <= format->stored_low || stored >= format->stored_high) && stored != zero;
    ++stats->counted;
  }
}

void ln_debug_stats_add(ln_debug_stats *stats, const ln_quant_row *row, const ln_tensor *tensor, const float *exact,
                        const float *values, size_t count) {
  const ln_debug_format format = ln_debug_format_of(tensor);
  if (stats->sums.count == 0) {
    stats->low = INFINITY;
    stats->high = -INFINITY;
  }
  if (stats->bin_width <= 0) stats->bin_width = format.integer && format.scale > 0 ? format.scale / 4 : 1e-9;
  ln_debug_add(&stats->sums, exact, values, count);
  for (size_t i = 0; i < count; ++i) {
    if (!isfinite(exact[i]) || !isfinite(values[i])) continue;
    if (exact[i] < stats->low) stats->low = exact[i];
    if (exact[i] > stats->high) stats->high = exact[i];
    count_error(stats, (double)values[i] - (double)exact[i]);
  }
  if (row->channel_axis >= 0 && row->channel_axis < tensor->shape.rank) {
    add_channels(stats, row, tensor, exact, values, count);
  }
  if (format.integer) add_format(stats, &format, tensor, exact, values, count);
}

/* ---- what the sums say ---- */

void ln_debug_stats_finish(const ln_debug_stats *stats, const ln_tensor *tensor, ln_quant_row *row) {
  const ln_debug_sums *s = &stats->sums;
  const ln_debug_format format = ln_debug_format_of(tensor);
  if (s->count == 0) return;
  const double count = (double)s->count;
  row->scale = format.scale;
  row->rmse = sqrt(s->error2 / count);
  row->rmse_steps = format.scale > 0 ? row->rmse / format.scale : NAN;
  row->snr_db = ln_debug_snr(s->signal2, s->error2);
  row->cosine = s->signal2 > 0 && s->other2 > 0 ? s->product / sqrt(s->signal2 * s->other2) : s->error2 == 0;
  row->mean_error = s->error / count;
  row->max_error = s->largest;
  row->low = (double)stats->low;
  row->high = (double)stats->high;
  row->from = format.from;
  row->to = format.to;
  if (!format.integer || stats->counted == 0) return;
  row->type_snr_db = ln_debug_snr(s->signal2, stats->type_error2);
  row->saturated = (double)stats->saturated / (double)stats->counted;
  row->clipped = (double)stats->clipped / (double)stats->counted;
  if (format.to > format.from) row->range_used = (row->high - row->low) / (format.to - format.from);
}

int32_t ln_debug_worst_channels(const ln_debug_stats *stats, const ln_quant_row *row, int64_t per_channel,
                                ln_quant_channel *out) {
  int32_t count = 0;
  if (stats->channel_error2 == NULL || per_channel < 1) return 0;
  for (int32_t c = 0; c < row->channels; ++c) {
    const double error2 = stats->channel_error2[c];
    int32_t place = count < LN_DEBUG_CHANNELS ? count : LN_DEBUG_CHANNELS;
    const double mine = sqrt(error2 / (double)per_channel);
    while (place > 0 && out[place - 1].rmse < mine) --place;
    if (place == LN_DEBUG_CHANNELS) continue;
    if (count < LN_DEBUG_CHANNELS) ++count;
    for (int32_t i = count - 1; i > place; --i) out[i] = out[i - 1];
    out[place] = (ln_quant_channel){.size = sizeof *out,
                                    .channel = c,
                                    .rmse = mine,
                                    .mean_error = stats->channel_error[c] / (double)per_channel,
                                    .snr_db = ln_debug_snr(stats->channel_signal2[c], error2),
                                    .share = stats->sums.error2 > 0 ? error2 / stats->sums.error2 : 0};
  }
  return count;
}
