/* Samples from files: each kind fills a session's inputs with the numbers that the file holds, in every form an input
 * has; what does not fit is refused with the file and the sample. */
#include "data_files.h"

#define MODELS LN_TESTS_DIR "/cli/models/"
#define FASHION LN_TESTS_DIR "/../models/fashion_mnist.tflite"
#define PICTURES LN_TESTS_DIR "/../examples/fashion"

/* ---- arrays ---- */

static void takes_arrays_of_any_type(void **state) {
  (void)state;
  open_model(MODELS "open.tflite", NULL);
  const float floats[6] = {1, 2, 3, -4, 5.5f, 6};
  const double doubles[6] = {1, 2, 3, -4, 5.5, 6};
  const int16_t shorts[6] = {1, 2, 3, -4, 5, 6};
  const uint16_t halves[6] = {0x3c00, 0x4000, 0x4200, 0xc400, 0x4580, 0x0001};
  const uint8_t bytes[6] = {1, 2, 3, 4, 5, 255}; /* of no picture: numbers as they are */
  const struct {
    const char *descr;
    const void *data;
    size_t size;
    float expected[2];
  } cases[] = {{"<f4", floats, sizeof floats, {-4, 5.5f}},
               {"<f8", doubles, sizeof doubles, {-4, 5.5f}},
               {"<i2", shorts, sizeof shorts, {-4, 5}},
               {"<f2", halves, sizeof halves, {-4, 5.5f}},
               {"|u1", bytes, sizeof bytes, {4, 5}}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ln_data *data = open_data(write_npy("x.npy", cases[i].descr, "2, 3", cases[i].data, cases[i].size), NULL);
    assert_int_equal(ln_data_samples(data)->count, 2);
    assert_null(ln_data_labelled(data));
    fill(data, 1);
    assert_int_equal(ln_tensor_dim(ln_session_input(session, 0), 0), 1);
    holds(0, 0, cases[i].expected[0]);
    holds(0, 1, cases[i].expected[1]);
    fill(data, 0);
    holds(0, 0, 1);
    fill_refuses(data, 2, "x.npy", "no sample 2");
    ln_data_close(data);
  }
}

static void names_what_does_not_fit(void **state) {
  (void)state;
  open_model(MODELS "open.tflite", NULL);
  const float numbers[6] = {1, 2, 3, NAN, INFINITY, 6};
  refuses(write_npy("four.npy", "<f4", "1, 4", numbers, 16), NULL, "four.npy: input",
          "takes [?, 3], the file holds [1, 4]");
  refuses(write_npy("none.npy", "<f4", "0, 3", numbers, 0), NULL, "none.npy", "no samples");
  refuses(write_npy("scalar.npy", "<f4", "", numbers, 4), NULL, "scalar.npy", "takes [?, 3]");
  refuses(write_npy("complex.npy", "<c8", "1, 3", numbers, 24), NULL, "complex.npy", "complex64");
  refuses(write_file("empty", "", 0), NULL, "empty: ", "is empty");
  refuses(write_file("garbage", "garbage!", 8), NULL, "garbage: ", "neither");
  refuses(path_of("absent.npy"), NULL, "absent.npy: ", "No such file");
  refuses(write_file("short.npy", "\x93NUMPY\x01\x00\x76", 9), NULL, "short.npy: ", "npy");
  refuses(write_file("cut", "\0\0\x0d\2\0\0\0\2\0\0\0\3abcd", 16), NULL, "cut: ", "cut short");
  ln_data *data = open_data(write_npy("nan.npy", "<f4", "2, 3", numbers, 24), NULL);
  fill(data, 0);
  fill_refuses(data, 1, "nan.npy: sample 1: ", "element 0 of input");
  ln_data_close(data);
}

static void takes_pixels_as_the_metadata_says(void **state) {
  (void)state;
  open_model(FASHION, NULL); /* int8, mean 0, std 255: stored = byte - 128 */
  uint8_t pixels[2 * 784];
  float floats[784];
  for (int i = 0; i < 2 * 784; i++) pixels[i] = (uint8_t)(i * 7);
  for (int i = 0; i < 784; i++) floats[i] = (float)pixels[784 + i] / 255;
  uint8_t idx[16 + sizeof pixels] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28};
  memcpy(idx + 16, pixels, sizeof pixels);
  ln_data *forms[3];
  forms[0] = open_data(write_npy("bytes.npy", "|u1", "2, 28, 28, 1", pixels, sizeof pixels), NULL);
  forms[1] = open_data(write_file("images-idx3-ubyte", idx, sizeof idx), NULL);
  forms[2] = open_data(write_npy("floats.npy", "<f4", "1, 28, 28", floats, sizeof floats), NULL);
  for (int k = 0; k < 3; k++) {
    fill(forms[k], k < 2);
    const int8_t *stored = ln_tensor_data(ln_session_input(session, 0));
    for (int i = 0; i < 784; i++) assert_int_equal(stored[i], pixels[784 + i] - 128);
    ln_data_close(forms[k]);
  }
  int8_t signs[784];
  for (int i = 0; i < 784; i++) signs[i] = (int8_t)(i % 250 - 125);
  ln_data *data = open_data(write_npy("stored.npy", "|i1", "1, 1, 28, 28, 1", signs, sizeof signs), NULL);
  fill(data, 0);
  assert_memory_equal(ln_tensor_data(ln_session_input(session, 0)), signs, sizeof signs);
  ln_data_close(data);
}

static void takes_an_array_for_each_input(void **state) {
  (void)state;
  open_model(MODELS "squares.tflite", "both"); /* a float32[4], b float32[2, 3] */
  ln_data_options options = LN_DATA_OPTIONS_INIT;
  options.signature = "both";
  static archive zip, lacking, uneven;
  static uint8_t file[4][512];
  float numbers[18];
  for (int i = 0; i < 18; i++) numbers[i] = (float)i;
  const size_t a = make_npy(file[0], "<f4", "3, 4", numbers, 48), b = make_npy(file[1], "<f4", "3, 2, 3", numbers, 72);
  const size_t c = make_npy(file[2], "<f4", "2, 2, 3", numbers, 48);
  add_file(&zip, "b.npy", file[1], b);
  add_file(&zip, "a.npy", file[0], a);
  ln_data *data = open_data(write_archive(&zip, "both.npz"), &options);
  assert_int_equal(ln_data_samples(data)->count, 3);
  fill(data, 2);
  holds(0, 0, 8);
  holds(1, 5, 17);
  ln_data_close(data);
  add_file(&lacking, "a.npy", file[0], a);
  refuses(write_archive(&lacking, "one.npz"), NULL, "one.npz: ", "no array for input \"b\": it holds \"a\"");
  add_file(&uneven, "a.npy", file[0], a);
  add_file(&uneven, "b.npy", file[2], c);
  refuses(write_archive(&uneven, "uneven.npz"), NULL, "uneven.npz: b.npy: ", "2 samples for input \"b\", 3 for");
  refuses(write_npy("a.npy", "<f4", "3, 4", numbers, 48), NULL, "a.npy: ", "2 inputs: give an .npz");
  static archive other;
  close_model(NULL);
  open_model(MODELS "squares.tflite", "flat");
  add_file(&other, "arr_0.npy", file[0], a);
  options.signature = "flat";
  data = open_data(write_archive(&other, "any.npz"), &options);
  fill(data, 1);
  holds(0, 3, 7);
  ln_data_close(data);
}

/* ---- labels ---- */

static void takes_labels(void **state) {
  (void)state;
  open_model(MODELS "open.tflite", NULL); /* three classes */
  const float numbers[9] = {0};
  char samples[200];
  strcpy(samples, write_npy("x.npy", "<f4", "3, 3", numbers, 36));
  ln_data_options options = LN_DATA_OPTIONS_INIT;
  const int64_t wide[4] = {2, 0, 1, 3};
  const uint8_t idx[] = {0, 0, 8, 1, 0, 0, 0, 3, 2, 0, 1};
  const char *paths[3];
  char kept[3][200];
  paths[0] = write_npy("y.npy", "<i8", "3,", wide, 24);
  paths[1] = write_file("labels-idx1-ubyte", idx, sizeof idx);
  paths[2] = write_file("y.txt", "2\n0\n1\n", 6);
  for (int i = 0; i < 3; i++) strcpy(kept[i], paths[i]);
  for (int i = 0; i < 3; i++) {
    options.labels = kept[i];
    ln_data *data = open_data(samples, &options);
    const ln_labelled *labelled = ln_data_labelled(data);
    assert_non_null(labelled);
    assert_ptr_equal(labelled->samples, ln_data_samples(data));
    for (int k = 0; k < 3; k++) assert_int_equal(labelled->labels[k], wide[k]);
    ln_data_close(data);
  }
  refuses(samples, write_npy("few.npy", "<i8", "2,", wide, 16), "few.npy: 2 labels for the 3 samples", "x.npy");
  refuses(samples, write_npy("range.npy", "<i8", "3,", wide + 1, 24), "range.npy: the label of sample 2 is 3",
          "3 classes");
  refuses(samples, write_npy("real.npy", "<f4", "3,", numbers, 12), "real.npy: ", "not float32");
  refuses(samples, write_npy("hot.npy", "|u1", "3, 3", numbers, 9), "hot.npy: ", "a number a sample");
  refuses(samples, write_file("bad.txt", "1\ntwo\n3\n", 8), "bad.txt: ", "\"two\" is no label");
  refuses(samples, write_file("minus.txt", "1\n-1\n2\n", 7), "minus.txt: ", "sample 1 is -1");
  refuses(samples, path_of("absent.npy"), "absent.npy: ", "No such file");
}

/* ---- pictures and sounds ---- */

static void takes_a_folder_of_pictures(void **state) {
  (void)state;
  open_model(FASHION, NULL);
  ln_data *data = open_data(PICTURES, NULL);
  assert_int_equal(ln_data_samples(data)->count, 8); /* README.md is none */
  assert_string_equal(ln_data_sample_name(data, 0), "ankle_boot.bmp");
  assert_string_equal(ln_data_sample_name(data, 7), "trouser.bmp");
  assert_null(ln_data_sample_name(data, 8));
  ln_image image;
  assert_int_equal(ln_image_read(PICTURES "/bag.bmp", NULL, &image), LN_OK);
  for (int pass = 0; pass < 2; pass++) { /* decoded, then kept */
    fill(data, 0);
    fill(data, 1);
    const int8_t *stored = ln_tensor_data(ln_session_input(session, 0));
    for (int i = 0; i < 784; i++) assert_int_equal(stored[i], image.pixels[i * image.channels] - 128);
  }
  ln_data_close(data);
  ln_image_free(&image);
  data = open_data(PICTURES "/bag.bmp", NULL);
  assert_int_equal(ln_data_samples(data)->count, 1);
  ln_data_close(data);
}

static void takes_folders_as_classes(void **state) {
  (void)state;
  open_model(FASHION, NULL); /* its labels: ..., 1 Trouser, ..., 8 Bag, ... */
  mkdir(path_of("named"), 0777), mkdir(path_of("named/Bag"), 0777), mkdir(path_of("named/Trouser"), 0777);
  copy_file(PICTURES "/bag.bmp", "named/Bag/1.bmp");
  copy_file(PICTURES "/bag.bmp", "named/Bag/2.bmp");
  copy_file(PICTURES "/trouser.bmp", "named/Trouser/1.bmp");
  ln_data *data = open_data(path_of("named"), NULL);
  const ln_labelled *labelled = ln_data_labelled(data);
  assert_non_null(labelled);
  assert_string_equal(ln_data_sample_name(data, 1), "Bag/2.bmp");
  assert_int_equal(labelled->labels[0], 8);
  assert_int_equal(labelled->labels[1], 8);
  assert_int_equal(labelled->labels[2], 1);
  ln_data_close(data);
  mkdir(path_of("counted"), 0777), mkdir(path_of("counted/a"), 0777), mkdir(path_of("counted/b"), 0777);
  copy_file(PICTURES "/bag.bmp", "counted/b/1.bmp");
  data = open_data(path_of("counted"), NULL);
  assert_int_equal(ln_data_labelled(data)->labels[0], 1);
  ln_data_close(data);
  mkdir(path_of("numbers"), 0777), mkdir(path_of("numbers/12"), 0777);
  copy_file(PICTURES "/bag.bmp", "numbers/12/1.bmp");
  refuses(path_of("numbers"), NULL, "numbers: the label of sample 0 is 12", "10 classes");
  copy_file(PICTURES "/bag.bmp", "counted/loose.bmp");
  refuses(path_of("counted"), NULL, "counted: ", "both files and folders");
  mkdir(path_of("bare"), 0777);
  refuses(path_of("bare"), NULL, "bare: ", "no picture");
  write_file("bare/broken.bmp", "BM, but no more than a line of text", 30);
  data = open_data(path_of("bare"), NULL);
  fill_refuses(data, 0, "bare/broken.bmp: ", "");
  ln_data_close(data);
}

static void keeps_within_its_cache(void **state) {
  (void)state;
  open_model(FASHION, NULL);
  ln_data_options options = LN_DATA_OPTIONS_INIT;
  options.cache_bytes = 1000; /* one picture of 784 bytes */
  ln_data *data = open_data(PICTURES, &options);
  for (int pass = 0; pass < 2; pass++) {
    for (int64_t i = 0; i < 8; i++) fill(data, i);
  }
  ln_data_close(data);
}

static void takes_pictures_of_float_models(void **state) {
  (void)state;
  open_model(MODELS "colours.tflite", NULL); /* float32[1, 2, 2, 3] */
  const uint8_t white[12] = {255, 0, 51, 255, 0, 51, 255, 0, 51, 255, 0, 51};
  const float normalize[2] = {51, 204};
  ln_data_options options = LN_DATA_OPTIONS_INIT;
  options.normalize = normalize;
  ln_data *data = open_data(write_npy("rgb.npy", "|u1", "1, 2, 2, 3", white, sizeof white), &options);
  fill(data, 0);
  holds(0, 0, 1);
  holds(0, 1, -0.25f);
  holds(0, 2, 0);
  ln_data_close(data);
}

static void takes_windows_of_sound(void **state) {
  (void)state;
  open_model(MODELS "sound.tflite", NULL); /* float32[1, 100] */
  uint8_t wav[44 + 2 * 250] = "RIFF\0\0\0\0WAVEfmt \20\0\0\0\1\0\1\0";
  put(wav + 4, sizeof wav - 8, 4), put(wav + 24, 16000, 4), put(wav + 28, 32000, 4);
  put(wav + 32, 2, 2), put(wav + 34, 16, 2), memcpy(wav + 36, "data", 4), put(wav + 40, 500, 4);
  for (uint32_t i = 0; i < 250; i++) put(wav + 44 + 2 * i, i * 64, 2);
  ln_data *data = open_data(write_file("ramp.wav", wav, sizeof wav), NULL);
  assert_int_equal(ln_data_samples(data)->count, 3); /* the last half full */
  fill(data, 2);
  holds(0, 1, 201 * 64 / 32768.0f);
  holds(0, 49, 249 * 64 / 32768.0f);
  holds(0, 50, 0);
  ln_data_close(data);
  mkdir(path_of("sounds"), 0777);
  write_file("sounds/a.wav", wav, sizeof wav);
  data = open_data(path_of("sounds"), NULL);
  assert_int_equal(ln_data_samples(data)->count, 1);
  fill(data, 0);
  holds(0, 1, 64 / 32768.0f);
  ln_data_close(data);
  close_model(NULL);
  open_model(MODELS "colours.tflite", NULL);
  refuses(path_of("sounds/a.wav"), NULL, "a.wav: ", "do not hold samples of sound");
}

/* ---- gzip ---- */

static void takes_packed_files(void **state) {
  (void)state;
  static const char gzip[] = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";
  static const char labels[] = "/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz";
  open_model(FASHION, NULL);
  if (ln_io_deflated_bytes("aaaa", 4) < 0) skip();
  refuses(write_file("broken.gz", "\x1f\x8b\x08 and no more", 15), NULL, "broken.gz: ", "gzip");
  if (access(gzip, R_OK) != 0) skip();
  ln_data_options options = LN_DATA_OPTIONS_INIT;
  options.labels = labels;
  ln_data *data = open_data(gzip, &options);
  assert_int_equal(ln_data_samples(data)->count, 10000);
  assert_int_equal(ln_data_labelled(data)->labels[0], 9);
  fill(data, 9999);
  ln_data_close(data);
}

/* Whatever is cut off a file, opening and filling end with a reason. */
static void survives_cut_files(void **state) {
  (void)state;
  open_model(MODELS "open.tflite", NULL);
  uint8_t file[512];
  const float numbers[6] = {0};
  static archive zip;
  add_file(&zip, "x.npy", file, make_npy(file, "<f4", "2, 3", numbers, 24));
  char *bytes;
  size_t size;
  assert_int_equal(ln_io_read(write_archive(&zip, "whole.npz"), NULL, &bytes, &size), LN_OK);
  for (size_t cut = 0; cut < size; cut++) {
    ln_data *data = NULL;
    assert_int_not_equal(ln_data_open(write_file("cut.npz", bytes, cut), model, NULL, &err, &data), LN_OK);
    assert_null(data);
  }
  ln_io_free(bytes);
}

static void survives_short_memory(void **state) {
  (void)state;
  open_model(FASHION, NULL);
  for (long n = 1;; n++) {
    ln_data *data = NULL;
    ln_alloc_fail_after(n);
    ln_status status = ln_data_open(PICTURES, model, NULL, &err, &data);
    if (status == LN_OK) status = ln_data_samples(data)->fill(ln_data_samples(data)->user, 3, session, &err);
    ln_data_close(data);
    const bool all = ln_alloc_fail_pending() > 0;
    ln_alloc_fail_after(0);
    if (all) break;
    assert_true(n < 1000);
  }
}

int main(void) {
  if (!make_folder()) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(takes_arrays_of_any_type, close_model),
      cmocka_unit_test_teardown(names_what_does_not_fit, close_model),
      cmocka_unit_test_teardown(takes_pixels_as_the_metadata_says, close_model),
      cmocka_unit_test_teardown(takes_an_array_for_each_input, close_model),
      cmocka_unit_test_teardown(takes_labels, close_model),
      cmocka_unit_test_teardown(takes_a_folder_of_pictures, close_model),
      cmocka_unit_test_teardown(takes_folders_as_classes, close_model),
      cmocka_unit_test_teardown(keeps_within_its_cache, close_model),
      cmocka_unit_test_teardown(takes_pictures_of_float_models, close_model),
      cmocka_unit_test_teardown(takes_windows_of_sound, close_model),
      cmocka_unit_test_teardown(takes_packed_files, close_model),
      cmocka_unit_test_teardown(survives_cut_files, close_model),
      cmocka_unit_test_teardown(survives_short_memory, close_model),
  };
  return remove_folder(cmocka_run_group_tests(tests, NULL, NULL));
}
