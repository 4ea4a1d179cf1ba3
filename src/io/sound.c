/* Sound: WAV (and more through libsndfile), down to one channel, to another sampling rate. */
#include <limits.h>
#include <math.h>
#include <string.h>

#include "io/io.h"

#ifdef LN_HAVE_SNDFILE
#include <sndfile.h>
#endif
#ifdef LN_HAVE_SAMPLERATE
#include <samplerate.h>
#endif

void ln_sound_free(ln_sound *sound) {
  ln_free(sound->samples);
  *sound = (ln_sound){0};
}

static ln_status alloc_sound(int32_t rate, int32_t channels, uint64_t frames, ln_error *err, ln_sound *out) {
  if (rate <= 0 || channels <= 0 || channels > 64) {
    return ln_fail(err, LN_ERR_FORMAT, "sound of %d channels at %d Hz", channels, rate);
  }
  if (frames > LN_SOUND_MAX_SAMPLES / (uint64_t)channels) {
    return ln_fail(err, LN_ERR_LIMIT, "a sound longer than this reader takes");
  }
  *out = (ln_sound){rate, channels, (size_t)frames, ln_alloc_array((size_t)frames * (size_t)channels + 1, 4)};
  return out->samples ? LN_OK : ln_fail(err, LN_ERR_MEMORY, "out of memory");
}

#ifdef LN_HAVE_SNDFILE

const char *ln_sound_library(void) { return sf_version_string(); }

ln_status ln_sound_read(const char *path, ln_error *err, ln_sound *out) {
  *out = (ln_sound){0};
  ln_file_map map; /* opened once as a file: names the reason for a directory or a missing file */
  LN_TRY(ln_file_map_open(path, err, &map));
  ln_file_map_close(&map);
  SF_INFO info = {0};
  SNDFILE *file = sf_open(path, SFM_READ, &info);
  if (!file) return ln_fail(err, LN_ERR_FORMAT, "broken sound file: %s", sf_strerror(NULL));
  ln_status status = info.frames < 0 ? ln_fail(err, LN_ERR_FORMAT, "a sound of unknown length")
                                     : alloc_sound(info.samplerate, info.channels, (uint64_t)info.frames, err, out);
  if (status == LN_OK) {
    const sf_count_t frames = sf_readf_float(file, out->samples, info.frames);
    out->frames = frames > 0 ? (size_t)frames : 0;
  }
  sf_close(file);
  return status;
}

#else

const char *ln_sound_library(void) { return NULL; }

/* The body of a RIFF chunk; NULL when there is none of that name. */
static const uint8_t *find_chunk(const uint8_t *data, size_t size, const char *name, size_t *length) {
  size_t at = 12;
  while (at + 8 <= size) {
    const size_t body = ln_le32(data + at + 4), left = size - at - 8;
    if (memcmp(data + at, name, 4) == 0) {
      *length = body < left ? body : left;
      return data + at + 8;
    }
    if (body > left) return NULL;
    at += 8 + body + (body & 1);
  }
  return NULL;
}

static ln_status decode_wav(const uint8_t *data, size_t size, ln_error *err, ln_sound *out) {
  if (size < 12 || memcmp(data, "RIFF", 4) != 0 || memcmp(data + 8, "WAVE", 4) != 0) {
    return ln_fail(err, LN_ERR_FEATURE, "this build reads no sound but WAV: built without libsndfile");
  }
  size_t format_size, length;
  const uint8_t *format = find_chunk(data, size, "fmt ", &format_size);
  const uint8_t *body = find_chunk(data, size, "data", &length);
  if (!format || format_size < 16 || !body) return ln_fail(err, LN_ERR_FORMAT, "broken WAV");
  const int bits = ln_le16(format + 14), channels = ln_le16(format + 2);
  if (bits != 16 || (ln_le16(format) != 1 && ln_le16(format) != 0xfffe)) {
    return ln_fail(err, LN_ERR_FEATURE, "this build reads only 16-bit PCM WAV: built without libsndfile");
  }
  const size_t frames = channels ? length / 2 / (size_t)channels : 0;
  LN_TRY(alloc_sound((int32_t)ln_le32(format + 4), channels, frames, err, out));
  for (size_t i = 0; i < frames * (size_t)channels; i++)
    out->samples[i] = (float)(int16_t)ln_le16(body + 2 * i) / 32768.0f;
  return LN_OK;
}

ln_status ln_sound_read(const char *path, ln_error *err, ln_sound *out) {
  *out = (ln_sound){0};
  ln_file_map map;
  LN_TRY(ln_file_map_open(path, err, &map));
  const ln_status status = decode_wav(map.data, map.size, err, out);
  ln_file_map_close(&map);
  return status;
}

#endif

void ln_sound_to_mono(ln_sound *sound) {
  if (sound->channels <= 1) return;
  for (size_t i = 0; i < sound->frames; i++) {
    float sum = 0;
    for (int32_t c = 0; c < sound->channels; c++) sum += sound->samples[i * (size_t)sound->channels + (size_t)c];
    sound->samples[i] = sum / (float)sound->channels;
  }
  sound->channels = 1;
}

ln_status ln_sound_fit(const ln_sound *sound, ln_type type, int32_t *dims, int32_t rank, ln_error *err) {
  int32_t wide = 0, open = -1;
  for (int32_t i = 0; i < rank; i++) {
    wide += dims[i] > 1;
    if (dims[i] < 0) open = i;
  }
  if ((type != LN_FLOAT32 && type != LN_INT16) || wide > 1 || (wide == 1 && open > 0) || rank == 0) {
    return ln_fail(err, LN_ERR_SHAPE, "its type and shape do not hold samples of sound");
  }
  if (sound->frames == 0 || sound->frames > INT32_MAX) return ln_fail(err, LN_ERR_DATA, "the sound is empty");
  for (int32_t i = 0; i < rank; i++) {
    if (dims[i] < 0) dims[i] = i == open && wide == 0 ? (int32_t)sound->frames : 1;
  }
  return LN_OK;
}

int64_t ln_sound_windows(const ln_sound *sound, size_t length) {
  if (length == 0) return 1;
  const size_t whole = sound->frames / length, rest = sound->frames % length;
  const size_t windows = whole + (rest > 0 && 2 * rest >= length);
  return windows < 1 ? 1 : (int64_t)windows;
}

ln_status ln_sound_to_tensor(const ln_sound *sound, size_t start, ln_tensor *tensor, ln_error *err) {
  const size_t length = ln_tensor_elements(tensor);
  const bool raw = ln_tensor_type(tensor) == LN_INT16 && ln_tensor_scale_count(tensor) == 0;
  float *values = ln_alloc_array(length > 0 ? length : 1, sizeof *values);
  if (!values) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  for (size_t i = 0; i < length && i < sound->frames && start < sound->frames - i; i++) {
    values[i] = raw ? rintf(sound->samples[start + i] * 32768.0f) : sound->samples[start + i];
  }
  const ln_status status = ln_tensor_copy_from_f32(tensor, values, length, err);
  ln_free(values);
  return status;
}

#ifdef LN_HAVE_SAMPLERATE

const char *ln_resample_library(void) { return src_get_version(); }

ln_status ln_sound_resample(ln_sound *sound, int32_t rate, ln_error *err) {
  if (rate == sound->rate) return LN_OK;
  if (rate <= 0) return ln_fail(err, LN_ERR_ARGUMENT, "a sampling rate of %d Hz", rate);
  const double ratio = (double)rate / sound->rate;
  const double frames = (double)sound->frames * ratio + 1;
  if (!src_is_valid_ratio(ratio) || frames > LN_SOUND_MAX_SAMPLES || sound->frames > LONG_MAX) {
    return ln_fail(err, LN_ERR_LIMIT, "sound at %d Hz does not go into %d Hz", sound->rate, rate);
  }
  ln_sound resampled = {0};
  LN_TRY(alloc_sound(rate, sound->channels, (uint64_t)frames, err, &resampled));
  SRC_DATA job = {0};
  job.data_in = sound->samples;
  job.data_out = resampled.samples;
  job.input_frames = (long)sound->frames;
  job.output_frames = (long)resampled.frames;
  job.src_ratio = ratio;
  const int failed = src_simple(&job, SRC_SINC_MEDIUM_QUALITY, sound->channels);
  if (failed) {
    ln_sound_free(&resampled);
    return ln_fail(err, LN_ERR_DATA, "resampling: %s", src_strerror(failed));
  }
  resampled.frames = (size_t)job.output_frames_gen;
  ln_sound_free(sound);
  *sound = resampled;
  return LN_OK;
}

#else

const char *ln_resample_library(void) { return NULL; }

ln_status ln_sound_resample(ln_sound *sound, int32_t rate, ln_error *err) {
  if (rate == sound->rate) return LN_OK;
  return ln_fail(err, LN_ERR_FEATURE,
                 "the sound has %d Hz, the model wants %d: this build cannot resample, built without "
                 "libsamplerate",
                 sound->rate, rate);
}

#endif
